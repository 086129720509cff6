package tcp

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// numbered is a connection's names by a number.
func numbered(n int) tuple {
	return tuple{netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), 80),
		netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(n >> 20), byte(n >> 12)}), uint16(n&0xfff+1))}
}

// Whatever is entered, replaced and taken out, the table holds what a map would.
func TestTheTableOfConnectionsIsAMap(t *testing.T) {
	var d demux
	r := rand.New(rand.NewPCG(1, 2))
	d.init(r)
	model := map[int]*node{}
	for range 50_000 {
		n := r.IntN(1000)
		names := numbered(n)
		old, there := model[n]
		require.Equal(t, there, d.lookup(&names) != nil)
		switch e := entry(&timeWait{}); {
		case !there:
			model[n] = d.insert(names, e)
			require.NotNil(t, model[n])
			require.Nil(t, d.insert(names, e), "the place is taken")
		case r.IntN(3) == 0:
			model[n] = d.replace(old, e)
			require.Same(t, e, d.lookup(&names))
		default:
			d.remove(old)
			d.remove(old) // no error
			delete(model, n)
		}
	}
	seen := 0
	d.each(func(names tuple, e entry) {
		seen++
		require.Same(t, d.lookup(&names), e)
	})
	require.Equal(t, len(model), seen)
	for _, n := range model {
		d.remove(n)
	}
	for i := range d.shards {
		s := &d.shards[i]
		require.Zero(t, s.count)
		require.LessOrEqual(t, len(*s.table.Load()), firstPlaces, "an empty table is small again")
	}
}

// A lookup finds what stands in the table all the time, whatever others do to
// the places beside it.
func TestLookupsNeverMissWhileTheTableMoves(t *testing.T) {
	var d demux
	d.init(rand.New(rand.NewPCG(1, 2)))
	const stay, come = 500, 20_000
	for n := range stay {
		require.NotNil(t, d.insert(numbered(n), &timeWait{}))
	}
	var done atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for n := 0; !done.Load(); n = (n + 1) % stay {
				names := numbered(n)
				if d.lookup(&names) == nil {
					t.Error("a connection was not found")
					return
				}
			}
		})
	}
	for range 3 {
		nodes := make([]*node, come)
		for i := range nodes {
			nodes[i] = d.insert(numbered(stay+i), &timeWait{})
		}
		for _, n := range nodes {
			d.remove(n)
		}
	}
	done.Store(true)
	readers.Wait()
}

// BenchmarkLookup is the cost of a segment's lookup among 500,000 connections.
func BenchmarkLookup(b *testing.B) {
	var d demux
	d.init(rand.New(rand.NewPCG(1, 2)))
	const conns = 500_000
	for n := range conns {
		d.insert(numbered(n), &timeWait{})
	}
	for n := 0; b.Loop(); n = (n + 7919) % conns {
		names := numbered(n)
		if d.lookup(&names) == nil {
			b.Fatal("it is not there")
		}
	}
}
