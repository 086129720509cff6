package netdev

import (
	"encoding/binary"

	"github.com/slankdev/ministack/checksum"
	"github.com/slankdev/ministack/skb"
)

// What cutting and joining need of the headers that they rewrite. The layers
// that own these headers stand above and cannot be imported; each view here is
// only as wide as a device needs it (tcp_offload.c knows TCP the same way).

const (
	etherLen  = 14
	etherIPv4 = 0x0800
	ipMinLen  = 20
	tcpMinLen = 20
	udpLen    = 8
	protoTCP  = 6
	protoUDP  = 17
	maxIPLen  = 65535
)

// TCP flags as they stand in byte 13.
const (
	tcpFIN = 0x01
	tcpPSH = 0x08
	tcpACK = 0x10
	tcpCWR = 0x80
)

// ipHeader is a view over an IPv4 header of at least ipMinLen bytes.
type ipHeader []byte

func (h ipHeader) version() int     { return int(h[0] >> 4) }
func (h ipHeader) headerLen() int   { return int(h[0]&0xf) * 4 }
func (h ipHeader) totalLen() int    { return int(binary.BigEndian.Uint16(h[2:])) }
func (h ipHeader) id() uint16       { return binary.BigEndian.Uint16(h[4:]) }
func (h ipHeader) fragment() uint16 { return binary.BigEndian.Uint16(h[6:]) } // flags and offset
func (h ipHeader) protocol() byte   { return h[9] }
func (h ipHeader) checksum() uint16 { return binary.BigEndian.Uint16(h[10:]) }
func (h ipHeader) addrs() uint64    { return binary.BigEndian.Uint64(h[12:]) }

// set changes one 16-bit field, and the header's checksum with it (RFC 1624).
func (h ipHeader) set(field int, v uint16) {
	old := binary.BigEndian.Uint16(h[field:])
	binary.BigEndian.PutUint16(h[field:], v)
	binary.BigEndian.PutUint16(h[10:], checksum.Update(h.checksum(), old, v))
}

func (h ipHeader) setTotalLen(n int) { h.set(2, uint16(n)) }
func (h ipHeader) setID(id uint16)   { h.set(4, id) }

// pseudo is the sum of the pseudo-header but for the length.
func (h ipHeader) pseudo() uint16 {
	return checksum.Add(checksum.Sum(0, h[12:20]), uint16(h.protocol()))
}

// tcpHeader is a view over a TCP header of at least tcpMinLen bytes.
type tcpHeader []byte

func (h tcpHeader) ports() uint32   { return binary.BigEndian.Uint32(h) }
func (h tcpHeader) seq() uint32     { return binary.BigEndian.Uint32(h[4:]) }
func (h tcpHeader) setSeq(v uint32) { binary.BigEndian.PutUint32(h[4:], v) }
func (h tcpHeader) headerLen() int  { return int(h[12]>>4) * 4 }
func (h tcpHeader) flags() byte     { return h[13] }

// checksumOffset is where a transport header's checksum stands.
func checksumOffset(proto byte) int {
	if proto == protoUDP {
		return 6
	}
	return 16
}

// carriesIPv4 asks the EtherType, or, without a link header, the version.
func carriesIPv4(b *skb.Buffer, link int) bool {
	if link == 0 {
		return b.MayPull(1) && b.Data()[0]>>4 == 4
	}
	return b.MayPull(etherLen) && binary.BigEndian.Uint16(b.Data()[12:]) == etherIPv4
}

// markHeaders marks link, network and transport header of the frame b, whose
// network header stands net bytes in, and transport header trans bytes in.
func markHeaders(b *skb.Buffer, net, trans int) {
	if net > 0 {
		b.SetLink()
	}
	b.Pull(net)
	b.SetNetwork()
	b.Pull(trans - net)
	b.SetTransport()
	b.Push(trans)
}

// sumFrom sums the frame from offset off to its end.
func sumFrom(b *skb.Buffer, off int) uint16 {
	head := b.Data()[off:]
	sum, at := checksum.Sum(0, head), len(head)
	frags := b.Frags()
	for i := range frags {
		p := frags[i].Bytes()
		sum = checksum.SumAt(sum, at, p)
		at += len(p)
	}
	return sum
}
