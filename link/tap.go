package link

import (
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
	// Deliver gets a clone and takes it over. Its data begins at the network
	// header, and its link header is marked.
	Deliver func(d *netdev.Device, b *skb.Buffer)
}

func (t *Tap) wants(d *netdev.Device, etherType uint16) bool {
	return (t.EtherType == 0 || t.EtherType == etherType) && (t.Device == 0 || t.Device == d.Index)
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

// tap shows a received frame.
func (m *Module) tap(d *netdev.Device, b *skb.Buffer, etherType uint16) {
	for _, t := range *m.taps.Load() {
		if t.wants(d, etherType) {
			m.show(t, d, b)
		}
	}
}

// tapOutgoing shows a frame that leaves to the taps that see everything. The
// clone's data begins at the network header, as a received one's does.
func (m *Module) tapOutgoing(d *netdev.Device, b *skb.Buffer) {
	taps := *m.taps.Load()
	if len(taps) == 0 || !d.Up() { // what is down transmits nothing
		return
	}
	b.Type, b.IfIndex = skb.PacketOutgoing, int32(d.Index) // as Transmit will
	for _, t := range taps {
		if t.EtherType == 0 && t.wants(d, b.EtherType) {
			m.show(t, d, b)
		}
	}
}

func (m *Module) show(t *Tap, d *netdev.Device, b *skb.Buffer) {
	if b.Traced {
		m.env.Trace.Packet(trace.LinkTap, b, uint32(b.EtherType), uint32(b.Type), 0, 0)
	}
	c := b.Clone()
	if c.Type == skb.PacketOutgoing {
		if d.HasLink() {
			c.Pull(HeaderLen)
		}
		c.SetNetwork()
	}
	t.Deliver(d, c)
}
