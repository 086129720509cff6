package trace

import (
	"encoding/binary"
	"net/netip"

	"github.com/slankdev/ministack/skb"
)

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

// Watch is what somebody wants to see.
type Watch struct {
	Events  []Event                // none: all
	Filter  func(*skb.Buffer) bool // decides by packet at link.rx or at creation; nil: all
	Records int                    // size of the ring, rounded up to a power of two; 0: 65536
}

// Start turns tracing on; a second Start replaces the first.
func (t *Tracer) Start(w Watch) {
	size := 1
	for n := max(w.Records, 1); size < n; size *= 2 {
	}
	if w.Records == 0 {
		size = 1 << 16
	}
	t.Stop()
	t.ring.Store(newRing(size))
	t.filter.Store(nil)
	if w.Filter != nil {
		t.filter.Store(&w.Filter)
	}
	for ev := range NumEvents {
		t.on[ev].Store(len(w.Events) == 0)
	}
	for _, ev := range w.Events {
		t.on[ev].Store(true)
	}
	t.any.Store(true)
}

// Stop turns tracing off; what was recorded can still be read.
func (t *Tracer) Stop() {
	t.any.Store(false)
	for ev := range NumEvents {
		t.on[ev].Store(false)
	}
}

// Read appends to dst what was recorded after the position from (0: the oldest
// that is kept) and returns the position to go on from.
func (t *Tracer) Read(from uint64, dst []Record) ([]Record, uint64) {
	r := t.ring.Load()
	if r == nil {
		return dst, from
	}
	return r.since(from, dst)
}

// Flight returns what the flight recorder remembers, oldest first.
func (t *Tracer) Flight() []Record {
	recs, _ := t.flight.since(0, nil)
	return recs
}
