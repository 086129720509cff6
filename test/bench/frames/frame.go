// Package frames speaks to a device in whole frames, by as few system calls as it
// takes, and knows just enough of the headers to open connections and to answer.
package frames

import "encoding/binary"

// Sizes of headers, in bytes. No frame here has options, but the two that open
// a connection.
const (
	IPLen  = 20
	TCPLen = 20
	UDPLen = 8

	vnetLen  = 10
	etherLen = 14
	arpLen   = 28
)

// TCP's flags.
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
)

// Protocols of IP.
const (
	ICMP = 1
	TCP  = 6
	UDP  = 17
)

const (
	typeIPv4 = 0x0800
	typeARP  = 0x0806
)

var be = binary.BigEndian

// Packet is a received IP packet, as views of the frame.
type Packet struct {
	Proto   byte
	IP      []byte // header and all
	L4      []byte // from the transport header on
	Payload []byte // behind the transport header
}

// Ports returns the ports of TCP or UDP.
func (p Packet) Ports() (src, dst uint16) { return be.Uint16(p.L4), be.Uint16(p.L4[2:]) }

// Seq returns TCP's sequence number.
func (p Packet) Seq() uint32 { return be.Uint32(p.L4[4:]) }

// Ack returns TCP's acknowledgement number.
func (p Packet) Ack() uint32 { return be.Uint32(p.L4[8:]) }

// Has reports whether TCP has one of the flags.
func (p Packet) Has(flags byte) bool { return p.L4[13]&flags != 0 }

// Window returns TCP's window as it is in the header.
func (p Packet) Window() uint16 { return be.Uint16(p.L4[14:]) }

// Scale returns the window scale among a SYN's options (RFC 7323).
func (p Packet) Scale() byte {
	options := p.L4[TCPLen : int(p.L4[12]>>4)*4]
	for len(options) > 1 {
		switch kind := options[0]; {
		case kind == 1:
			options = options[1:]
			continue
		case kind == 0 || options[1] < 2 || int(options[1]) > len(options):
			return 0
		case kind == 3:
			return options[2]
		}
		options = options[options[1]:]
	}
	return 0
}

// parse looks at an IP packet; false for what is none that matters here.
func parse(b []byte) (p Packet, ok bool) {
	if len(b) < IPLen+UDPLen || b[0] != 0x45 {
		return p, false
	}
	total := int(be.Uint16(b[2:]))
	if total == 0 || total > len(b) { // a super-segment says 0 beyond 64 KB
		total = len(b)
	}
	p = Packet{Proto: b[9], IP: b[:total], L4: b[IPLen:total]}
	switch p.Proto {
	case TCP:
		if len(p.L4) < TCPLen {
			return p, false
		}
		header := int(p.L4[12]>>4) * 4
		if header > len(p.L4) {
			return p, false
		}
		p.Payload = p.L4[header:]
	case UDP, ICMP:
		p.Payload = p.L4[UDPLen:]
	}
	return p, true
}

// putIP writes an IPv4 header for what carries n bytes behind it.
func (d *Device) putIP(h []byte, proto byte, n int) {
	clear(h[:IPLen])
	h[0] = 0x45
	be.PutUint16(h[2:], uint16(IPLen+n))
	h[6] = 0x40 // do not fragment
	h[8], h[9] = 64, proto
	copy(h[12:], d.own[:])
	copy(h[16:], d.other[:])
	be.PutUint16(h[10:], ^fold(sum(h[:IPLen], 0)))
}

// Segment is a TCP segment to send.
type Segment struct {
	Src, Dst uint16
	Seq, Ack uint32
	Flags    byte
	Window   uint16
	Options  []byte
}

// put writes the TCP header and returns its length.
func (s Segment) put(h []byte) int {
	n := TCPLen + len(s.Options)
	clear(h[:TCPLen])
	be.PutUint16(h, s.Src)
	be.PutUint16(h[2:], s.Dst)
	be.PutUint32(h[4:], s.Seq)
	be.PutUint32(h[8:], s.Ack)
	h[12], h[13] = byte(n/4)<<4, s.Flags
	be.PutUint16(h[14:], s.Window)
	copy(h[TCPLen:], s.Options)
	return n
}

// SynOptions are the options of a SYN: the largest segment, and the shift of
// the window.
func SynOptions(mss int, scale byte) []byte {
	return []byte{2, 4, byte(mss >> 8), byte(mss), 3, 3, scale, 1}
}

// pseudo is the sum of the pseudo-header of n bytes.
func (d *Device) pseudo(proto byte, n int) uint32 {
	return sum(d.own[:], sum(d.other[:], uint32(proto)+uint32(n)))
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
