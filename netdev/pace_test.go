package netdev

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/clock"
)

const testWindow = 200 * time.Microsecond

// traffic is a pace under frames that come after pauses.
type traffic struct {
	pace
	now clock.Time
}

func newTraffic() *traffic { return &traffic{now: clock.Time(time.Second)} }

// pause passes without a frame, which then comes; it reports whether polling
// found it, and for how long there was polling.
func (f *traffic) pause(d time.Duration) (found bool, polled time.Duration) {
	end := f.now.Add(d)
	for start := f.now; f.now < end && f.goOn(f.now, testWindow); f.now = f.now.Add(time.Microsecond) {
		polled = f.now.Sub(start)
	}
	f.now = end
	return f.ended(f.now, testWindow), polled
}

func (f *traffic) pauses(n int, d time.Duration) {
	for range n {
		f.pause(d)
	}
}

func TestShortPausesArePolledThrough(t *testing.T) {
	f := newTraffic()
	found, _ := f.pause(50 * time.Microsecond)
	require.False(t, found, "nothing is known yet")
	f.pauses(8, 50*time.Microsecond)
	found, _ = f.pause(50 * time.Microsecond)
	require.True(t, found)
}

func TestPollingLastsAsLongAsTheSettingSays(t *testing.T) {
	f := newTraffic()
	f.pauses(8, 50*time.Microsecond)
	found, polled := f.pause(time.Second)
	require.False(t, found)
	require.Equal(t, testWindow-time.Microsecond, polled)
}

func TestAfterLongPausesNothingIsPolled(t *testing.T) {
	f := newTraffic()
	f.pauses(100, 50*time.Microsecond)
	f.pauses(8, time.Millisecond)
	_, polled := f.pause(time.Millisecond)
	require.Zero(t, polled)
}

// A thousand packets a second at random: one in five comes soon, and the
// others would have been polled for in vain.
func TestPollingDoesNotPayWhereFewPausesAreShort(t *testing.T) {
	f := newTraffic()
	for i := range 1000 {
		d := 2 * time.Millisecond
		if i%5 == 0 {
			d = 50 * time.Microsecond
		}
		_, polled := f.pause(d)
		require.Zero(t, polled)
	}
}

func TestPollingCeasesWhereTheCoreIsWanted(t *testing.T) {
	f := newTraffic()
	f.pauses(100, 50*time.Microsecond)
	f.yielded(f.now, f.now.Add(3*time.Millisecond)) // another's time slice
	f.now = f.now.Add(3 * time.Millisecond)
	_, polled := f.pause(50 * time.Microsecond)
	require.Zero(t, polled)

	off := f.now
	for polled == 0 {
		_, polled = f.pause(50 * time.Microsecond)
	}
	require.InDelta(t, lostDecay*3*time.Millisecond, f.now.Sub(off), float64(2*time.Millisecond))
}

func TestShortYieldsAreNoReasonToCease(t *testing.T) {
	f := newTraffic()
	f.pauses(100, 50*time.Microsecond)
	for range 1000 {
		f.yielded(f.now, f.now.Add(100*time.Microsecond)) // a peer on the same core answers
		f.now = f.now.Add(100 * time.Microsecond)
		require.True(t, f.goOn(f.now, testWindow))
		require.True(t, f.ended(f.now, testWindow))
	}
}
