// Package trace makes every layer boundary of a stack visible: events fixed in
// a catalogue, written as flat records to a ring when somebody watches, and,
// for the slow ones, always to a flight recorder. Off, a point on the packet
// path costs the test of one bool in the packet.
//
// Decode turns records into words, Printer shows the way of a packet, Explain
// groups what went wrong, ParseFilter understands tcpdump's words.
package trace

//go:generate go test -run TestGeneratedDocsAreCurrent -update .

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
)

// FlightRecords is how many slow events the flight recorder remembers.
const FlightRecords = 4096

// Tracer is one stack's recorder.
type Tracer struct {
	clock  clock.Clock
	gates  [NumEvents]atomic.Uint32
	any    atomic.Bool
	filter atomic.Pointer[func(*skb.Buffer) bool]
	ring   atomic.Pointer[ring]
	flight *ring
	walks  sync.Pool
	fired  [NumEvents]atomic.Bool
	probe  atomic.Pointer[probe]
}

// Bits of a gate: one load tells all that matters of an event.
const (
	gateOpen    uint32 = 1 << iota // somebody watches
	gatePrecise                    // with the clock read at each event
	gateSent                       // of a packet that leaves
	gateRest                       // after which the packet may lie in a queue
	gateNew                        // that was not recorded since Start
	gateProbe                      // with the calls that led to it
)

// New returns a tracer with tracing off and the flight recorder running.
func New(c clock.Clock) *Tracer {
	t := &Tracer{clock: c, flight: newRing(FlightRecords)}
	t.initWalks()
	return t
}

// On reports whether somebody watches ev. It gates events that have no packet;
// those of a packet are gated by the packet's Traced bit.
func (t *Tracer) On(ev Event) bool { return t.gates[ev].Load() != 0 }

// Mark decides, once a packet, whether its way is recorded.
func (t *Tracer) Mark(b *skb.Buffer) {
	if t.any.Load() {
		t.mark(b)
	}
}

func (t *Tracer) mark(b *skb.Buffer) {
	f := t.filter.Load()
	b.Traced = f == nil || (*f)(b)
}

// MarkSent is Mark for a packet that a transport has built, its header marked,
// and that the network layer has not seen: src, dst and proto are what its
// header will say.
func (t *Tracer) MarkSent(b *skb.Buffer, src, dst netip.Addr, proto uint8) {
	if t.any.Load() {
		b.Type = skb.PacketOutgoing
		b.Net.Src, b.Net.Dst, b.Net.Proto = src, dst, proto
		t.mark(b)
	}
}

// Packet records an event of a packet. Callers test b.Traced first:
//
//	if b.Traced { tr.Packet(trace.IPv4Rx, b, src, dst, ttl, id) }
//
// It is not inlined, so that its caller is the event's site.
//
//go:noinline
func (t *Tracer) Packet(ev Event, b *skb.Buffer, a0, a1, a2, a3 uint32) {
	gate := t.gates[ev].Load()
	if gate == 0 {
		return
	}
	w, _ := b.Walk.(*walk)
	if w == nil || w.n >= walkLen {
		w = t.room(b)
	}
	rec := &w.recs[w.n%walkLen]
	w.n++
	rec.Event, rec.Reason, rec.Sock = ev, 0, 0
	rec.of(b)
	rec.Args = [4]uint32{a0, a1, a2, a3}
	if gate != gateOpen {
		t.special(gate, rec)
	}
	rec.Site = callerPC()
	if gate&gateRest != 0 {
		w.publish()
	}
}

// of notes what a buffer tells of itself. Its time is when its batch came or
// when it was made, so that the clock is read once a packet.
func (r *Record) of(b *skb.Buffer) {
	r.Time, r.Packet, r.Cause, r.If, r.Len, r.Dir = b.Time, b.ID, b.Cause, int16(b.IfIndex), uint32(b.Len()), dirOf(b)
}

// special does what few events need.
//
//go:noinline
func (t *Tracer) special(gate uint32, rec *Record) {
	if gate&gatePrecise != 0 {
		rec.Time = t.clock.Now()
	}
	if gate&gateSent != 0 {
		rec.Dir = Sent
	}
	if gate&gateNew != 0 {
		t.gates[rec.Event].And(^gateNew)
		t.happened(rec.Event)
	}
	if gate&gateProbe != 0 {
		t.probed(rec)
	}
}

func (t *Tracer) happened(ev Event) {
	if !t.fired[ev].Load() {
		t.fired[ev].Store(true)
	}
}

// Fired reports whether an event was ever recorded; the tests use it to show
// that every event of the catalogue happens.
func (t *Tracer) Fired(ev Event) bool { return t.fired[ev].Load() }

// Event records an event of a socket or a table, without a packet. Callers
// test On first, except for slow events, which Slow is for.
//
//go:noinline
func (t *Tracer) Event(ev Event, sock uint32, a0, a1, a2, a3 uint32) {
	if !t.On(ev) {
		return
	}
	rec := [1]Record{{Time: t.clock.Now(), Site: callerPC(), Sock: sock, Event: ev, Args: [4]uint32{a0, a1, a2, a3}}}
	t.happened(ev)
	if r := t.ring.Load(); r != nil {
		r.put(rec[:])
	}
	t.probed(&rec[0])
}

// Slow records a slow event: always in the flight recorder, in the ring as
// well if it is watched. cause is the packet that brought it about, 0 if none.
//
//go:noinline
func (t *Tracer) Slow(ev Event, sock uint32, cause uint64, args [4]uint32) {
	rec := [1]Record{{Time: t.clock.Now(), Site: callerPC(), Sock: sock, Cause: cause, Event: ev, Args: args}}
	t.happened(ev)
	t.flight.put(rec[:])
	if r := t.ring.Load(); r != nil && t.On(ev) {
		r.put(rec[:])
		t.probed(&rec[0])
	}
}

// Dropped records a buffer's death by Drop; it is the pool's Fate. Frames for
// other stations are no fault: on a promiscuous device they would push what
// matters out of the flight recorder.
func (t *Tracer) Dropped(b *skb.Buffer, r skb.Reason, site uintptr) {
	t.happened(StackDrop)
	traced := b.Traced && t.On(StackDrop)
	if r == skb.OtherHost && !traced {
		return
	}
	rec := [1]Record{{Site: site, Event: StackDrop, Reason: r, Args: flowArgs(b)}}
	rec[0].of(b)
	rec[0].Time = t.clock.Now()
	if r != skb.OtherHost {
		t.flight.put(rec[:])
	}
	if traced {
		w := t.room(b)
		w.recs[w.n] = rec[0]
		w.n++
		t.probed(&rec[0])
	}
}
