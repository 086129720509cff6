package cc

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// afterLoss is CUBIC that lost at a window of wMax and was reduced.
func afterLoss(wMax int, rtt time.Duration) (*Cubic, *State) {
	st := newState(wMax, InfiniteSsthresh)
	st.SRTT = rtt
	c := NewCubic()
	c.Init(st)
	c.delayMin = rtt
	st.Ssthresh = c.Ssthresh(st)
	st.Cwnd = st.Ssthresh
	return c, st
}

// RFC 9438 4.1, 4.2: the window follows C*(t-K)^3 + Wmax. Within a tenth of
// the reduction, over both the concave and the convex part. RFC 9438 4.4, 4.5.
func TestCubicFollowsTheCurve(t *testing.T) {
	for _, wMax := range []int{1000, 4000} {
		const rtt = 100 * ms
		c, st := afterLoss(wMax, rtt)
		start, cut := st.Now, float64(wMax-st.Cwnd)
		k := math.Cbrt(cut / 0.4)
		for st.Now.Sub(start).Seconds() < 1.6*k {
			round(c, st, rtt)
			s := st.Now.Sub(start).Seconds() - k
			want := 0.4*s*s*s + float64(wMax)
			require.InDelta(t, want, float64(st.Cwnd), cut/10, "Wmax %d, %.1f s from K", wMax, s)
		}
		require.Greater(t, st.Cwnd, wMax)
	}
}

// RFC 9438 4.6: beta is 0.7.
func TestCubicReducesToSeventyPercent(t *testing.T) {
	_, st := afterLoss(1000, 100*ms)
	require.Equal(t, 700, st.Ssthresh)
	require.Equal(t, 2, NewCubic().Ssthresh(newState(2, 2)))
}

// RFC 9438 4.7: a flow that loses below its old plateau lets go of more.
func TestCubicFastConvergence(t *testing.T) {
	c, st := afterLoss(1000, 100*ms)
	require.EqualValues(t, 1000, c.wMax)
	c.Ssthresh(st)
	require.EqualValues(t, 700*(1024+717)/2048, c.wMax)
	st.Cwnd = 2000
	c.Ssthresh(st)
	require.EqualValues(t, 2000, c.wMax)
}

// RFC 9438 4.3: at a small bandwidth-delay product CUBIC grows no slower than
// Reno does with the same decrease: by 3*(1-beta)/(1+beta) segments a round.
func TestCubicKeepsUpWithRenoOnShortPaths(t *testing.T) {
	c, st := afterLoss(40, 5*ms)
	start := st.Cwnd
	const rounds = 40
	for range rounds {
		round(c, st, 5*ms)
	}
	reno := 3 * (1 - 0.7) / (1 + 0.7) * rounds
	require.GreaterOrEqual(t, float64(st.Cwnd-start), 0.8*reno)
	require.LessOrEqual(t, float64(st.Cwnd-start), 1.2*reno)
}

// Linux: never more than half a segment for each acknowledged.
func TestCubicGrowsAtMostByHalfARoundTrip(t *testing.T) {
	c, st := afterLoss(100, 100*ms)
	round(c, st, 100*ms)
	st.Now = st.Now.Add(time.Minute) // the target is far away
	before := st.Cwnd
	round(c, st, 100*ms)
	require.InDelta(t, 1.5*float64(before), float64(st.Cwnd), 2)
}

// Without a loss to remember, at least 5 % a round trip.
func TestCubicProbesWhenNothingIsKnown(t *testing.T) {
	st := newState(1000, 1000)
	c := NewCubic()
	c.Init(st)
	round(c, st, 100*ms)
	require.InDelta(t, 1050, st.Cwnd, 3)
}

// RFC 9438 5.8: time without transmission is not time on the curve.
func TestCubicDoesNotGrowByIdleness(t *testing.T) {
	c, st := afterLoss(1000, 100*ms)
	round(c, st, 100*ms)
	epoch := c.epoch
	st.LastSent = st.Now
	st.Now = st.Now.Add(30 * time.Second)
	c.CwndEvent(st, EventTxStart)
	require.Equal(t, epoch.Add(30*time.Second), c.epoch)
	st.LastSent = 0
	c.CwndEvent(st, EventTxStart)
	require.Equal(t, st.Now, c.epoch, "never in the future")
	c.CwndEvent(st, EventLoss)
	require.Equal(t, st.Now, c.epoch)
}

// RFC 9438 4.8: a timeout forgets the curve and the delays.
func TestCubicForgetsAtTimeout(t *testing.T) {
	c, st := afterLoss(1000, 100*ms)
	c.hystart.found = true
	round(c, st, 100*ms)
	c.SetState(st, Recovery)
	require.NotZero(t, c.wMax)
	c.SetState(st, Loss)
	require.Zero(t, c.wMax)
	require.Zero(t, c.delayMin)
	require.False(t, c.inEpoch)
	require.False(t, c.hystart.found)
}

// Delays of the second after a reduction contain the queue that caused it.
func TestCubicIgnoresDelaysAfterAReduction(t *testing.T) {
	c, st := afterLoss(1000, 100*ms)
	c.CongAvoid(st, 1)
	c.PktsAcked(st, Sample{RTT: ms})
	require.Equal(t, 100*ms, c.delayMin)
	st.Now = st.Now.Add(time.Second)
	c.PktsAcked(st, Sample{RTT: -1})
	require.Equal(t, 100*ms, c.delayMin)
	c.PktsAcked(st, Sample{RTT: ms})
	require.Equal(t, ms, c.delayMin)
}

func TestCubicUndoRestoresTheWindow(t *testing.T) {
	c, st := afterLoss(1000, 100*ms)
	st.PriorCwnd = 1000
	require.Equal(t, 1000, c.UndoCwnd(st))
}

// The curve stays defined for the rest of time.
func TestCubicCurveDoesNotOverflow(t *testing.T) {
	c, st := afterLoss(1<<20, 100*ms)
	for range 100 {
		st.Now = st.Now.Add(time.Hour)
		c.CongAvoid(st, 1)
		require.Positive(t, st.Cwnd)
		require.GreaterOrEqual(t, c.cnt, int32(2))
	}
}

func TestIntegerCubeRoot(t *testing.T) {
	for _, x := range []uint64{0, 1, 7, 8, 9, 26, 27, 1 << 30, 1<<30 - 1, 1 << 60} {
		r := cbrt(x)
		require.LessOrEqual(t, r*r*r, x)
		require.Greater(t, (r+1)*(r+1)*(r+1), x)
	}
}
