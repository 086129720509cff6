package netdev

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// With one core a goroutine that was made runnable has run when giveWay
// returns.
func TestGivingWayLetsTheWokenRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	ran := false
	var s scheduler
	go func() { ran = true }()
	require.True(t, s.wanted())
	s.giveWay()
	require.True(t, ran)
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
