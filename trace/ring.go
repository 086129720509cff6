package trace

import "sync"

// ring keeps the last records. Several goroutines write to it, a whole walk at
// a time, and readers copy out of it, so it has a lock; readers hold it for a
// few records only.
type ring struct {
	mu   sync.Mutex
	next uint64 // how many were ever written
	mask uint64
	recs []Record
}

// newRing returns a ring of at least n records.
func newRing(n int) *ring {
	size := 1
	for size < n {
		size *= 2
	}
	return &ring{mask: uint64(size - 1), recs: make([]Record, size)}
}

func (r *ring) put(recs []Record) {
	r.mu.Lock()
	for len(recs) > 0 {
		n := copy(r.recs[r.next&r.mask:], recs)
		r.next += uint64(n)
		recs = recs[n:]
	}
	r.mu.Unlock()
}

// readStep is how many records a reader copies before it lets writers in.
const readStep = 64

// since appends to dst the records from number from on that are still kept,
// and returns the number that comes next and how many were overwritten before
// they could be read.
func (r *ring) since(from uint64, dst []Record) (recs []Record, next, lost uint64) {
	for {
		var n int
		var skipped uint64
		dst, from, n, skipped = r.step(from, dst)
		lost += skipped
		if n < readStep {
			return dst, from, lost
		}
	}
}

func (r *ring) step(from uint64, dst []Record) ([]Record, uint64, int, uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lost := uint64(0)
	if size := r.mask + 1; r.next > size && from < r.next-size {
		lost = r.next - size - from
		from = r.next - size
	}
	n := 0
	for ; n < readStep && from < r.next; n, from = n+1, from+1 {
		dst = append(dst, r.recs[from&r.mask])
	}
	return dst, from, n, lost
}
