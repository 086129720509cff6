package tcp

import (
	"syscall"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/rtx"
	"github.com/slankdev/ministack/trace"
)

// A connection has three timers: one for everything that is sent again
// (retransmission, tail loss probe, reordering, window probe), one for the
// delayed acknowledgement, one for keepalive and FIN-WAIT-2. A timer that is
// put off is not moved: it fires, sees that its time has not come, and is
// armed again. So an acknowledgement costs no work on the wheel, and an idle
// connection has no timer there.

// What a timer or a receive batch leaves for the owner of a busy socket.
const (
	deferRtx uint32 = 1 << iota
	deferDelack
	deferKeep
	deferBatchEnd
	deferMTU
	deferPace
)

// probeTimer is the purpose of the first timer while the peer's window is
// closed; the others are rtx.Timer's.
const probeTimer rtx.Timer = 100

// synAckTimer is its purpose until the SYN-ACK of a Fast Open is acknowledged.
const synAckTimer rtx.Timer = 101

type timers struct {
	rtx, delack, keep       clock.Timer
	kind                    rtx.Timer
	rtxAt, delackAt, keepAt clock.Time
	rtxArmed                clock.Time // when the timer itself fires, 0: not armed
	probes                  int        // window or keepalive probes without an answer
	probeBackoff            int
	probeSince              clock.Time
	lastHeard               clock.Time // the last segment from the peer
}

func (c *Conn) initTimers() {
	clk := c.Env().Clock
	c.timers.rtx.Init(clk, func(x any) { x.(*Conn).expire(deferRtx) }, c)
	c.timers.delack.Init(clk, func(x any) { x.(*Conn).expire(deferDelack) }, c)
	c.timers.keep.Init(clk, func(x any) { x.(*Conn).expire(deferKeep) }, c)
}

// expire runs in the timer goroutine.
func (c *Conn) expire(bit uint32) {
	c.Defer(bit)
	c.m.env.Dev.Flush()
}

// Deferred does the work of timers and of the end of a batch; see inet.Handler.
func (c *Conn) Deferred(bits uint32) {
	now := c.Env().Clock.Now()
	c.cause = 0
	if bits&deferBatchEnd != 0 {
		c.inBatch = false
		c.batchEnd(now)
	}
	if bits&deferMTU != 0 {
		c.mtuChanged(now)
	}
	if bits&deferDelack != 0 {
		c.delackExpired(now)
	}
	if bits&deferRtx != 0 {
		c.rtxExpired(now)
	}
	if bits&deferPace != 0 {
		c.paceExpired(now)
	}
	if bits&deferKeep != 0 {
		c.keepExpired(now)
	}
}

// Released ends a user's call; see inet.Handler.
func (c *Conn) Released() {
	if c.ack.due || c.ack.attempt {
		c.batchEnd(c.Env().Clock.Now())
	}
}

func (c *Conn) armDelack(at clock.Time) {
	c.timers.delackAt = at
	c.timers.delack.Reset(at)
}

// armRtx sets the first timer to what is to be done next.
func (c *Conn) armRtx(now clock.Time) {
	if c.unfinished() {
		c.setRtx(synAckTimer, c.fo.due)
		return
	}
	kind, at := c.tx.NextTimer()
	if kind == rtx.TimerNone && c.needsProbe() {
		if c.timers.kind == probeTimer {
			return
		}
		kind, at = probeTimer, now.Add(c.probeWithin(now, c.probeInterval()))
	}
	if kind == rtx.TimerRTO && c.user.userTimeout > 0 {
		at = c.withinUserTimeout(at)
	}
	c.setRtx(kind, at)
}

// withinUserTimeout has the retransmission timer end a connection when the
// user timeout is over, not only at the next backoff (RFC 5482 3.3,
// tcp_clamp_rto_to_user_timeout).
func (c *Conn) withinUserTimeout(at clock.Time) clock.Time {
	first, any := c.tx.FirstRetransmit()
	if !any || c.tx.Retransmits() == 0 {
		return at
	}
	return min(at, first.Add(c.user.userTimeout))
}

func (c *Conn) setRtx(kind rtx.Timer, at clock.Time) {
	t := &c.timers
	t.kind, t.rtxAt = kind, at
	if kind == rtx.TimerNone {
		return
	}
	if t.rtxArmed == 0 || at < t.rtxArmed {
		t.rtxArmed = at
		t.rtx.Reset(at)
	}
}

func (c *Conn) rtxExpired(now clock.Time) {
	t := &c.timers
	t.rtxArmed = 0
	switch {
	case t.kind == rtx.TimerNone || c.state.in(setOf(Closed, Listen)):
		return
	case t.rtxAt > now:
		c.setRtx(t.kind, t.rtxAt)
		return
	case t.kind == probeTimer:
		c.windowProbe(now)
	case t.kind == synAckTimer:
		c.synAckTimeout(now)
	default:
		c.retransmitTimer(now, t.kind)
	}
}

// retransmitTimer is RFC 6298 5.4 to 5.7, RFC 8985 6.3 and 7.3.
func (c *Conn) retransmitTimer(now clock.Time, kind rtx.Timer) {
	c.Env().Trace.Slow(trace.TCPTimer, c.ID, 0, [4]uint32{uint32(kind), 0, uint32(c.tx.RTT.RTO() / time.Microsecond)})
	if kind == rtx.TimerRTO && c.giveUp(now) {
		c.timeout()
	}
	if c.state == Closed {
		return
	}
	act := c.tx.OnTimer(now, kind)
	if kind == rtx.TimerRTO {
		c.Env().Stat.Inc(stat.TcpExtTCPTimeouts)
	}
	c.noteOutcome(&act.Outcome)
	if act.Probe {
		c.tailLossProbe(now)
	} else {
		c.output(now)
	}
	c.armRtx(now)
}

// tailLossProbe sends one segment beyond the window, new data if there is any
// (RFC 8985 7.3).
func (c *Conn) tailLossProbe(now clock.Time) {
	c.Env().Stat.Inc(stat.TcpExtTCPLossProbes)
	if c.sendOne(now) {
		c.tx.Probed(now)
		return
	}
	if r, ok := c.tx.TailProbe(); ok && c.transmitAgain(now, r) {
		c.tx.ProbeRetransmitted(now, r)
	}
}

// giveUp decides R2 (RFC 9293 3.8.3, RFC 1122 4.2.3.5) and the user timeout
// (RFC 5482).
func (c *Conn) giveUp(now clock.Time) bool {
	n := c.tx.Retransmits()
	switch c.state {
	case SynSent:
		return c.giveUpSyn(now, n)
	case SynRecv:
		return n >= c.m.set.synackRetries.Get()
	}
	if c.timedOut(now, c.m.set.retries1.Get()) { // R1
		c.suspectBlackHole(now)
	}
	limit := c.m.set.retries2.Get()
	if c.user.orphan {
		var gone bool
		if limit, gone = c.giveUpOrphan(now); gone {
			return false
		}
	}
	if c.user.userTimeout > 0 {
		return c.userTimedOut(now)
	}
	return c.timedOut(now, limit)
}

// giveUpSyn ends the active open after tcp_syn_retries (TCP_SYNCNT) and, since
// the first ones may not back off, tcp_syn_linear_timeouts more, or when as
// much time has passed as tcp_syn_retries take with backoff, whichever comes
// first; or at the user timeout.
func (c *Conn) giveUpSyn(now clock.Time, n int) bool {
	limit := getSynCnt(c)
	if c.user.userTimeout > 0 {
		return n >= limit+c.m.set.synLinear.Get() || c.userTimedOut(now)
	}
	return n >= limit+c.m.set.synLinear.Get() || now.Sub(c.snd.firstSyn) >= c.backedOff(time.Second, limit)
}

// backedOff is how long n retransmissions take with exponential backoff from
// the first RTO (tcp_model_timeout).
func (c *Conn) backedOff(first time.Duration, n int) time.Duration {
	total := time.Duration(0)
	for rto := first; n >= 0; n-- {
		total += rto
		rto = min(2*rto, c.rtoMax())
	}
	return total
}

func (c *Conn) userTimedOut(now clock.Time) bool {
	return c.user.userTimeout > 0 && c.timedOutAfter(now, c.user.userTimeout)
}

// timedOut reports whether n retransmissions have had their time.
func (c *Conn) timedOut(now clock.Time, n int) bool { return c.timedOutAfter(now, c.backoffTime(n)) }

// timedOutAfter is retransmits_timed_out: the time counts from the first
// retransmission on.
func (c *Conn) timedOutAfter(now clock.Time, d time.Duration) bool {
	first, any := c.tx.FirstRetransmit()
	return any && c.tx.Retransmits() > 0 && now.Sub(first) >= d
}

// backoffTime is how long n retransmissions take with exponential backoff from
// 200 ms, TCP_RTO_MIN, whatever the connection's own (tcp_model_timeout).
func (c *Conn) backoffTime(n int) time.Duration {
	return c.backedOff(longTimer, n)
}

// timeout ends the connection: nobody answers (tcp_write_err).
func (c *Conn) timeout() {
	c.Env().Stat.Inc(stat.TcpExtTCPAbortOnTimeout)
	err := c.SoftError()
	if err == 0 {
		err = syscall.ETIMEDOUT
	}
	c.fail(err)
}

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
	if t.probes >= limit || c.user.userTimeout > 0 && t.probes > 0 && now.Sub(t.probeSince) >= c.user.userTimeout {
		c.timeout()
		return
	}
	c.Env().Stat.Inc(stat.TcpExtTCPWinProbe)
	left := c.probe(now)
	t.probes++
	if !left {
		c.setRtx(probeTimer, now.Add(c.probeWithin(now, resourceInterval)))
		return
	}
	t.probeBackoff = min(t.probeBackoff+1, limit)
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

// maySend reports whether data may leave: in the synchronized states, and
// before in a Fast Open.
func (c *Conn) maySend() bool { return c.state.in(canSend) || c.unfinished() }

var canSend = setOf(Established, CloseWait, FinWait1, Closing, LastAck)

// Wait for a closed socket's last segments is over when this returns.
func (c *Conn) stopTimers() {
	t := &c.timers
	t.rtx.Stop()
	t.delack.Stop()
	t.keep.Stop()
	if c.pace != nil {
		c.pace.timer.Stop()
	}
	t.kind, t.rtxArmed = rtx.TimerNone, 0
}

var _ inet.Handler = (*Conn)(nil)
