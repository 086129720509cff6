package arp

import (
	"testing"
	"time"

	"github.com/slankdev/ministack/trace"
	"github.com/stretchr/testify/require"
)

// TestResolutionCanBeWatched is golden trace 1: the packet waits, the request
// names it as its cause, the reply makes the neighbour REACHABLE and lets it
// go.
func TestResolutionCanBeWatched(t *testing.T) { // B29, B30
	x := newBench(t)
	x.env.Trace.Start(trace.Watch{Precise: true})
	id := x.use()
	x.reply()
	x.take()
	x.m.Delete(x.d, theirs)
	x.use()
	x.clk.Run(3 * time.Second)
	recs, _ := x.env.Trace.Read(0, nil)
	got := map[trace.Event][]trace.Record{}
	for _, r := range recs {
		got[r.Event] = append(got[r.Event], r)
	}
	require.Equal(t, id, got[trace.NeighHold][0].Packet)
	require.Equal(t, id, got[trace.ARPTx][0].Cause, "the request is for the packet that waits")
	require.Equal(t, [4]uint32{OpRequest, trace.Addr(ours), trace.Addr(theirs)}, got[trace.ARPTx][0].Args)
	require.Equal(t, [4]uint32{OpReply, trace.Addr(theirs), trace.Addr(ours)}, got[trace.ARPRx][0].Args)
	require.Equal(t, [4]uint32{trace.Addr(theirs), 1}, got[trace.NeighRelease][0].Args)
	require.Equal(t, [4]uint32{trace.Addr(theirs), uint32(None), uint32(Incomplete), whyPacket}, got[trace.NeighState][0].Args)
	require.Equal(t, [4]uint32{trace.Addr(theirs), uint32(Incomplete), uint32(Reachable), whyHeard}, got[trace.NeighState][1].Args)
	require.Equal(t, [4]uint32{trace.Addr(theirs), 1}, got[trace.NeighFail][0].Args)
}

func TestAnAnswerNamesItsQuestionAsCause(t *testing.T) { // B24
	x := newBench(t)
	x.env.Trace.Start(trace.Watch{})
	x.hear(x.says(OpRequest, theyAre))
	x.take()
	var rx, tx trace.Record
	recs, _ := x.env.Trace.Read(0, nil)
	for _, r := range recs {
		switch r.Event {
		case trace.ARPRx:
			rx = r
		case trace.ARPTx:
			tx = r
		}
	}
	require.NotZero(t, rx.Packet)
	require.Equal(t, rx.Packet, tx.Cause)
}

func TestFailuresAreRememberedWithoutAWatcher(t *testing.T) { // B29: `why` works after the fact
	x := newBench(t)
	x.reachState(Failed)
	var fails int
	for _, r := range x.env.Trace.Flight() {
		if r.Event == trace.NeighFail {
			fails++
		}
	}
	require.Equal(t, 1, fails)
}
