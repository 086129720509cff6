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

func (h Header) encode(dst, src netdev.MACAddr, etherType uint16) {
	copy(h[0:6], dst[:])
	copy(h[6:12], src[:])
	binary.BigEndian.PutUint16(h[12:], etherType)
}
