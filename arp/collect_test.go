package arp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/stretchr/testify/require"
)

// crowd has n strangers ask for us.
func (x *bench) crowd(from, n int) {
	for i := from; i < from+n; i++ {
		x.hear(x.says(OpRequest, theyAre, sender(10, 1, byte(i>>8), byte(i))))
		require.Equal(x.t, 1, len(x.take()), "everybody is answered")
	}
}

func TestASmallTableIsLeftAlone(t *testing.T) { // B31: gc_thresh1
	x := newBench(t)
	x.crowd(0, 127)
	x.clk.Run(time.Hour)
	require.Len(t, x.m.Entries(), 127)
	require.Zero(t, x.env.Stat.Get(stat.ArpGCRuns))
}

func TestFreshEntriesSurviveTheHardLimit(t *testing.T) { // B31: gc_thresh3
	x := newBench(t)
	x.crowd(0, 1100)
	require.Len(t, x.m.Entries(), 1024, "none is 5 s old")
	b := x.packet(0x45)
	require.Equal(t, skb.NeighTableFull, x.m.Output(x.d, theirs, b))
	x.clk.Run(5 * time.Second)
	x.crowd(2000, 1)
	require.Len(t, x.m.Entries(), 1, "then all that is stale makes room")
}

func TestAboveTheSecondThresholdOldEntriesMakeRoom(t *testing.T) { // B31: gc_thresh2
	x := newBench(t)
	x.crowd(0, 511)
	x.clk.Run(5 * time.Second)
	x.crowd(600, 1)
	require.Len(t, x.m.Entries(), 512)
	x.crowd(601, 1)
	require.Len(t, x.m.Entries(), 2, "511 went; two are new")
}

func TestASweepIsNotRepeatedForFiveSeconds(t *testing.T) { // B31: gc_thresh2
	x := newBench(t)
	x.clk.Run(10 * time.Second)
	x.crowd(0, 600)
	require.EqualValues(t, 1, x.env.Stat.Get(stat.ArpGCRuns))
}

func TestFailedEntriesAreCollected(t *testing.T) { // B31
	x := newBench(t)
	require.NoError(t, x.env.Sysctl.Set("net.ipv4.neigh.default.gc_thresh1", "1"))
	x.reachState(Failed)
	x.clk.Run(15 * time.Second)
	require.Empty(t, x.m.Entries())
}

func TestWhatIsInUseIsNotCollected(t *testing.T) { // B31
	x := newBench(t)
	x.reachState(Reachable)
	x.take()
	for _, s := range []string{"gc_thresh1", "gc_thresh2", "gc_thresh3"} {
		require.NoError(t, x.env.Sysctl.Set("net.ipv4.neigh.default."+s, "1"))
	}
	x.clk.Run(10 * time.Second)
	require.Nil(t, x.m.create(x.d, ours), "no room beside an entry that is REACHABLE")
	require.Equal(t, Reachable, x.state())
}

func TestPermanentEntriesDoNotCount(t *testing.T) { // B31
	x := newBench(t)
	require.NoError(t, x.env.Sysctl.Set("net.ipv4.neigh.default.gc_thresh3", "2"))
	require.NoError(t, x.env.Sysctl.Set("net.ipv4.neigh.default.gc_thresh2", "2"))
	for i := range byte(5) { // each makes room for the next
		require.True(t, x.m.Add(x.d, netip.AddrFrom4([4]byte{10, 0, 0, 100 + i}), theyAre))
	}
	x.crowd(0, 2)
	require.Len(t, x.m.Entries(), 7)
	require.False(t, x.m.Add(x.d, theirs, theyAre), "the rest is full")
	require.True(t, x.m.Delete(x.d, netip.AddrFrom4([4]byte{10, 0, 0, 100})))
	require.False(t, x.m.Add(x.d, theirs, theyAre), "a permanent one leaves no room behind")
	require.True(t, x.m.Delete(x.d, netip.AddrFrom4([4]byte{10, 1, 0, 0})))
	require.True(t, x.m.Add(x.d, theirs, theyAre))
}

func TestEntriesAreListedInOrder(t *testing.T) {
	x := newBench(t)
	side, _ := netdev.Pipe(1500)
	other := x.attach(side, "192.0.2.1/24")
	x.crowd(0, 300)
	require.True(t, x.m.Add(other, theirs, theyAre))
	list := x.m.Entries()
	require.Len(t, list, 301)
	for i := range list[:299] {
		require.True(t, list[i].IP.Less(list[i+1].IP))
	}
	require.Equal(t, "eth1", list[300].Device)
}
