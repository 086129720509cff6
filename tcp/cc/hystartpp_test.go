package cc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rttRound is a round trip of n samples.
func rttRound(c *Cubic, st *State, n int, rtt time.Duration) {
	st.SndUna = st.SndNxt.Add(1)
	st.SndNxt = st.SndUna.Add(n * st.MSS)
	for range n {
		st.Now = st.Now.Add(time.Millisecond)
		c.PktsAcked(st, Sample{PktsAcked: 1, RTT: rtt})
		c.CongAvoid(st, 1)
	}
}

func newPlus() (*Cubic, *State) {
	st := newState(10, InfiniteSsthresh)
	c := NewCubicWith(HystartPlus)
	c.Init(st)
	return c, st
}

// RFC 9406 4.2: a round trip that grew by an eighth, 4 ms at least, slows slow
// start to a quarter; after five such rounds it ends.
func TestHystartPlusSlowsAndThenEndsSlowStart(t *testing.T) {
	c, st := newPlus()
	rttRound(c, st, 10, 40*ms)
	require.Equal(t, 20, st.Cwnd)
	rttRound(c, st, 20, 44*ms) // 5 ms would be an eighth
	require.Equal(t, 40, st.Cwnd)
	rttRound(c, st, 40, 50*ms)
	require.True(t, c.plus.css)
	require.Less(t, st.Cwnd, 60)
	for range 4 {
		rttRound(c, st, 40, 50*ms)
		require.Equal(t, InfiniteSsthresh, st.Ssthresh)
	}
	rttRound(c, st, 40, 50*ms)
	require.Less(t, st.Ssthresh, InfiniteSsthresh)
	require.GreaterOrEqual(t, st.Cwnd, st.Ssthresh)
}

// RFC 9406 4.2: if the delay falls again slow start goes on as before.
func TestHystartPlusTakesAFalseAlarmBack(t *testing.T) {
	c, st := newPlus()
	rttRound(c, st, 10, 40*ms)
	rttRound(c, st, 20, 60*ms)
	require.True(t, c.plus.css)
	rttRound(c, st, 30, 40*ms)
	require.False(t, c.plus.css)
	before := st.Cwnd
	rttRound(c, st, 30, 40*ms)
	require.Equal(t, before+30, st.Cwnd)
	require.Equal(t, InfiniteSsthresh, st.Ssthresh)
}

// RFC 9406 4.3: a round needs eight samples to say anything.
func TestHystartPlusNeedsEightSamples(t *testing.T) {
	c, st := newPlus()
	rttRound(c, st, 10, 40*ms)
	rttRound(c, st, 7, 400*ms)
	require.False(t, c.plus.css)
}

// tcp_hystart = 0: slow start ends by loss alone.
func TestWithoutHystartDelayDoesNotEndSlowStart(t *testing.T) {
	st := newState(20, InfiniteSsthresh)
	c := NewCubicWith(HystartOff)
	c.Init(st)
	for i := range 5 {
		rttRound(c, st, 40, time.Duration(40+20*i)*ms)
	}
	require.Equal(t, InfiniteSsthresh, st.Ssthresh)
}
