package rtx

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/tcp/cc"
)

// RFC 5681 3.1, RFC 6928: ten segments at first, and each acknowledged segment
// adds one.
func TestSlowStartAddsOneSegmentForEachAcknowledged(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(30000)
	c.sends("1:10001")
	c.window(10, cc.InfiniteSsthresh)
	c.pass(105 * ms)
	for i := 1; i <= 10; i++ {
		c.ack(1 + 1000*i)
		require.Equal(t, 10+i, c.s.CC.Cwnd)
	}
	c.sends("10001:30001")
}

// RFC 7661 in spirit: the window grows to twice what was out, whatever the
// application left unused.
func TestWindowGrowsToTwiceTheFlightOnly(t *testing.T) {
	for _, tc := range []struct {
		segs int
		want []int
	}{
		{6, []int{12, 12, 12}},
		{9, []int{12, 14, 16, 18, 18}},
		{10, []int{12, 14, 16, 18, 20}},
	} {
		c := newScript(t, Config{SACK: true})
		c.write(1000 * tc.segs)
		c.pass(100 * ms)
		for i, want := range tc.want {
			c.ack(min(1+2000*(i+1), 1+1000*tc.segs))
			require.Equal(t, want, c.s.CC.Cwnd, "%d segments, ACK %d", tc.segs, i)
		}
	}
}

// The most that was out in a window of data counts, though it was sent in parts.
func TestFlightInPartsCounts(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(3000)
	c.pass(ms)
	c.write(3000)
	c.pass(100 * ms)
	c.ack(2001)
	require.Equal(t, 12, c.s.CC.Cwnd)
}

// RFC 5681 4.1: after idleness the window is halved for each RTO, down to the
// initial window, and ssthresh remembers 3/4 of it.
func TestWindowRestartsAfterIdleness(t *testing.T) {
	for _, tc := range []struct {
		on   bool
		idle time.Duration
		want int
	}{
		{true, 200 * ms, 40}, // less than an RTO
		{true, 400 * ms, 20}, // RTO is 300 ms
		{true, 900 * ms, 10},
		{true, time.Hour, 10},
		{false, time.Hour, 40},
	} {
		c := newScript(t, Config{SACK: true, SlowStartAfterIdle: tc.on})
		c.s.CC.Cwnd = 40
		c.write(40000)
		c.s.CC.Ssthresh = 20 // hold the window
		c.s.CC.IsCwndLimited = false
		c.ack(40001)
		c.pass(tc.idle)
		c.s.BeforeWrite(c.now, 0)
		require.Equal(t, tc.want, c.s.CC.Cwnd, "idle %v", tc.idle)
		if tc.want < 40 {
			require.Equal(t, 30, c.s.CC.Ssthresh)
		}
	}
}

// RFC 2861 3.2: a window of which little is used decays once an RTO.
func TestUnusedWindowDecays(t *testing.T) {
	c := newScript(t, Config{SACK: true, SlowStartAfterIdle: true, Algorithm: cc.NewReno()})
	c.s.CC.Cwnd, c.s.CC.Ssthresh = 100, 50
	next := 1
	for range 8 {
		c.pass(100 * ms)
		c.ack(next)
		c.pass(300 * ms) // what is acknowledged proves the window anew, for an RTO
		c.write(12000)
		next += 12000
	}
	require.Less(t, c.s.CC.Cwnd, 60)
	require.GreaterOrEqual(t, c.s.CC.Ssthresh, 75)
}

// RFC 5681 3.1: in congestion avoidance a window grows by a segment for each
// window acknowledged, and not at all while the application is the limit.
func TestWindowGrowsOnlyWhileItIsTheLimit(t *testing.T) {
	for _, limited := range []bool{true, false} {
		c := newScript(t, Config{SACK: true, Algorithm: cc.NewReno()})
		c.s.CC.Cwnd, c.s.CC.Ssthresh = 20, 20
		want := 20
		c.write(10000)
		if limited {
			c.write(90000)
			want = 21
		}
		c.pass(100 * ms)
		for i := 1; i <= 5; i++ {
			c.ack(1 + 2000*i)
		}
		for i := 6; limited && i <= 10; i++ {
			c.ack(1 + 2000*i)
		}
		require.Equal(t, want, c.s.CC.Cwnd, "limited %v", limited)
	}
}

// RFC 6298 5.7 and Linux: a SYN that was lost twice leaves a window of one.
func TestInitialWindowAfterLostSYNs(t *testing.T) {
	for lostSYNs, want := range []int{10, 10, 1, 1} {
		c := newActive(t, Config{SACK: true})
		for range lostSYNs {
			_, at := c.s.NextTimer()
			c.pass(at.Sub(c.now))
		}
		c.pass(50 * ms)
		require.True(t, c.ack(1).SynAcked)
		c.s.Established(c.now)
		c.window(want, cc.InfiniteSsthresh)
	}
}
