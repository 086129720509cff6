package trace

import (
	"sync"

	"github.com/slankdev/ministack/skb"
)

// A packet's events are gathered in a log that the packet carries, its walk,
// and written to the ring in one piece where the packet comes to rest: in a
// queue, or at its end. The buffer has one owner at a time, hence so has the
// walk: an event costs the plain writes of its record and no atomic operation,
// and the ring's lock is taken once a packet.

// walkLen is how many records a walk gathers before it is written.
const walkLen = 16

type walk struct {
	t    *Tracer
	n    uint
	recs [walkLen]Record
}

var _ skb.Walk = (*walk)(nil)

// resting are the events after which a packet may lie in a queue for long.
var resting = [NumEvents]bool{
	NeighHold: true, IPv4FragHold: true, RawDeliver: true, PacketDeliver: true, UDPDeliver: true,
	TCPData: true, TCPDeliver: true, TCPListen: true, LinkTx: true,
}

// room returns b's walk with room for a record.
//
//go:noinline
func (t *Tracer) room(b *skb.Buffer) *walk {
	w, _ := b.Walk.(*walk)
	switch {
	case w == nil:
		w = t.walks.Get().(*walk)
		b.Walk = w
		if b.Time == 0 {
			b.Time = t.clock.Now()
		}
	case w.n == walkLen:
		w.publish()
	}
	return w
}

// publish writes to the ring what was gathered.
func (w *walk) publish() {
	if r := w.t.ring.Load(); r != nil {
		r.put(w.recs[:w.n])
	}
	w.n = 0
}

// End is called when the buffer dies.
func (w *walk) End() {
	w.publish()
	w.t.walks.Put(w)
}

func (t *Tracer) initWalks() {
	t.walks = sync.Pool{New: func() any { return &walk{t: t} }}
}
