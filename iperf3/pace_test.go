package iperf3

import (
	"testing"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/stretchr/testify/require"
)

func clockTime(ns int64) clock.Time { return clock.Time(ns) }

// drive sends for a while as the loops do, and returns how many blocks left and
// how often it slept.
func drive(p *pacer, from, until time.Duration) (blocks, sleeps int) {
	for now := clock.Time(from); now < clock.Time(until); {
		n, wait := p.due(now)
		if wait > 0 {
			now, sleeps = now.Add(wait), sleeps+1
			continue
		}
		p.sent += int64(n * p.block)
		blocks += n
	}
	return blocks, sleeps
}

func TestTheRateHoldsOnTheAverage(t *testing.T) {
	for _, mbit := range []int{1, 100, 20000} {
		p := newPacer(&params{Bandwidth: float64(mbit) * 1e6, Len: 1000, PacingTimer: 1000}, 0)
		blocks, sleeps := drive(&p, 0, time.Second)
		require.InEpsilon(t, mbit*125, blocks, 0.01)
		require.LessOrEqual(t, sleeps, 1000, "a wake-up a tick at most")
	}
}

func TestWhatWasHeldUpIsMadeUpFor(t *testing.T) {
	p := newPacer(&params{Bandwidth: 8e6, Len: 1000}, 0)
	blocks, _ := drive(&p, 500*time.Millisecond, time.Second)
	require.InDelta(t, 1000, blocks, 2)
}

func TestBlocksOfABurstLeaveTogether(t *testing.T) {
	p := newPacer(&params{Bandwidth: 8e6, Len: 1000, Burst: 10}, 0)
	n, wait := p.due(0)
	require.Equal(t, 10, n)
	require.Zero(t, wait)
	p.sent += 10000
	n, wait = p.due(0)
	require.Zero(t, n)
	require.Equal(t, 10*time.Millisecond, wait)
	n, _ = p.due(clock.Time(10 * time.Millisecond))
	require.Equal(t, 10, n)
}

func TestWithoutARateNothingWaits(t *testing.T) {
	p := newPacer(&params{Len: 1000}, 0)
	n, wait := p.due(5)
	require.Equal(t, maxBurst, n)
	require.Zero(t, wait)
}

func TestTheSlowestRateStillWakesUp(t *testing.T) {
	p := newPacer(&params{Bandwidth: 1e-300, Len: maxBlock}, 0)
	p.sent = maxBlock
	_, wait := p.due(0)
	require.Equal(t, longTick, wait)
}

type constant uint64

func (c constant) Uint32() uint32 { return uint32(c) }
func (c constant) Uint64() uint64 { return uint64(c) }

func TestAPayloadIsAsLongAsABlock(t *testing.T) {
	require.Equal(t, "01234567890", string(payload(11, true, nil)))
	require.Equal(t, []byte{7, 7, 7, 7, 7, 7, 7, 7, 7}, payload(9, false, constant(0x0707070707070707)))
	require.Len(t, payload(1, false, constant(0)), 1)
}
