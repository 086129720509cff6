package trace

import "github.com/slankdev/ministack/skb"

// Watch is what somebody wants to see.
type Watch struct {
	Events  []Event                // none: all
	Filter  func(*skb.Buffer) bool // decides by packet at link.rx or at creation; nil: all
	Records int                    // size of the ring, rounded up to a power of two; 0: 65536
	Precise bool                   // read the clock at each event, not once a packet
}

// Start turns tracing on; a second Start replaces the first.
func (t *Tracer) Start(w Watch) {
	size := w.Records
	if size <= 0 {
		size = 1 << 16
	}
	t.Stop()
	t.ring.Store(newRing(size))
	t.filter.Store(nil)
	if w.Filter != nil {
		t.filter.Store(&w.Filter)
	}
	if len(w.Events) == 0 {
		for ev := range NumEvents {
			t.open(ev, w.Precise)
		}
	}
	for _, ev := range w.Events {
		t.open(ev, w.Precise)
	}
	t.any.Store(true)
}

func (t *Tracer) open(ev Event, precise bool) {
	gate := gateOpen | gateNew
	if precise {
		gate |= gatePrecise
	}
	if catalogue[ev].kind == sent {
		gate |= gateSent
	}
	if resting[ev] {
		gate |= gateRest
	}
	t.gates[ev].Store(gate)
}

// Stop turns tracing off; what was recorded can still be read.
func (t *Tracer) Stop() {
	t.any.Store(false)
	t.probe.Store(nil)
	for ev := range NumEvents {
		t.gates[ev].Store(0)
	}
}

// Read appends to dst what was recorded from the position from on (0: the
// oldest that is kept). It returns the position to go on from.
func (t *Tracer) Read(from uint64, dst []Record) ([]Record, uint64) {
	dst, next, _ := t.ReadLost(from, dst)
	return dst, next
}

// ReadLost is Read that tells as well how many records were overwritten before
// they could be read.
func (t *Tracer) ReadLost(from uint64, dst []Record) (recs []Record, next, lost uint64) {
	r := t.ring.Load()
	if r == nil {
		return dst, from, 0
	}
	return r.since(from, dst)
}

// Flight returns what the flight recorder remembers, oldest first.
func (t *Tracer) Flight() []Record {
	recs, _, _ := t.flight.since(0, nil)
	return recs
}
