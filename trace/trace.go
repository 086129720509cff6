// Package trace makes every layer boundary of a stack visible: events fixed in
// a catalogue, written as flat records to a ring when somebody watches, and,
// for the slow ones, always to a flight recorder. Off, a point on the packet
// path costs the test of one bool in the packet.
package trace

import (
	"runtime"
	"sync"
	"sync/atomic"
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
	Dir    uint8 // 0 received, 1 sent
	_      [3]byte
	Args   [4]uint32
}

var _ [64]byte = [unsafe.Sizeof(Record{})]byte{}

// ring keeps the last records. Several goroutines write to it.
type ring struct {
	mu   sync.Mutex
	next uint64 // how many were ever written
	mask uint64
	recs []Record
}

func newRing(size int) *ring {
	return &ring{mask: uint64(size - 1), recs: make([]Record, size)}
}

func (r *ring) put(rec *Record) {
	r.mu.Lock()
	r.recs[r.next&r.mask] = *rec
	r.next++
	r.mu.Unlock()
}

// since appends to dst the records after number from that are still kept.
func (r *ring) since(from uint64, dst []Record) ([]Record, uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if size := r.mask + 1; r.next > size && from < r.next-size {
		from = r.next - size
	}
	for n := from; n < r.next; n++ {
		dst = append(dst, r.recs[n&r.mask])
	}
	return dst, r.next
}

// FlightRecords is how many slow events the flight recorder remembers.
const FlightRecords = 4096

// Tracer is one stack's recorder.
type Tracer struct {
	clock  clock.Clock
	on     [NumEvents]atomic.Bool
	any    atomic.Bool
	filter atomic.Pointer[func(*skb.Buffer) bool]
	ring   atomic.Pointer[ring]
	flight *ring
	sites  [NumEvents]atomic.Uintptr
	fired  [NumEvents]atomic.Bool
}

// New returns a tracer with tracing off and the flight recorder running.
func New(c clock.Clock) *Tracer {
	return &Tracer{clock: c, flight: newRing(FlightRecords)}
}

// On reports whether somebody watches ev. It gates events that have no packet;
// those of a packet are gated by the packet's Traced bit.
func (t *Tracer) On(ev Event) bool { return t.on[ev].Load() }

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

// Packet records an event of a packet. Callers test b.Traced first:
//
//	if b.Traced { tr.Packet(trace.IPv4Rx, b, src, dst, ttl, id) }
func (t *Tracer) Packet(ev Event, b *skb.Buffer, a0, a1, a2, a3 uint32) {
	if !t.on[ev].Load() {
		return
	}
	rec := Record{Time: t.clock.Now(), Packet: b.ID, Cause: b.Cause, If: int16(b.IfIndex), Event: ev,
		Len: uint32(b.Len()), Args: [4]uint32{a0, a1, a2, a3}, Dir: dirOf(b)}
	t.write(&rec)
}

func dirOf(b *skb.Buffer) uint8 {
	if b.Type == skb.PacketOutgoing {
		return 1
	}
	return 0
}

// Event records an event of a socket or a table, without a packet. Callers
// test On first, except for slow events, which Slow is for.
func (t *Tracer) Event(ev Event, sock uint32, a0, a1, a2, a3 uint32) {
	if !t.on[ev].Load() {
		return
	}
	rec := Record{Time: t.clock.Now(), Sock: sock, Event: ev, Args: [4]uint32{a0, a1, a2, a3}}
	t.write(&rec)
}

// Slow records a slow event: always in the flight recorder, in the ring as
// well if it is watched. cause is the packet that brought it about, 0 if none.
//
//go:noinline
func (t *Tracer) Slow(ev Event, sock uint32, cause uint64, args [4]uint32) {
	rec := Record{Time: t.clock.Now(), Sock: sock, Cause: cause, Event: ev, Args: args}
	var pc [1]uintptr
	runtime.Callers(2, pc[:])
	rec.Site = pc[0]
	t.slow(&rec)
}

// Dropped records a buffer's death by Drop; it is the pool's Fate.
func (t *Tracer) Dropped(b *skb.Buffer, r skb.Reason, site uintptr) {
	rec := Record{Time: t.clock.Now(), Packet: b.ID, Cause: b.Cause, If: int16(b.IfIndex), Event: StackDrop,
		Reason: r, Len: uint32(b.Len()), Site: site, Dir: dirOf(b)}
	rec.Args = flowArgs(b)
	t.slow(&rec)
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
		a[3] = uint32(th[0])<<24 | uint32(th[1])<<16 | uint32(th[2])<<8 | uint32(th[3])
	}
	return a
}

func (t *Tracer) slow(rec *Record) {
	t.fired[rec.Event].Store(true)
	t.flight.put(rec)
	if t.on[rec.Event].Load() {
		if r := t.ring.Load(); r != nil {
			r.put(rec)
		}
	}
}

// write keeps a record. The site of an event is learnt the first time it
// fires, so that later ones pay nothing for it.
//
//go:noinline
func (t *Tracer) write(rec *Record) {
	if t.sites[rec.Event].Load() == 0 {
		t.learn(rec.Event)
	}
	rec.Site = t.sites[rec.Event].Load()
	if r := t.ring.Load(); r != nil {
		r.put(rec)
	}
}

//go:noinline
func (t *Tracer) learn(ev Event) {
	var pc [1]uintptr
	runtime.Callers(4, pc[:])
	t.sites[ev].Store(pc[0])
	t.fired[ev].Store(true)
}

// Fired reports whether an event was ever recorded; the tests use it to show
// that every event of the catalogue happens.
func (t *Tracer) Fired(ev Event) bool { return t.fired[ev].Load() }
