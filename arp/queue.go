package arp

import (
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
)

// Packets that wait for an address (RFC 1122 2.3.2.2). The queue is bounded in
// bytes of true size, and it is the oldest that goes (B30).

func (e *entry) hold(b *skb.Buffer) {
	size := b.TrueSize()
	for e.heldBytes+size > e.m.set.queueBytes.Get() {
		old := e.held.PopFront()
		if old == nil {
			break
		}
		e.heldBytes -= old.TrueSize()
		old.Drop(skb.NeighQueueFull)
	}
	e.heldBytes += size
	e.held.PushBack(b)
	if b.Traced {
		e.m.env.Trace.Packet(trace.NeighHold, b, trace.Addr(e.key.ip), uint32(e.held.Len()), uint32(e.heldBytes), 0)
	}
}

// release lets all that waits go.
func (e *entry) release(do *todo) {
	if n := e.held.Len(); n > 0 && e.m.env.Trace.On(trace.NeighRelease) {
		e.m.env.Trace.Event(trace.NeighRelease, 0, trace.Addr(e.key.ip), uint32(n), 0, 0)
	}
	do.mac = e.mac
	do.send.Splice(&e.held)
	e.heldBytes = 0
}
