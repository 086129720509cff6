package tcp

import (
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/stat"
)

// Orphans: connections whose user has closed the socket (RFC 9293 3.10.4), and
// that live on until what is queued is acknowledged and both sides have
// finished. Nobody waits for them, and each may hold a send buffer, so a host
// that is made to have many of them is a host under attack. There is a limit,
// net.ipv4.tcp_max_orphans; one too many is reset. An orphan that makes no
// progress counts two and four times, and gives up sooner than a connection
// whose user waits (tcp_orphan_retries).

// orphan begins the life of a connection without a user.
func (c *Conn) orphan() {
	c.user.orphan = true
	if c.state == Closed {
		return
	}
	c.user.counted = true
	c.m.mem.orphans.Add(1)
	if c.state == FinWait2 {
		c.lingerInFinWait2(c.Env().Clock.Now(), false)
	}
	if c.state != Closed && (c.tooManyOrphans(0) || c.outOfMemory()) {
		c.Env().Stat.Inc(stat.TcpExtTCPAbortOnMemory)
		c.abortLocked(rstMemory)
	}
}

// orphanGone ends it.
func (c *Conn) orphanGone() {
	if c.user.counted {
		c.user.counted = false
		c.m.mem.orphans.Add(-1)
	}
}

// tooManyOrphans counts each orphan 1<<shift times (tcp_too_many_orphans).
func (c *Conn) tooManyOrphans(shift int) bool {
	return c.m.mem.orphans.Load()<<shift > int64(c.m.set.maxOrphans.Get())
}

// outOfResources ends an orphan that the timer finds without progress, if the
// host has no room for it; it reports whether it did (tcp_out_of_resources).
// reset says that a peer is there to be told.
func (c *Conn) outOfResources(now clock.Time, reset bool) bool {
	shift := 0
	if now.Sub(c.snd.lastSent) > 2*c.rtoMax() || !reset {
		shift++
	}
	if c.SoftError() != 0 {
		shift++
	}
	if !c.tooManyOrphans(shift) && !c.outOfMemory() {
		return false
	}
	c.Env().Stat.Inc(stat.TcpExtTCPAbortOnMemory)
	if reset || now.Sub(c.snd.lastSent) <= timeWaitLen || c.snd.wnd == 0 && c.tx.CC.PacketsOut == 0 {
		c.sendReset(rstMemory)
	}
	c.finish(0)
	return true
}

// orphanRetries is how often data of an orphan is sent again: tcp_orphan_retries
// or, for one whose path was alive lately, 8, which is more than 100 seconds.
// An ICMP error about a path that is not alive ends it at once.
func (c *Conn) orphanRetries(alive bool) int {
	n := c.m.set.orphanRetries.Get()
	if c.SoftError() != 0 && !alive {
		return 0
	}
	if n == 0 && alive {
		return 8
	}
	return n
}

// giveUpOrphan decides for an orphan whether a timeout is the last one
// (tcp_write_timeout).
func (c *Conn) giveUpOrphan(now clock.Time) (limit int, gone bool) {
	alive := c.tx.RTT.RTO() < c.rtoMax()
	limit = c.orphanRetries(alive)
	return limit, c.outOfResources(now, alive || !c.timedOut(now, limit))
}
