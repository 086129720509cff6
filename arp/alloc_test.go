package arp

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// send is the work of one packet to a neighbour that is known.
func (x *bench) send() {
	x.m.Output(x.d, theirs, x.packet(0x45))
	x.env.Dev.Flush()
	for x.far.Poll(x.pool, x.batch[:]) > 0 {
		x.batch[0].Consume()
	}
}

func TestAPacketToAKnownNeighbourAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector sync.Pool drops items at random")
	}
	for _, s := range []State{Reachable, Delay, Probe} {
		x := newBench(t)
		x.reachState(s)
		x.take()
		require.Zero(t, testing.AllocsPerRun(1000, x.send), s)
		require.Zero(t, testing.AllocsPerRun(1000, func() { x.m.Confirm(x.d, theirs) }), s)
	}
}

func BenchmarkOutput(b *testing.B) {
	x := newBench(b)
	x.reachState(Reachable)
	x.take()
	b.ReportAllocs()
	for b.Loop() {
		x.send()
	}
}

// BenchmarkStranger is what a request from one more forged sender costs in a
// table that is nearly full.
func BenchmarkStranger(b *testing.B) {
	x := newBench(b)
	x.crowd(0, 1000)
	for b.Loop() {
		x.m.create(x.d, theirs)
		x.m.Delete(x.d, theirs)
	}
}

func BenchmarkLookup(b *testing.B) {
	x := newBench(b)
	x.crowd(0, 1000)
	ip := netip.AddrFrom4([4]byte{10, 1, 0, 7})
	for b.Loop() {
		if x.m.lookup(x.d, ip) == nil {
			b.Fatal("not found")
		}
	}
}
