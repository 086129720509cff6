package tcp

import (
	"syscall"
	"testing"
	"time"

	"github.com/slankdev/ministack/inet"
	"github.com/stretchr/testify/require"
)

// retries sends a byte that nobody answers, and returns the waits between its
// transmissions, the tail loss probe's excepted.
func (w *world) retries(c *Conn, n int) []time.Duration {
	w.lose = func(*wireSegment) bool { return true }
	w.watch()
	w.send(c, 1, 0)
	require.True(w.t, w.clk.RunUntil(func() bool { return len(w.segments(w.a)) >= n+2 }, time.Hour))
	var waits []time.Duration
	sent := w.segments(w.a)[1:]
	for i := 1; i < len(sent); i++ {
		waits = append(waits, sent[i].at.Sub(sent[i-1].at).Round(50*time.Millisecond))
	}
	return waits
}

// TCP_THIN_LINEAR_TIMEOUTS, by the option and by the setting: six timeouts of a
// thin stream do not double; without it all do (RFC 6298 5.5).
func TestAThinStreamDoesNotBackOffSixTimes(t *testing.T) {
	const ms = time.Millisecond
	linear := []time.Duration{200 * ms, 200 * ms, 200 * ms, 200 * ms, 200 * ms, 200 * ms, 200 * ms, 400 * ms, 800 * ms}
	doubled := []time.Duration{200 * ms, 400 * ms, 800 * ms, 1600 * ms}
	for how, prepare := range map[string]func(w *world, c *Conn){
		"option":  func(w *world, c *Conn) { require.NoError(t, c.SetOption(OptThinLinearTimeouts, 1)) },
		"setting": func(w *world, c *Conn) {},
		"neither": func(w *world, c *Conn) {},
	} {
		w := newWorld(t)
		if how == "setting" {
			w = newWorld(t, "net.ipv4.tcp_thin_linear_timeouts", "1")
		}
		c, _ := w.connect()
		prepare(w, c)
		want := linear
		if how == "neither" {
			want = doubled
		}
		require.Equal(t, want, w.retries(c, len(want)), how)
	}
}

// A stream with four segments in flight is not thin.
func TestAThickStreamBacksOff(t *testing.T) {
	w := newWorld(t)
	c, _ := w.connect()
	require.NoError(t, c.SetOption(OptThinLinearTimeouts, 1))
	w.lose = func(*wireSegment) bool { return true }
	w.send(c, 6000, 5*time.Second)
	require.Greater(t, c.tx.RTT.Backoffs(), 2)
}

// TCP_RTO_MIN_US and TCP_RTO_MAX_MS bound the timeout from both sides (RFC 6298
// 2.4, 2.5), and read back.
func TestASocketBoundsItsOwnTimeouts(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	require.NoError(t, c.SetOption(OptRTOMinUS, 20_000))
	require.NoError(t, c.SetOption(OptRTOMaxMS, 1000))
	for name, want := range map[int]int{OptRTOMinUS: 20_000, OptRTOMaxMS: 1000} {
		got, err := c.Option(name)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	w.transfer(c, s, 200_000, time.Minute) // the variance has to forget the old bound
	w.clk.Run(time.Second)
	waits := w.retries(c, 8)
	require.Less(t, waits[0], 150*time.Millisecond)
	require.Equal(t, time.Second, waits[7])
	for name, bad := range map[int][]int{OptRTOMinUS: {-1, 0, 1000, 200_001}, OptRTOMaxMS: {-1, 0, 999, 120_001}, OptDelAckMaxUS: {0, 1000, 200_001}} {
		for _, v := range bad {
			require.ErrorIs(t, c.SetOption(name, v), syscall.EINVAL, "option %d set to %d", name, v)
		}
	}
}

// TCP_DELACK_MAX_US: an acknowledgement waits no longer (RFC 9293 3.8.6.3).
func TestASocketBoundsItsDelayedAcknowledgements(t *testing.T) {
	for _, most := range []time.Duration{0, 10 * time.Millisecond} {
		w := newWorld(t)
		c, s := w.connect()
		if most > 0 {
			require.NoError(t, s.SetOption(OptDelAckMaxUS, int(most/time.Microsecond)))
		}
		w.settle(c, s)
		w.watch()
		began := w.clk.Now()
		w.send(c, 100, time.Second)
		require.Len(t, w.segments(w.b), 1)
		wait := w.segments(w.b)[0].at.Sub(began.Add(w.delay))
		if most > 0 {
			require.LessOrEqual(t, wait, most)
		} else {
			require.Greater(t, wait, 30*time.Millisecond)
		}
	}
}

// What a listener is told counts for what it accepts.
func TestTimingIsInherited(t *testing.T) {
	w := newWorld(t)
	l := w.listen(1)
	require.NoError(t, l.SetOption(OptRTOMinUS, 30_000))
	_, s := w.connectTo(l)
	require.Equal(t, 30*time.Millisecond, s.tx.RTT.MinRTO())
	require.NoError(t, l.Close(nil))
}

// TCP_TIMESTAMP reads the clock that TSval follows (RFC 7323 3.2); only a
// socket under repair, which there is not, could set it.
func TestTheTimestampClockCanBeRead(t *testing.T) {
	w := newWorld(t)
	c, _ := w.connect()
	before, err := c.Option(OptTimestamp)
	require.NoError(t, err)
	w.watch()
	w.clk.Run(time.Second)
	_, err = c.Send([]byte("x"), inet.MsgDontWait, patient())
	require.NoError(t, err)
	require.Equal(t, uint32(before)+1000, w.segments(w.a)[0].opts.tsval)
	require.ErrorIs(t, c.SetOption(OptTimestamp, 1), syscall.EPERM)
}
