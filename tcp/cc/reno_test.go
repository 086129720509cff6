package cc

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// RFC 5681 3.1: doubling, then one segment a round trip; equation 4: half the
// window after a loss, two segments at least.
func TestRenoGrowsAndHalves(t *testing.T) {
	st := newState(10, 40)
	r := NewReno()
	for _, want := range []int{20, 40, 41, 42, 43} {
		round(r, st, 100*ms)
		require.Equal(t, want, st.Cwnd)
	}
	require.Equal(t, 21, r.Ssthresh(st))
	require.Equal(t, 2, r.Ssthresh(newState(3, 2)))
}

// A window that is not used does not grow: RFC 7661.
func TestRenoDoesNotGrowUnused(t *testing.T) {
	st := newState(50, 40)
	st.IsCwndLimited = false
	NewReno().CongAvoid(st, 50)
	require.Equal(t, 50, st.Cwnd)
}

func TestRenoUndoRestoresTheWindow(t *testing.T) {
	st := newState(3, 20)
	st.PriorCwnd = 40
	require.Equal(t, 40, NewReno().UndoCwnd(st))
	st.Cwnd = 60
	require.Equal(t, 60, NewReno().UndoCwnd(st))
}
