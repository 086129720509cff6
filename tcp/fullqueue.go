package tcp

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/rtx"
)

// A full queue of our own device. What does not fit is not sent: it stays where
// it was in the send queue, and the congestion window shrinks. While something is
// under way its acknowledgement sends the rest. With nothing under way a
// connection would wait for the window probe, 200 ms and more, though the queue
// is empty again a moment later. It takes hundreds of connections, or datagrams,
// to fill it (smallqueue.go), but then each has but a packet or two in it, and
// none is called. So it looks again soon, a few times and each time later; then the probe comes
// when it would have, with its bounds.

// queueTimer is the purpose of the first timer meanwhile.
const queueTimer rtx.Timer = 102

const (
	firstRetry = time.Millisecond
	maxRetries = 7 // the last comes 64 ms after the one before, and 127 ms after the first refusal
)

// triesAgain reports whether only our own queue was in the way.
func (c *Conn) triesAgain() bool {
	return c.refused > 0 && c.refused <= maxRetries && c.needsProbe()
}

func (c *Conn) queueRetry() time.Duration { return firstRetry << (c.refused - 1) }

// firstProbe is when to probe from now on: the retries took some of the time.
func (c *Conn) firstProbe() time.Duration {
	d := c.probeInterval()
	if c.refused > maxRetries {
		d -= firstRetry<<maxRetries - firstRetry
	}
	return max(d, firstRetry)
}

func (c *Conn) tryQueue(now clock.Time) {
	c.timers.kind = rtx.TimerNone
	c.refused++
	c.output(now)
}
