package netdev

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/clock"
)

// With one core a goroutine that was made runnable has run when giveWay
// returns.
func TestGivingWayLetsTheWokenRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	c := clock.NewReal()
	defer c.Close()
	var ran atomic.Bool
	var s scheduler
	go ran.Store(true)
	require.True(t, s.wanted())
	s.giveWay(c)
	require.True(t, ran.Load())
}

// Who had to wait long keeps the core as long, and gives way again then.
func TestALongWaitIsMadeGood(t *testing.T) {
	const ms = clock.Time(time.Millisecond)
	var s scheduler
	s.waited(5*ms, 5*ms+clock.Time(longWait))
	require.False(t, s.hasTurn(7*ms), "that was not long")
	s.waited(10*ms, 13*ms)
	require.True(t, s.hasTurn(13*ms))
	require.True(t, s.hasTurn(16*ms-1))
	require.False(t, s.hasTurn(16*ms))
}

func TestAskingTheSchedulerAllocatesNothing(t *testing.T) {
	var s scheduler
	s.wanted()
	require.Zero(t, testing.AllocsPerRun(100, func() { s.wanted() }))
}

// What a batch pays for the question.
func BenchmarkGiveWay(b *testing.B) {
	c := clock.NewReal()
	defer c.Close()
	var s scheduler
	for b.Loop() {
		s.giveWay(c)
	}
}
