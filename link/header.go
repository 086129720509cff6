package link

import (
	"encoding/binary"

	"github.com/slankdev/ministack/netdev"
)

// HeaderLen is the length of an Ethernet header, in bytes.
const HeaderLen = 14

// EtherTypes (IEEE 802 numbers).
const (
	TypeIPv4 = 0x0800
	TypeARP  = 0x0806
	TypeVLAN = 0x8100
	TypeIPv6 = 0x86dd

	// minType is the smallest EtherType; less is an IEEE 802.3 length.
	minType = 0x0600
)

// What Linux calls the two kinds of IEEE 802.3 frames, which have a length for
// a type (if_ether.h).
const (
	Type8023 = 0x0001 // Novell's, without an LLC header
	TypeLLC  = 0x0004 // with one (IEEE 802.2)
)

// Header is a view of an Ethernet header. Valid comes first.
type Header []byte

// Valid reports whether the header is whole.
func (h Header) Valid() bool { return len(h) >= HeaderLen }

// Dst returns the destination address.
func (h Header) Dst() netdev.MACAddr { return netdev.MACAddr(h[0:6]) }

// Src returns the source address.
func (h Header) Src() netdev.MACAddr { return netdev.MACAddr(h[6:12]) }

// Type returns the EtherType.
func (h Header) Type() uint16 { return binary.BigEndian.Uint16(h[12:]) }

// encode writes the header of a frame that carries n bytes; the two kinds of
// IEEE 802.3 frames say that in place of a type (eth_header).
func (h Header) encode(dst, src netdev.MACAddr, etherType uint16, n int) {
	if etherType == Type8023 || etherType == TypeLLC {
		etherType = uint16(n)
	}
	copy(h[0:6], dst[:])
	copy(h[6:12], src[:])
	binary.BigEndian.PutUint16(h[12:], etherType)
}

// kind is what the frame carries: its EtherType, or, where that is a length,
// the kind of IEEE 802.3 frame (eth_type_trans). payload is what follows.
func (h Header) kind(payload []byte) uint16 {
	switch t := h.Type(); {
	case t >= minType:
		return t
	case len(payload) >= 2 && payload[0] == 0xff && payload[1] == 0xff:
		return Type8023
	}
	return TypeLLC
}
