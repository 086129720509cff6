package arp

import (
	"iter"
	"sync/atomic"

	"github.com/slankdev/ministack/trace"
)

// Where entries are found (struct neigh_hash_table): chains whose links are
// atomic, so that the transmit path walks them without a lock and a new entry
// costs the same however full the table is; any request from a forged sender
// makes one. Writers hold the module's lock. A reader that stands on an entry
// while it is taken out still finds the end of its chain.

const bucketBits = 8 // at the default gc_thresh3 four entries a chain

type hashTable struct {
	seed  uint64 // so that nobody outside can fill one chain
	heads [1 << bucketBits]atomic.Pointer[entry]
	n     int
}

// chain is where the entries of k's hash begin.
func (t *hashTable) chain(k key) *atomic.Pointer[entry] {
	x := t.seed ^ uint64(trace.Addr(k.ip)) ^ uint64(k.dev.Index)<<32
	x *= 0x9e3779b97f4a7c15 // 2^64 over the golden ratio (Knuth, TAOCP 6.4)
	x ^= x >> 32
	x *= 0x9e3779b97f4a7c15
	return &t.heads[x>>(64-bucketBits)]
}

// get returns the entry of k, nil if there is none.
func (t *hashTable) get(k key) *entry {
	e := t.chain(k).Load()
	for e != nil && e.key != k {
		e = e.next.Load()
	}
	return e
}

// put enters e, whose key is not in the table.
func (t *hashTable) put(e *entry) {
	head := t.chain(e.key)
	e.next.Store(head.Load())
	head.Store(e)
	t.n++
}

// remove takes e, which is in the table, out of it.
func (t *hashTable) remove(e *entry) {
	link := t.chain(e.key)
	for o := link.Load(); o != e; o = link.Load() {
		link = &o.next
	}
	link.Store(e.next.Load())
	t.n--
}

// all yields every entry; the one in hand may be removed.
func (t *hashTable) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for i := range t.heads {
			for e := t.heads[i].Load(); e != nil; e = e.next.Load() {
				if !yield(e) {
					return
				}
			}
		}
	}
}
