package arp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Higher layers confirm (RFC 4861 7.3.1): TCP by each acknowledgement that
// advances.

func TestAConfirmationProlongsTrust(t *testing.T) { // B31
	x := newBench(t)
	x.reachState(Reachable)
	x.take()
	trust := x.m.lookup(x.d, theirs).trust
	x.clk.Run(10 * time.Second)
	x.m.Confirm(x.d, theirs)
	x.clk.Run(trust - time.Nanosecond)
	require.Equal(t, Reachable, x.state())
	x.clk.Run(time.Nanosecond)
	require.Equal(t, Stale, x.state())
	require.Empty(t, x.take(), "nothing was asked")
}

func TestAConfirmationWhileProbingEndsIt(t *testing.T) { // RFC 4861 7.3.3
	x := newBench(t)
	x.reachState(Probe)
	x.take()
	x.clk.Run(500 * time.Millisecond)
	x.m.Confirm(x.d, theirs)
	x.clk.Run(500 * time.Millisecond)
	require.Equal(t, Reachable, x.state())
	require.Empty(t, x.take())
}

func TestAConfirmationOfAStrangerIsNothing(t *testing.T) {
	x := newBench(t)
	x.m.Confirm(x.d, theirs)
	require.Empty(t, x.m.Entries())
}

func TestARequestDoesNotShakeWhatIsBelieved(t *testing.T) { // B24: the same address, no news
	for _, s := range []State{Reachable, Delay, Probe} {
		x := newBench(t)
		x.reachState(s)
		x.hear(x.says(OpRequest, theyAre))
		require.Equal(t, s, x.state())
	}
}
