package arp

import (
	"testing"
	"time"

	"github.com/slankdev/ministack/skb"
	"github.com/stretchr/testify/require"
)

func TestTheQueueCountsTrueSizes(t *testing.T) { // B30
	x := newBench(t)
	x.use()
	e := x.m.lookup(x.d, theirs)
	one := e.held.Peek().TrueSize()
	require.Equal(t, one, e.heldBytes)
	fits := 212992 / one
	for range fits - 1 {
		x.use()
	}
	require.Equal(t, fits, e.held.Len())
	require.Zero(t, x.env.Pool.Drops(skb.NeighQueueFull))
	second := e.held.Peek().Next().ID
	x.use()
	require.EqualValues(t, 1, x.env.Pool.Drops(skb.NeighQueueFull))
	require.Equal(t, second, e.held.Peek().ID, "the oldest went")
	require.Equal(t, fits*one, e.heldBytes)
}

func TestAPacketLargerThanTheQueueWaitsAlone(t *testing.T) { // B30: as on Linux
	x := newBench(t)
	require.NoError(t, x.env.Sysctl.Set("net.ipv4.neigh.default.unres_qlen_bytes", "1"))
	x.use()
	x.use()
	require.Equal(t, 1, x.m.Entries()[0].Held)
	x.reply()
	require.Len(t, x.take(), 2, "a request, and the packet")
}

// What waits leaves in order, while the reply is processed (golden trace 1).
func TestWhatWaitsLeavesInOrder(t *testing.T) { // B30
	x := newBench(t)
	for i := range byte(5) {
		x.m.Output(x.d, theirs, x.packet(0x45, i))
	}
	x.env.Dev.Flush()
	x.said()
	x.reply()
	out := x.take()
	require.Len(t, out, 5)
	for i, p := range out {
		require.Equal(t, []byte{0x45, byte(i)}, p.LinkLayer().LayerPayload())
	}
	require.Zero(t, x.m.lookup(x.d, theirs).heldBytes)
}

func TestEachPacketThatWaitedInVainIsReportedAndDropped(t *testing.T) { // B29
	x := newBench(t)
	var told []uint64
	x.m.OnUnreachable = func(b *skb.Buffer) {
		told = append(told, b.ID)
		require.Equal(t, []byte{0x45}, b.Network())
		x.m.Confirm(x.d, theirs) // no lock is held
		x.m.Entries()
	}
	want := []uint64{x.use(), x.use(), x.use()}
	x.clk.Run(2999 * time.Millisecond)
	require.Empty(t, told)
	x.clk.Run(time.Millisecond)
	require.Equal(t, want, told)
	require.EqualValues(t, 3, x.env.Pool.Drops(skb.NeighFailed))
}

func TestAFailedNeighbourIsAskedAgainByTheNextPacket(t *testing.T) { // B29
	x := newBench(t)
	x.reachState(Failed)
	require.Len(t, x.take(), 3)
	x.use()
	require.Equal(t, Incomplete, x.state())
	x.said()
}

func TestWithoutSolicitationsResolutionFailsAtOnce(t *testing.T) { // B29
	x := newBench(t)
	require.NoError(t, x.env.Sysctl.Set("net.ipv4.neigh.default.mcast_solicit", "0"))
	told := 0
	x.m.OnUnreachable = func(*skb.Buffer) { told++ }
	x.use()
	require.Equal(t, Failed, x.state())
	require.Equal(t, 1, told)
	require.Empty(t, x.take())
}

func TestWhatWaitsForADeletedNeighbourIsDropped(t *testing.T) {
	x := newBench(t)
	x.use()
	x.use()
	e := x.m.lookup(x.d, theirs)
	require.True(t, x.m.Delete(x.d, theirs))
	x.m.resolve(e, x.packet(0x45)) // who had found it just before
	require.False(t, x.m.Delete(x.d, theirs))
	require.EqualValues(t, 3, x.env.Pool.Drops(skb.NeighDead))
	x.take()
	x.clk.Run(time.Minute)
	require.Empty(t, x.take(), "its timer is gone")
}

func TestADeletedNeighbourIsNotSentTo(t *testing.T) {
	x := newBench(t)
	x.reachState(Reachable)
	e := x.m.lookup(x.d, theirs)
	require.NotZero(t, e.fast.Load())
	x.m.Delete(x.d, theirs)
	require.Zero(t, e.fast.Load())
}

func TestAPermanentEntryReleasesWhatWaits(t *testing.T) { // B31
	x := newBench(t)
	x.use()
	x.take()
	require.True(t, x.m.Add(x.d, theirs, theyAre))
	require.Len(t, x.take(), 1)
	x.clk.Run(time.Minute)
	require.Empty(t, x.take())
}
