package ceiling

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/slankdev/ministack/test/bench/link"
)

// Sizes of headers, in bytes. No frame here has options, but the two that open
// a connection.
const (
	vnetLen  = 10
	etherLen = 14
	ipLen    = 20
	tcpLen   = 20
	udpLen   = 8
	icmpLen  = 8
	arpLen   = 28
)

// TCP's flags.
const (
	fin = 1 << iota
	syn
	rst
	psh
	ack
)

const (
	protoICMP = 1
	protoTCP  = 6
	protoUDP  = 17
	typeIPv4  = 0x0800
	typeARP   = 0x0806
)

var be = binary.BigEndian

var (
	hostIP  = netip.MustParseAddr(link.Host).As4()
	guestIP = netip.MustParseAddr(link.Guest).As4()
	ownMAC  = mustMAC(link.GuestMAC)
)

func mustMAC(s string) net.HardwareAddr {
	m, err := net.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}

// packet is a received IP packet, as views of the frame.
type packet struct {
	proto   byte
	ip      []byte // header and all
	l4      []byte // from the transport header on
	payload []byte // behind the TCP or UDP header
}

func (p packet) ports() (src, dst uint16) { return be.Uint16(p.l4), be.Uint16(p.l4[2:]) }
func (p packet) seq() uint32              { return be.Uint32(p.l4[4:]) }
func (p packet) ackNumber() uint32        { return be.Uint32(p.l4[8:]) }
func (p packet) flags() byte              { return p.l4[13] }
func (p packet) window() uint16           { return be.Uint16(p.l4[14:]) }

// parse looks at an IP packet; false for what is none that matters here.
func parse(b []byte) (p packet, ok bool) {
	if len(b) < ipLen+udpLen || b[0] != 0x45 {
		return p, false
	}
	total := int(be.Uint16(b[2:]))
	if total == 0 || total > len(b) { // a super-segment says 0 beyond 64 KB
		total = len(b)
	}
	p = packet{proto: b[9], ip: b[:total], l4: b[ipLen:total]}
	switch p.proto {
	case protoTCP:
		if len(p.l4) < tcpLen {
			return p, false
		}
		header := int(p.l4[12]>>4) * 4
		if header > len(p.l4) {
			return p, false
		}
		p.payload = p.l4[header:]
	case protoUDP, protoICMP:
		p.payload = p.l4[udpLen:]
	}
	return p, true
}

// putIP writes an IPv4 header for what carries n bytes behind it.
func putIP(h []byte, proto byte, n int) {
	clear(h[:ipLen])
	h[0] = 0x45
	be.PutUint16(h[2:], uint16(ipLen+n))
	h[6] = 0x40 // do not fragment
	h[8], h[9] = 64, proto
	copy(h[12:], guestIP[:])
	copy(h[16:], hostIP[:])
	be.PutUint16(h[10:], ^fold(sum(h[:ipLen], 0)))
}

// segment is a TCP segment to send.
type segment struct {
	src, dst uint16
	seq, ack uint32
	flags    byte
	window   uint16
	options  []byte
}

// put writes the TCP header and returns its length.
func (s segment) put(h []byte) int {
	n := tcpLen + len(s.options)
	clear(h[:tcpLen])
	be.PutUint16(h, s.src)
	be.PutUint16(h[2:], s.dst)
	be.PutUint32(h[4:], s.seq)
	be.PutUint32(h[8:], s.ack)
	h[12], h[13] = byte(n/4)<<4, s.flags
	be.PutUint16(h[14:], s.window)
	copy(h[tcpLen:], s.options)
	return n
}

// pseudo is the sum of the pseudo-header (RFC 9293 3.1) of n bytes.
func pseudo(proto byte, n int) uint32 {
	return sum(hostIP[:], sum(guestIP[:], uint32(proto)+uint32(n)))
}

func sum(b []byte, s uint32) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(be.Uint16(b))
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	s = s>>16 + s&0xffff
	return uint16(s>>16 + s)
}
