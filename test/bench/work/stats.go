package work

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Stats are a side's counters. They only grow: a result is the difference of
// two snapshots.
type Stats struct {
	Bytes atomic.Uint64
	Ops   atomic.Uint64
	hist  [64 << subBits]atomic.Uint32
}

// A latency falls into a bucket by its leading bit and the subBits bits after
// it, so that a bucket is at most 3 % wide.
const subBits = 5

func bucket(ns uint64) int {
	if ns < 1<<subBits {
		return int(ns)
	}
	shift := bits.Len64(ns) - 1 - subBits
	return (shift+1)<<subBits + int(ns>>shift) - 1<<subBits
}

// middle is the middle of a bucket, in ns.
func middle(b int) float64 {
	if b < 1<<subBits {
		return float64(b)
	}
	shift := b>>subBits - 1
	low := uint64(b&(1<<subBits-1)+1<<subBits) << shift
	return float64(low) + float64(uint64(1)<<shift)/2
}

// Took counts an operation and how long it took.
func (s *Stats) Took(d time.Duration) {
	s.Ops.Add(1)
	s.hist[bucket(uint64(max(d, 0)))].Add(1)
}

// Counts are a snapshot of Stats.
type Counts struct {
	Bytes uint64         `json:"bytes"`
	Ops   uint64         `json:"ops"`
	Hist  map[int]uint32 `json:"hist,omitempty"`
}

// Counts takes a snapshot.
func (s *Stats) Counts() Counts {
	c := Counts{Bytes: s.Bytes.Load(), Ops: s.Ops.Load(), Hist: map[int]uint32{}}
	for i := range s.hist {
		if n := s.hist[i].Load(); n > 0 {
			c.Hist[i] = n
		}
	}
	return c
}

// Sub returns what was counted since an earlier snapshot.
func (c Counts) Sub(before Counts) Counts {
	d := Counts{Bytes: c.Bytes - before.Bytes, Ops: c.Ops - before.Ops, Hist: map[int]uint32{}}
	for b, n := range c.Hist {
		if n -= before.Hist[b]; n > 0 {
			d.Hist[b] = n
		}
	}
	return d
}

// Quantile returns the time below which the share q of the operations stayed,
// 0 if none was timed.
func (c Counts) Quantile(q float64) time.Duration {
	total := uint64(0)
	for _, n := range c.Hist {
		total += uint64(n)
	}
	rank, seen := uint64(q*float64(total)), uint64(0)
	for b := range 64 << subBits {
		if seen += uint64(c.Hist[b]); seen > rank {
			return time.Duration(middle(b))
		}
	}
	return 0
}
