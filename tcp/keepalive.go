package tcp

import (
	"syscall"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/stat"
)

// Keepalive (RFC 9293 3.8.4): off unless the user asks; an idle connection is
// probed after keepIdle, then each keepIntvl, and given up after keepCount
// probes. The same timer bounds FIN-WAIT-2 of an orphan.

func (c *Conn) keepIdle() time.Duration {
	if c.user.keepIdle > 0 {
		return c.user.keepIdle
	}
	return seconds(c.m.set.keepaliveTime)
}

func (c *Conn) keepIntvl() time.Duration {
	if c.user.keepIntvl > 0 {
		return c.user.keepIntvl
	}
	return seconds(c.m.set.keepaliveIntvl)
}

func (c *Conn) keepCount() int {
	if c.user.keepCount > 0 {
		return c.user.keepCount
	}
	return c.m.set.keepaliveProbes.Get()
}

func (c *Conn) armKeep(at clock.Time) {
	c.timers.keepAt = at
	c.armFor(at)
}

// SetKeepAlive switches keepalive on or off (SO_KEEPALIVE). The lock is held.
func (c *Conn) setKeepAlive(on bool) {
	c.Options.KeepAlive = on
	switch {
	case on && !c.state.in(setOf(Closed, Listen, SynSent)):
		c.armKeep(c.Env().Clock.Now().Add(c.keepIdle()))
	case !on && c.state != FinWait2:
		c.timers.keepAt = 0
	}
}

func (c *Conn) keepExpired(now clock.Time) {
	c.timers.keepAt = 0
	switch {
	case c.state.in(setOf(Closed, Listen)):
	case c.state == FinWait2 && c.user.orphan:
		c.finWait2Expired(now)
	case c.Options.KeepAlive && c.state != SynSent:
		c.keepProbe(now)
	}
}

// keepProbe is tcp_keepalive_timer.
func (c *Conn) keepProbe(now clock.Time) {
	if c.tx.CC.PacketsOut > 0 || c.unsent() > 0 {
		c.armKeep(now.Add(c.keepIdle()))
		return
	}
	idle := now.Sub(max(c.timers.lastHeard, c.ack.lastData))
	if idle < c.keepIdle() {
		c.armKeep(now.Add(c.keepIdle() - idle))
		return
	}
	if c.keepFailed(idle) {
		c.Env().Stat.Inc(stat.TcpExtTCPAbortOnTimeout)
		c.sendReset(rstTimeout)
		c.fail(syscall.ETIMEDOUT)
		return
	}
	c.sendOldSequence()
	c.timers.probes++
	c.Env().Stat.Inc(stat.TcpExtTCPKeepAlive)
	c.armKeep(now.Add(c.keepIntvl()))
}

func (c *Conn) keepFailed(idle time.Duration) bool {
	if c.user.userTimeout > 0 {
		return idle >= c.user.userTimeout && c.timers.probes > 0
	}
	return int(c.timers.probes) >= c.keepCount()
}
