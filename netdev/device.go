package netdev

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
)

// Flags of a device, with Linux's values (netdevice(7)).
type Flags uint32

// Device flags.
const (
	Up          Flags = 0x1
	IsBroadcast Flags = 0x2
	IsLoopback  Flags = 0x8
	NoARP       Flags = 0x80
	Promisc     Flags = 0x100
	AllMulti    Flags = 0x200
	IsMulticast Flags = 0x1000
)

// MACAddr is a link address that can be compared and used as a key.
type MACAddr [6]byte

// BroadcastMAC is the link's broadcast address.
var BroadcastMAC = MACAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

func (m MACAddr) String() string { return net.HardwareAddr(m[:]).String() }

// IsMulticast reports whether the group bit is set; broadcast has it too.
func (m MACAddr) IsMulticast() bool { return m[0]&1 != 0 }

// Counters of a device, as ip -s link shows them.
type Counters struct {
	RxPackets, RxBytes, RxDropped           atomic.Uint64
	TxPackets, TxBytes, TxDropped, TxErrors atomic.Uint64
}

// Device is one interface: Linux's net_device.
type Device struct {
	Index    int
	Name     string
	MAC      MACAddr
	Features Features
	Counters Counters

	table  *Table
	driver Driver
	mtu    atomic.Int32
	flags  atomic.Uint32
	modes  atomic.Uint32
	addrs  atomic.Pointer[[]netip.Prefix]
	groups atomic.Pointer[map[MACAddr]int] // link multicast memberships
	mu     sync.Mutex                      // writers of addrs, groups, flags and rx
	rx     rxMode
	multi  bool // the driver is a MultiWriter
	tx     []*txQueue
	queued atomic.Uint32 // a bit for each transmit queue that may have frames
	done   chan struct{} // closed when the receive goroutine has ended
	polled atomic.Bool   // a poll is posted on the virtual clock
	failed atomic.Pointer[error]
}

// MTU returns the largest network packet, in bytes.
func (d *Device) MTU() int { return int(d.mtu.Load()) }

// SetMTU changes it; routes are looked up anew.
func (d *Device) SetMTU(mtu int) {
	d.mtu.Store(int32(mtu))
	if d.table.Changed != nil {
		d.table.Changed()
	}
}

// SetTxQueueLen bounds the frames that wait for the driver in each transmit
// queue (txqueuelen); with 0 the device drops all that it is given.
func (d *Device) SetTxQueueLen(frames int) {
	for _, t := range d.tx {
		t.limit.Store(int32(frames))
	}
}

// Flags returns the device's flags.
func (d *Device) Flags() Flags { return Flags(d.flags.Load()) }

// Up reports whether the device passes traffic.
func (d *Device) Up() bool { return d.Flags()&Up != 0 }

// SetFlags sets and clears flags. Promisc and AllMulti are counted: they stay
// while others want them too.
func (d *Device) SetFlags(set, clear Flags) {
	d.mu.Lock()
	before := d.Up()
	d.setRxFlags(set, clear)
	const counted = Promisc | AllMulti
	d.flags.Store(uint32(d.Flags()&^(clear&^counted) | set&^counted))
	now := d.Up()
	d.mu.Unlock()
	if now != before {
		d.table.notify(d, now)
	}
}

// linkLen is the length of the link header, in bytes.
func (d *Device) linkLen() int {
	if d.HasLink() {
		return etherLen
	}
	return 0
}

// HasLink reports whether frames carry an Ethernet header.
func (d *Device) HasLink() bool { return !d.Features.Has(NoLink) }

// Driver returns the driver behind the device.
func (d *Device) Driver() Driver { return d.driver }

// Err returns why the driver stopped by itself, nil while it works.
func (d *Device) Err() error {
	if e := d.failed.Load(); e != nil {
		return *e
	}
	return nil
}

// Done is closed when the device receives no more: its driver was closed, or
// stopped by itself. On a virtual clock, which has no receive goroutine, it
// is closed from the start.
func (d *Device) Done() <-chan struct{} { return d.done }

// Addrs returns the device's addresses with their networks, the first of each
// network being the primary one. The slice must not be changed.
func (d *Device) Addrs() []netip.Prefix {
	if p := d.addrs.Load(); p != nil {
		return *p
	}
	return nil
}

// SetAddrs replaces the list of addresses; the network layer keeps it.
func (d *Device) SetAddrs(list []netip.Prefix) { d.addrs.Store(&list) }

// JoinGroup counts a membership in a link multicast group up or down
// (dev_mc_add, dev_mc_del).
func (d *Device) JoinGroup(g MACAddr, by int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := map[MACAddr]int{}
	if m := d.groups.Load(); m != nil {
		for k, v := range *m {
			next[k] = v
		}
	}
	if next[g] += by; next[g] <= 0 {
		delete(next, g)
	}
	d.groups.Store(&next)
}

// InGroup reports whether frames to the link multicast group g are wanted.
func (d *Device) InGroup(g MACAddr) bool {
	m := d.groups.Load()
	return m != nil && (*m)[g] > 0
}

// Transmit queues a whole frame for the driver and takes it over. It leaves
// with the next Flush of the table.
func (d *Device) Transmit(b *skb.Buffer) skb.Reason {
	if !d.Up() {
		return b.Drop(skb.DevReady)
	}
	b.Type, b.IfIndex = skb.PacketOutgoing, int32(d.Index)
	if b.Csum == skb.CsumPartial {
		b.CsumStart = uint16(checksumStart(b))
	}
	if b.Traced {
		d.table.Trace.Packet(trace.LinkTx, b, uint32(d.Index), uint32(b.Len()), uint32(b.Csum), uint32(b.GSOSize))
	}
	return d.prepare(b)
}

// prepare does in software what the driver cannot, then queues.
func (d *Device) prepare(b *skb.Buffer) skb.Reason {
	switch {
	case b.GSO == skb.GSONone:
	case !d.cuts(b):
		return d.segment(b)
	case b.Csum != skb.CsumPartial:
		if r := offerChecksum(b); r != skb.NotDropped {
			return b.Drop(r)
		}
	}
	if r := d.finish(b); r != skb.NotDropped {
		return b.Drop(r)
	}
	return d.pickTx(b).push(d, b)
}

// finish computes a checksum that the driver does not.
func (d *Device) finish(b *skb.Buffer) skb.Reason {
	if b.Csum != skb.CsumPartial || d.Features.Has(TxCsum) {
		return skb.NotDropped
	}
	return FinishChecksum(b)
}

// cuts reports whether the driver cuts the super-segment b. A datagram without
// a checksum is none of its business: virtio's header has no word for it.
func (d *Device) cuts(b *skb.Buffer) bool {
	if b.GSO == skb.GSOUDPv4 {
		return d.Features.Has(USO) && b.Csum == skb.CsumPartial
	}
	return d.Features.Has(TSO4)
}

// segment cuts a super-segment and queues the pieces (validate_xmit_skb). It
// reports a drop only where no piece was queued: who sent it may then take it
// back, and must not where the peer may have a part.
func (d *Device) segment(b *skb.Buffer) skb.Reason {
	t := d.pickTx(b)
	var parts, whole skb.Queue
	r := Segment(b, &parts)
	for s := parts.PopFront(); s != nil; s = parts.PopFront() {
		if why := d.finish(s); why != skb.NotDropped {
			r = s.Drop(why)
		} else {
			whole.PushBack(s)
		}
	}
	if whole.Len() == 0 {
		return r
	}
	return t.pushAll(d, &whole)
}
