package cc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// slowStarter is CUBIC in slow start on a path of 100 ms, at the start of a
// round with the given window.
func slowStarter(cwnd int) (*Cubic, *State) {
	st := newState(cwnd, InfiniteSsthresh)
	st.SndNxt = st.SndUna.Add(cwnd * st.MSS)
	c := NewCubic()
	c.Init(st)
	c.delayMin = 100 * ms
	return c, st
}

func feed(c *Cubic, st *State, n int, gap, rtt time.Duration) {
	for range n {
		st.Now = st.Now.Add(gap)
		st.SndUna, st.SndNxt = st.SndUna.Add(st.MSS), st.SndNxt.Add(st.MSS)
		c.PktsAcked(st, Sample{PktsAcked: 1, RTT: rtt})
	}
}

// ACKs in close succession for half the minimum RTT end slow start at the
// window of that moment; with a gap over 2 ms they do not.
func TestHystartEndsSlowStartByAckTrain(t *testing.T) {
	c, st := slowStarter(64)
	feed(c, st, 49, ms, 100*ms)
	require.Equal(t, InfiniteSsthresh, st.Ssthresh)
	feed(c, st, 3, ms, 100*ms)
	require.Equal(t, 64, st.Ssthresh)
	require.Equal(t, &HystartCounts{Train: 1, TrainCwnd: 64}, st.Hystart)

	c, st = slowStarter(64)
	feed(c, st, 60, 3*ms, 100*ms)
	require.Equal(t, InfiniteSsthresh, st.Ssthresh)
}

// Pacing spreads the train, so a paced connection waits for the whole RTT.
func TestHystartAllowsForPacing(t *testing.T) {
	c, st := slowStarter(200)
	st.PacingNeeded = true
	feed(c, st, 90, ms, 100*ms)
	require.Equal(t, InfiniteSsthresh, st.Ssthresh)
	feed(c, st, 20, ms, 100*ms)
	require.Equal(t, 200, st.Ssthresh)
}

// The wait for super-segments is allowed for, by at most a millisecond.
func TestHystartAllowsForAggregation(t *testing.T) {
	st := newState(10, 10)
	require.Zero(t, aggregationDelay(st))
	st.GSOMaxSize, st.PacingRate = 65536, 1e9
	require.Equal(t, 262144*time.Nanosecond, aggregationDelay(st))
	st.PacingRate = 1e6
	require.Equal(t, ms, aggregationDelay(st))
}

// The least RTT of eight samples is more than an eighth above the minimum.
func TestHystartEndsSlowStartByDelay(t *testing.T) {
	for _, tc := range []struct {
		rtt   time.Duration
		found bool
	}{{112 * ms, false}, {113 * ms, true}} {
		c, st := slowStarter(64)
		feed(c, st, 8, 3*ms, tc.rtt)
		require.Equal(t, InfiniteSsthresh, st.Ssthresh, "eight samples first")
		feed(c, st, 1, 3*ms, tc.rtt)
		require.Equal(t, tc.found, st.Ssthresh == 64, "RTT %v", tc.rtt)
	}
}

// One sample without queueing in the round is enough to go on.
func TestHystartTakesTheLeastDelayOfARound(t *testing.T) {
	c, st := slowStarter(64)
	feed(c, st, 5, 3*ms, 150*ms)
	feed(c, st, 1, 3*ms, 100*ms)
	feed(c, st, 20, 3*ms, 150*ms)
	require.Equal(t, InfiniteSsthresh, st.Ssthresh)
	feed(c, st, 50, 3*ms, 150*ms) // the next round has none
	require.Equal(t, 64, st.Ssthresh)
}

// Below 16 segments slow start is never ended, and once found HyStart rests.
func TestHystartNeedsAWindow(t *testing.T) {
	c, st := slowStarter(15)
	feed(c, st, 14, 3*ms, 500*ms)
	require.Equal(t, InfiniteSsthresh, st.Ssthresh)
	c, st = slowStarter(64)
	c.hystart.found = true
	feed(c, st, 60, ms, 500*ms)
	require.Equal(t, InfiniteSsthresh, st.Ssthresh)
}
