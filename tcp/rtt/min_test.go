package rtt

import (
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/clock"
)

// The minimum is at most that of the last window, and never below any sample
// of it; between the two the filter may choose, because it keeps three samples
// instead of all.
func TestMinimumIsThatOfTheWindow(t *testing.T) {
	const window = time.Second
	type sample struct {
		at clock.Time
		v  time.Duration
	}
	rnd := rand.New(rand.NewSource(1))
	var f minFilter
	var all []sample
	now := clock.Time(0)
	for range 20000 {
		now = now.Add(time.Duration(rnd.Intn(int(20 * ms))))
		v := time.Duration(10+rnd.Intn(90)) * ms
		all = append(all, sample{now, v})
		f.update(now, v, window)
		least, recent := v, v
		for i := len(all) - 1; i >= 0 && now.Sub(all[i].at) <= window; i-- {
			least = min(least, all[i].v)
			if now.Sub(all[i].at) <= window/4 {
				recent = min(recent, all[i].v)
			}
		}
		require.GreaterOrEqual(t, f.best(), least)
		require.LessOrEqual(t, f.best(), recent, "a sample of the last quarter window counts")
	}
}

// A path that got slower is noticed after the window, not before.
func TestMinimumForgetsAfterTheWindow(t *testing.T) {
	e := newEstimator(Config{})
	now := clock.Time(0)
	e.SampleMin(now, 10*ms)
	for now < clock.Time(600*time.Second) {
		now = now.Add(time.Second)
		e.SampleMin(now, 50*ms)
		want := 10 * ms
		if now > clock.Time(DefaultMinWindow) {
			want = 50 * ms
		}
		require.Equal(t, want, e.MinRTT(), "at %v", now)
	}
	e.SampleMin(now, 5*ms)
	require.Equal(t, 5*ms, e.MinRTT())
}

// After a long silence nothing old counts.
func TestMinimumStartsAnewAfterSilence(t *testing.T) {
	e := newEstimator(Config{})
	e.SampleMin(0, 10*ms)
	e.SampleMin(clock.Time(time.Hour), 70*ms)
	require.Equal(t, 70*ms, e.MinRTT())
	e.SampleMin(clock.Time(time.Hour), 0)
	require.Equal(t, time.Duration(1), e.MinRTT(), "zero means no sample")
}
