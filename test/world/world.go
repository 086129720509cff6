// Package world makes small networks for tests: several stacks on one virtual
// clock, joined by pipes, each run repeatable from its seed. Every test ends
// with the conservation law.
package world

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/netdev"
	"github.com/stretchr/testify/require"
)

// World is a set of stacks.
type World struct {
	T      testing.TB
	Clock  *clock.VirtualClock
	Stacks []*ministack.Stack
}

// Wrap changes a driver before it is attached, to impair or to capture it; side
// is the index of its stack.
type Wrap func(side int, d netdev.Driver, clk clock.Clock) netdev.Driver

// Pair returns two stacks, 10.0.0.1 and 10.0.0.2, joined by a pipe with an MTU
// of 1500.
func Pair(t testing.TB, wraps ...Wrap) *World {
	return PairOver(t, netdev.PipeOptions{MTU: 1500}, wraps...)
}

// PairOver is Pair over a pipe of the kind given.
func PairOver(t testing.TB, o netdev.PipeOptions, wraps ...Wrap) *World {
	w := &World{T: t, Clock: clock.NewVirtual()}
	a, b := netdev.PipeWith(o)
	for side, d := range []netdev.Driver{a, b} {
		for _, f := range wraps {
			d = f(side, d, w.Clock)
		}
		s := w.Stack()
		_, err := s.Attach(d, "eth0")
		require.NoError(t, err)
		require.NoError(t, s.AddAddr("eth0", netip.MustParsePrefix(Addr(side)+"/24")))
	}
	w.Clock.Run(time.Millisecond) // what was announced arrives
	return w
}

// Addr is the address of the stack with the given index.
func Addr(side int) string { return fmt.Sprintf("10.0.0.%d", side+1) }

// Stack adds a stack without devices, seeded by its number.
func (w *World) Stack() *ministack.Stack {
	s, err := ministack.New(ministack.Config{Clock: w.Clock, Rand: ministack.SeededRand(uint64(len(w.Stacks) + 1))})
	require.NoError(w.T, err)
	w.Stacks = append(w.Stacks, s)
	w.T.Cleanup(func() { w.check(s) })
	return s
}

// check closes a stack, and demands that each of its buffers met one fate. The
// others may hold frames of it until they are closed as well.
func (w *World) check(s *ministack.Stack) {
	for _, o := range w.Stacks {
		_ = o.Close() // closed already, but for the first time round
	}
	w.Clock.Run(2 * time.Minute)
	n := s.Pool().Count()
	require.Zero(w.T, n.Live, "buffers that met no fate: %+v", n)
	require.Zero(w.T, n.Twice, "buffers that died twice")
}
