package netdev

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// With one core a goroutine that was made runnable has run when giveWay
// returns.
func TestGivingWayLetsTheWokenRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var ran atomic.Bool
	var s scheduler
	go ran.Store(true)
	require.True(t, s.wanted())
	s.giveWay()
	require.True(t, ran.Load())
}

func TestAskingTheSchedulerAllocatesNothing(t *testing.T) {
	var s scheduler
	s.wanted()
	require.Zero(t, testing.AllocsPerRun(100, func() { s.wanted() }))
}

// What a batch pays for the question.
func BenchmarkGiveWay(b *testing.B) {
	var s scheduler
	for b.Loop() {
		s.giveWay()
	}
}
