package work

import (
	"math"
	"testing"
	"time"
)

func TestABucketIsAtMostThreePercentWide(t *testing.T) {
	for ns := uint64(1); ns < 1<<40; ns += ns/7 + 1 {
		if m := middle(bucket(ns)); math.Abs(m-float64(ns)) > 0.032*float64(ns) {
			t.Fatalf("%d ns became %v", ns, m)
		}
	}
}

func TestBucketsGrowWithTheTime(t *testing.T) {
	last := -1
	for ns := uint64(0); ns < 1<<16; ns++ {
		b := bucket(ns)
		if b != last && b != last+1 {
			t.Fatalf("%d ns is in bucket %d after %d", ns, b, last)
		}
		last = b
	}
	if top := bucket(math.MaxInt64); top >= len(Stats{}.hist) {
		t.Fatalf("bucket %d is none", top)
	}
}

func TestQuantilesAreThoseOfTheMeasuredTimeOnly(t *testing.T) {
	var s Stats
	for range 1000 {
		s.Took(time.Second) // the warm-up's
	}
	before := s.Counts()
	for i := range 100 {
		s.Took(time.Duration(i+1) * time.Microsecond)
	}
	c := s.Counts().Sub(before)
	if c.Ops != 100 {
		t.Fatalf("%d operations", c.Ops)
	}
	for q, want := range map[float64]time.Duration{0.5: 51 * time.Microsecond, 0.99: 100 * time.Microsecond} {
		if got := c.Quantile(q); math.Abs(float64(got-want)) > 0.04*float64(want) {
			t.Errorf("quantile %v is %v, want about %v", q, got, want)
		}
	}
	if got := (Counts{}).Quantile(0.5); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestNamesAreFoundByPattern(t *testing.T) {
	got, err := Parse("bulk-tx,bulk-?x*,bulk-rx")
	if err != nil || len(got) != 12 || got[0].Name != "bulk-tx" {
		t.Errorf("%d works, %v", len(got), err)
	}
	if _, err := Parse("bulk"); err == nil {
		t.Error("bulk is no work")
	}
}
