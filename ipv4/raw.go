package ipv4

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
)

// RawReceiver is who gets datagrams beside, and before, the protocol: a raw
// socket. Unset fields match everything (B8).
type RawReceiver struct {
	Proto       uint8
	Peer, Local netip.Addr
	Device      int
	// Deliver gets a clone that begins at the network header, and takes it
	// over.
	Deliver func(b *skb.Buffer)
	// Error is told of ICMP errors about what the socket sent; may be nil.
	Error func(b *skb.Buffer, e *inet.Error)
}

func (r *RawReceiver) matches(src, dst netip.Addr, device int) bool {
	return (!r.Peer.IsValid() || r.Peer == src) && (!r.Local.IsValid() || r.Local == dst) &&
		(r.Device == 0 || r.Device == device)
}

// rawTable holds the receivers by protocol, copied on write (raw_v4_hashinfo).
type rawTable struct {
	mu   sync.Mutex
	list [256]atomic.Pointer[[]*RawReceiver]
}

func (t *rawTable) init() {
	for i := range t.list {
		t.list[i].Store(&[]*RawReceiver{})
	}
}

// AddRaw enters a receiver, RemoveRaw takes it out.
func (m *Module) AddRaw(r *RawReceiver) {
	m.raw.change(r.Proto, func(l []*RawReceiver) []*RawReceiver { return append(l, r) })
}

// RemoveRaw takes a receiver out.
func (m *Module) RemoveRaw(r *RawReceiver) {
	m.raw.change(r.Proto, func(l []*RawReceiver) []*RawReceiver {
		var kept []*RawReceiver
		for _, o := range l {
			if o != r {
				kept = append(kept, o)
			}
		}
		return kept
	})
}

func (t *rawTable) change(proto uint8, f func([]*RawReceiver) []*RawReceiver) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := f(append([]*RawReceiver(nil), *t.list[proto].Load()...))
	t.list[proto].Store(&next)
}

// deliver gives every matching receiver a clone, and reports whether there was
// one (raw_local_deliver).
func (t *rawTable) deliver(m *Module, b *skb.Buffer) bool {
	list := *t.list[b.Net.Proto].Load()
	if len(list) == 0 {
		return false
	}
	any := false
	for _, r := range list {
		if r.matches(b.Net.Src, b.Net.Dst, int(b.IfIndex)) {
			any = true
			c := b.Clone()
			if b.Traced {
				m.env.Trace.Packet(trace.RawClone, c, 0, 0, 0, 0)
			}
			r.Deliver(c)
		}
	}
	if b.Traced {
		m.env.Trace.Packet(trace.RawLookup, b, uint32(b.Net.Proto), uint32(len(list)), 0, 0)
	}
	return any
}
