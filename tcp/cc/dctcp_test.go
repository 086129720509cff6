package cc

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// window delivers a window of n segments of which m are marked.
func window(d *DCTCP, st *State, n, m int) {
	st.SndUna = st.SndNxt
	st.SndNxt = st.SndNxt.Add(n * st.MSS)
	st.Delivered += uint32(n)
	st.DeliveredCE += uint32(m)
	d.PktsAcked(st, Sample{PktsAcked: n})
}

// RFC 8257 3.3, 4.2: alpha follows the share of marked segments with a gain of
// 1/16, and the window is reduced by half of it.
func TestDCTCPReducesByTheShareOfMarks(t *testing.T) {
	st := newState(100, 1000)
	d := NewDCTCP()
	d.Init(st)
	require.Equal(t, 50, d.Ssthresh(st), "alpha begins at 1")
	for range 400 {
		window(d, st, 100, 0)
	}
	require.GreaterOrEqual(t, d.Ssthresh(st), 99, "no marks for long")
	for range 400 {
		window(d, st, 100, 50)
	}
	require.InDelta(t, 75, d.Ssthresh(st), 2, "half of all marked: a quarter less")
	before := d.alpha
	window(d, st, 100, 0)
	require.Equal(t, before-before/16, d.alpha)
}

// RFC 8257 3.5: loss is treated as Reno treats it.
func TestDCTCPHalvesForLoss(t *testing.T) {
	st := newState(100, 1000)
	d := NewDCTCP()
	d.Init(st)
	for range 400 {
		window(d, st, 100, 0)
	}
	d.SetState(st, Recovery)
	require.Equal(t, 50, st.Ssthresh)
	st.Cwnd = 30
	require.Equal(t, 100, d.UndoCwnd(st))
}

// RFC 8257 3, 3.2: it needs ECN, and its receiver tells each change of the mark.
func TestDCTCPReceiverFollowsTheMark(t *testing.T) {
	d := NewDCTCP()
	require.True(t, d.NeedsECN())
	for _, step := range []struct{ ce, changed bool }{{false, false}, {true, true}, {true, false}, {false, true}, {false, false}} {
		changed, echo := d.Marked(step.ce)
		require.Equal(t, step.changed, changed)
		require.Equal(t, step.ce, echo)
	}
	r := NewRegistry()
	require.True(t, NeedsECN(r, "dctcp"))
	require.False(t, NeedsECN(r, "cubic"))
}
