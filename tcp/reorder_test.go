package tcp

import (
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A path of 100 Mbit/s and 40 ms that puts 2 % of the data segments 8 ms late
// and loses none must cost next to nothing: reordering is not loss (RFC 8985,
// RFC 3708).
func TestReorderingIsNotTakenForLoss(t *testing.T) {
	straight := reordered(t, 0, 1)
	for seed := range int64(5) {
		late := reordered(t, 0.02, seed)
		t.Logf("8 MB, RTT 40 ms: %v in order, %v with 2 %% late by 8 ms", straight, late)
		require.Less(t, late, straight*3/2, "seed %d", seed)
	}
}

func reordered(t *testing.T, share float64, seed int64) time.Duration {
	w := newWorld(t)
	w.delay, w.rate = 20*time.Millisecond, 100_000_000
	c, s := w.connect()
	r := rand.New(rand.NewSource(seed))
	w.late = func(seg *wireSegment) time.Duration {
		if len(seg.payload) > 0 && r.Float64() < share {
			return 8 * time.Millisecond
		}
		return 0
	}
	return w.transfer(c, s, 8<<20, time.Minute)
}
