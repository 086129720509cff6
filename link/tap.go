package link

import (
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
)

// Tap sees frames before the protocols do (ptype_all, ptype_base): what packet
// sockets and captures are made of.
type Tap struct {
	// EtherType chooses frames; 0 means all, outgoing ones among them (B20).
	EtherType uint16
	// Device chooses the device by index; 0 means any.
	Device int
	// Sock is the number of the socket behind the tap, 0 for none: what it
	// sent itself is not shown to it (skb_loop_sk).
	Sock uint32
	// Deliver gets a clone and takes it over. Its data begins at the network
	// header, and its link header is marked.
	Deliver func(d *netdev.Device, b *skb.Buffer)
	// Look, if there is one, is called in place of Deliver with the frame
	// itself, which stays the caller's: it may clone it, but leaves it as it
	// was. So a filter costs no clone.
	Look func(d *netdev.Device, b *skb.Buffer)
}

func (t *Tap) wants(d *netdev.Device, b *skb.Buffer) bool {
	return (t.EtherType == 0 || t.EtherType == b.EtherType && b.Type != skb.PacketOutgoing) &&
		(t.Device == 0 || t.Device == d.Index) && (b.Sock == 0 || b.Sock != t.Sock)
}

// AddTap enters a tap; it sees frames from now on.
func (m *Module) AddTap(t *Tap) {
	m.changeTaps(func(l []*Tap) []*Tap { return append(l, t) })
}

// RemoveTap takes a tap out. A frame that is being delivered may still reach
// it.
func (m *Module) RemoveTap(t *Tap) {
	m.changeTaps(func(l []*Tap) []*Tap {
		var kept []*Tap
		for _, o := range l {
			if o != t {
				kept = append(kept, o)
			}
		}
		return kept
	})
}

func (m *Module) changeTaps(change func([]*Tap) []*Tap) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := change(append([]*Tap(nil), *m.taps.Load()...))
	m.taps.Store(&next)
}

// tap shows a frame whose link header is marked and whose data begins at the
// network header.
func (m *Module) tap(d *netdev.Device, b *skb.Buffer) {
	taps := *m.taps.Load()
	if b.Traced && len(taps) > 0 {
		m.traceTaps(taps, d, b)
	}
	for _, t := range taps {
		switch {
		case !t.wants(d, b):
		case t.Look != nil:
			t.Look(d, b)
		default:
			t.Deliver(d, b.Clone())
		}
	}
}

// traceTaps records how many taps see the frame.
func (m *Module) traceTaps(taps []*Tap, d *netdev.Device, b *skb.Buffer) {
	n := uint32(0)
	for _, t := range taps {
		if t.wants(d, b) {
			n++
		}
	}
	if n > 0 {
		m.env.Trace.Packet(trace.PacketLookup, b, uint32(b.EtherType), uint32(b.Type), n, 0)
	}
}

// Sent shows frames that are about to go to a device's driver, as the driver
// gets them, to the taps that see everything. The caller makes it the device
// table's Tx.
func (m *Module) Sent(d *netdev.Device, batch []*skb.Buffer) {
	if len(*m.taps.Load()) == 0 {
		return
	}
	now := m.env.Clock.Now()
	for _, b := range batch {
		m.tapOutgoing(d, b, now)
	}
}

// tapOutgoing shows a frame as a received one is shown, and puts it back as it
// was.
func (m *Module) tapOutgoing(d *netdev.Device, b *skb.Buffer, now clock.Time) {
	before := b.Time
	b.Type, b.Time = skb.PacketOutgoing, now
	b.SetLink()
	if d.HasLink() && !b.Pull(HeaderLen) {
		return
	}
	b.SetNetwork()
	m.tap(d, b)
	b.PushToLink()
	b.Time = before
}
