package tcp

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/rtx"
)

// Probes of a window that is closed, or too small for a segment (RFC 9293
// 3.8.6.1, Linux's persist timer).

// needsProbe reports whether only a probe can get things moving: data waits,
// nothing is under way, and the window does not take it (RFC 9293 3.8.6.1).
func (c *Conn) needsProbe() bool {
	return c.tx.CC.PacketsOut == 0 && c.unsent() > 0 && c.maySend()
}

func (c *Conn) probeInterval() time.Duration {
	base := max(c.tx.RTT.RTO(), c.rtoMin())
	return min(base<<min(c.timers.probeBackoff, 16), c.rtoMax())
}

// windowProbe sends a byte of the window or, where it is closed, an old
// sequence number that the peer must answer (RFC 9293 3.8.6.1).
func (c *Conn) windowProbe(now clock.Time) {
	t := &c.timers
	t.kind = rtx.TimerNone
	if !c.needsProbe() {
		t.probes, t.probeBackoff = 0, 0
		return
	}
	if t.probes == 0 {
		t.probeSince = now
	}
	limit := c.m.set.retries2.Get()
	if c.user.orphan {
		alive := c.probeInterval() < c.rtoMax()
		if limit = c.orphanRetries(alive); c.outOfResources(now, true) {
			return
		}
	}
	if int(t.probes) >= limit || c.user.userTimeout > 0 && t.probes > 0 && now.Sub(t.probeSince) >= c.user.userTimeout {
		c.timeout()
		return
	}
	c.Env().Stat.Inc(stat.TcpExtTCPWinProbe)
	left := c.probe(now)
	if c.tx.CC.PacketsOut > 0 { // it took data with it, which is retransmitted from now on
		t.probes, t.probeBackoff = 0, 0
		c.armRtx(now)
		return
	}
	t.probes++
	if !left {
		c.setRtx(probeTimer, now.Add(c.probeWithin(now, resourceInterval)))
		return
	}
	t.probeBackoff = uint8(min(int(t.probeBackoff)+1, limit, 255))
	c.armRtx(now)
}

// resourceInterval is when to try again what our own device had no room for
// (TCP_RESOURCE_PROBE_INTERVAL).
const resourceInterval = 500 * time.Millisecond

// probeWithin shortens the wait for the next probe to what the user timeout
// leaves (RFC 5482, tcp_clamp_probe0_to_user_timeout).
func (c *Conn) probeWithin(now clock.Time, d time.Duration) time.Duration {
	if c.user.userTimeout == 0 || c.timers.probes == 0 {
		return d
	}
	left := c.user.userTimeout - now.Sub(c.timers.probeSince)
	return min(d, max(left, 2*time.Millisecond))
}

// probe is tcp_write_wakeup. It reports false where our own device had no
// room.
func (c *Conn) probe(now clock.Time) bool {
	if c.sendWindowEnd().After(c.snd.nxt) && c.unsent() > 0 {
		return c.sendWindowful(now)
	}
	return c.sendOldSequence()
}

// heard resets the probes: the peer lives.
func (c *Conn) heard(now clock.Time) {
	c.timers.lastHeard, c.timers.probes = now, 0
}

// stillClosed puts the next window probe off: the peer has just said that its
// window is closed (tcp_ack_probe); or ends the backoff, where it has opened for
// a segment. Where the user has gone the probes go on, so that they come to an
// end.
func (c *Conn) stillClosed(now clock.Time) {
	switch {
	case c.timers.kind != probeTimer || !c.needsProbe():
	case c.sendWindowEnd().Sub(c.snd.nxt) >= min(c.unsent(), c.currentMSS()):
		c.timers.probeBackoff = 0
	case !c.user.orphan:
		c.setRtx(probeTimer, now.Add(c.probeWithin(now, c.probeInterval())))
	}
}
