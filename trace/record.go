package trace

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
)

// Record is one event: 64 bytes, no pointers.
type Record struct {
	Time   clock.Time
	Packet uint64 // packet id, 0 if no packet is meant
	Cause  uint64 // id of the packet that made the stack do it
	Site   uintptr
	Sock   uint32
	If     int16
	Event  Event
	Reason skb.Reason
	Len    uint32
	Dir    uint8 // Received or Sent
	_      [3]byte
	Args   [4]uint32
}

// Directions of a record.
const (
	Received uint8 = iota
	Sent
)

var _ [64 - unsafe.Sizeof(Record{})]byte // it fits a cache line

// Addr returns an IPv4 address as a record's argument; anything else is 0.
func Addr(a netip.Addr) uint32 {
	if !a.Is4() {
		return 0
	}
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// AddrOf is the reverse of Addr.
func AddrOf(v uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return netip.AddrFrom4(b)
}

// dirOf tells a packet of our own, which has no device yet or is on its way out
// of one, from one that came in.
func dirOf(b *skb.Buffer) uint8 {
	if b.IfIndex == 0 || b.Type == skb.PacketOutgoing {
		return Sent
	}
	return Received
}

// flowArgs returns source, destination, protocol and ports of a packet as far
// as they were read.
func flowArgs(b *skb.Buffer) [4]uint32 {
	n := &b.Net
	if !n.Src.Is4() || !n.Dst.Is4() {
		return [4]uint32{}
	}
	a := [4]uint32{Addr(n.Src), Addr(n.Dst), uint32(n.Proto), 0}
	if th := b.Transport(); len(th) >= 4 {
		a[3] = binary.BigEndian.Uint32(th)
	}
	return a
}
