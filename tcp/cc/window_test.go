package cc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/seq"
)

const ms = time.Millisecond

// newState is a connection that uses its whole window.
func newState(cwnd, ssthresh int) *State {
	return &State{Now: clock.Time(10 * time.Second), MSS: 1000, Cwnd: cwnd, Ssthresh: ssthresh,
		Limits: &Limits{CwndClamp: InfiniteSsthresh}, IsCwndLimited: true, SRTT: 100 * ms, MinRTT: 100 * ms}
}

// round acknowledges one window, one segment an ACK, over an RTT.
func round(a Algorithm, st *State, rtt time.Duration) {
	for n := st.Cwnd; n > 0; n-- {
		st.Now = st.Now.Add(rtt / time.Duration(st.Cwnd))
		st.SndUna = st.SndUna.Add(st.MSS)
		st.SndNxt = seq.Max(st.SndNxt, st.SndUna.Add(st.Cwnd*st.MSS))
		a.PktsAcked(st, Sample{PktsAcked: 1, RTT: rtt})
		a.CongAvoid(st, 1)
	}
}

// RFC 5681 3.1: the window doubles each round trip, and stops at ssthresh with
// what is left over going to congestion avoidance.
func TestSlowStart(t *testing.T) {
	st := newState(10, 100)
	require.Zero(t, st.SlowStart(10))
	require.Equal(t, 20, st.Cwnd)
	st.Ssthresh = 25
	require.Equal(t, 5, st.SlowStart(10))
	require.Equal(t, 25, st.Cwnd)
	st = newState(10, 100)
	st.CwndClamp = 12
	st.SlowStart(10)
	require.Equal(t, 12, st.Cwnd)
}

// RFC 5681 3.1 equation 3, in segments: one for each w acknowledged, and credit
// from a larger w is not turned into a burst.
func TestAdditiveIncrease(t *testing.T) {
	st := newState(10, 5)
	for range 9 {
		st.AdditiveIncrease(10, 1)
	}
	require.Equal(t, 10, st.Cwnd)
	st.AdditiveIncrease(10, 1)
	require.Equal(t, 11, st.Cwnd)
	st.AdditiveIncrease(10, 35)
	require.Equal(t, 14, st.Cwnd)
	require.Equal(t, 5, st.CwndCnt)
	st.CwndCnt = 50
	st.AdditiveIncrease(10, 1)
	require.Equal(t, 15, st.Cwnd)
	st.CwndClamp = 15
	st.AdditiveIncrease(1, 10)
	require.Equal(t, 15, st.Cwnd)
}

// RFC 7661 in spirit: a window that is not used does not grow, except in slow
// start up to twice what was out.
func TestCwndLimited(t *testing.T) {
	st := newState(10, 20)
	require.True(t, st.CwndLimited())
	st.IsCwndLimited = false
	st.MaxPacketsOut = 6
	require.True(t, st.CwndLimited())
	st.MaxPacketsOut = 5
	require.False(t, st.CwndLimited())
	st.MaxPacketsOut, st.Ssthresh = 10, 10
	require.False(t, st.CwndLimited())
}

func TestInFlight(t *testing.T) {
	st := State{PacketsOut: 20, SackedOut: 5, LostOut: 4, RetransOut: 2}
	require.Equal(t, 9, st.LeftOut())
	require.Equal(t, 13, st.InFlight())
}

// What an undo or a restart goes back to: 3/4 of the window at least; during a
// reduction, ssthresh as it is.
func TestCurrentSsthresh(t *testing.T) {
	st := newState(41, 10)
	require.Equal(t, 30, st.CurrentSsthresh())
	st.Ssthresh = 50
	require.Equal(t, 50, st.CurrentSsthresh())
	st.Ssthresh, st.CA = 10, Recovery
	require.Equal(t, 10, st.CurrentSsthresh())
}

// Linux: 200 % of cwnd/SRTT in slow start, 120 % from half of ssthresh on.
func TestPacingRate(t *testing.T) {
	st := newState(10, 100)
	st.UpdatePacingRate()
	require.EqualValues(t, 200_000, st.PacingRate) // 10 * 1000 / 0.1 * 2
	st.Cwnd = 50
	st.UpdatePacingRate()
	require.EqualValues(t, 600_000, st.PacingRate)
	st.PacketsOut = 60
	st.UpdatePacingRate()
	require.EqualValues(t, 720_000, st.PacingRate)
	st.MaxPacingRate = 1000
	st.UpdatePacingRate()
	require.EqualValues(t, 1000, st.PacingRate)
}

func TestRegistryMakesAlgorithmsByName(t *testing.T) {
	r := NewRegistry()
	require.Equal(t, "bbr cubic dctcp reno", r.Names())
	for _, name := range []string{"cubic", "reno"} {
		require.Equal(t, name, r.New(name).Name())
	}
	require.NotSame(t, r.New("cubic"), r.New("cubic"), "each connection has its own state")
	require.Nil(t, r.New("vegas"))
	r.Register("mine", func() Algorithm { return NewReno() })
	require.Equal(t, "bbr cubic dctcp mine reno", r.Names())
}

func TestStateNames(t *testing.T) {
	require.Equal(t, "open disorder cwr recovery loss", Open.String()+" "+Disorder.String()+" "+
		CWR.String()+" "+Recovery.String()+" "+Loss.String())
}
