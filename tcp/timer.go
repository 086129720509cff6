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

// A connection has up to four deadlines: of everything that is sent again
// (retransmission, tail loss probe, reordering, window probe), of the delayed
// acknowledgement, of keepalive and FIN-WAIT-2, and of pacing. One timer serves
// them all: it is armed for the first. A deadline that is put off or is over
// moves no timer: that fires, sees what is due, and is armed for what comes
// next. So an acknowledgement costs no work on the wheel. The timer is borrowed
// from the stack as long as there is a deadline: an idle connection has none.

// What a timer or a receive batch leaves for the owner of a busy socket.
const (
	deferTimer uint32 = 1 << iota
	deferBatchEnd
	deferMTU
	deferResume
)

// probeTimer is the purpose of the first timer while the peer's window is
// closed; the others are rtx.Timer's.
const probeTimer rtx.Timer = 100

// synAckTimer is its purpose until the SYN-ACK of a Fast Open is acknowledged.
const synAckTimer rtx.Timer = 101

type timers struct {
	timer        *clock.Timer // nil: not armed
	kind         rtx.Timer    // what rtxAt is for; TimerNone: there is no such deadline
	probeBackoff uint8
	probes       int32 // window or keepalive probes without an answer
	rtxAt        clock.Time
	delackAt     clock.Time // while ackState.timer
	keepAt       clock.Time // 0: none
	probeSince   clock.Time
	lastHeard    clock.Time // the last segment from the peer
}

// armFor has the timer fire at the time given, if it does not fire before.
func (c *Conn) armFor(at clock.Time) {
	t := &c.timers
	if t.timer == nil {
		t.timer = c.m.borrowTimer()
		t.timer.Init(c.Env().Clock, func(x any) { x.(*Conn).expire() }, c)
	} else if t.timer.At() <= at {
		return
	}
	t.timer.Reset(at)
}

// rearm follows the deadlines, after the timer has fired.
func (c *Conn) rearm() {
	t := &c.timers
	if t.timer == nil {
		return
	}
	if at := c.nextDeadline(); at != 0 {
		t.timer.Reset(at)
		return
	}
	t.timer.Stop()
	c.m.timers.Put(t.timer)
	t.timer = nil
}

// nextDeadline is the first of them, 0 for none.
func (c *Conn) nextDeadline() clock.Time {
	t, first := &c.timers, clock.Time(0)
	note := func(on bool, at clock.Time) {
		if on && (first == 0 || at < first) {
			first = max(at, 1)
		}
	}
	note(t.kind != rtx.TimerNone, t.rtxAt)
	note(c.ack.timer, t.delackAt)
	note(t.keepAt != 0, t.keepAt)
	if c.pace != nil {
		note(c.pace.waits, c.pace.next)
	}
	return first
}

// borrowTimer returns a timer that no connection uses.
func (m *Module) borrowTimer() *clock.Timer {
	if t, ok := m.timers.Get().(*clock.Timer); ok {
		return t
	}
	return new(clock.Timer)
}

// expire runs in the timer goroutine.
func (c *Conn) expire() {
	c.Defer(deferTimer)
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
	if bits&deferResume != 0 {
		c.goOn(now)
	}
	if bits&deferMTU != 0 {
		c.mtuChanged(now)
	}
	if bits&deferTimer != 0 {
		c.deadlines(now)
	}
}

// deadlines does what is due.
func (c *Conn) deadlines(now clock.Time) {
	t := &c.timers
	if c.ack.timer && t.delackAt <= now {
		c.delackExpired(now)
	}
	if t.kind != rtx.TimerNone && t.rtxAt <= now {
		c.rtxExpired(now)
	}
	if c.pace != nil && c.pace.waits && c.pace.next <= now {
		c.paceExpired(now)
	}
	if t.keepAt != 0 && t.keepAt <= now {
		c.keepExpired(now)
	}
	c.rearm()
}

// Released ends a user's call; see inet.Handler. An acknowledgement that waits
// for its timer waits on, unless segments arrived meanwhile.
func (c *Conn) Released() {
	if c.attempt || c.ack.due && (c.ack.now || !c.ack.timer) {
		c.batchEnd(c.Env().Clock.Now())
	}
}

func (c *Conn) armDelack(at clock.Time) {
	c.ack.timer, c.timers.delackAt = true, at
	c.armFor(at)
}

// armRtx sets the first timer to what is to be done next.
func (c *Conn) armRtx(now clock.Time) {
	if c.unfinished() {
		c.setRtx(synAckTimer, c.fo.due)
		return
	}
	kind, at := c.tx.NextTimer()
	if kind == rtx.TimerNone && c.triesAgain() {
		c.setRtx(queueTimer, now.Add(c.queueRetry()))
		return
	}
	if kind == rtx.TimerNone && c.needsProbe() {
		if c.timers.kind == probeTimer {
			return
		}
		kind, at = probeTimer, now.Add(c.probeWithin(now, c.firstProbe()))
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
	if kind != rtx.TimerNone {
		c.armFor(at)
	}
}

func (c *Conn) rtxExpired(now clock.Time) {
	t := &c.timers
	switch {
	case c.state.in(setOf(Closed, Listen)):
		t.kind = rtx.TimerNone
	case t.kind == probeTimer:
		c.windowProbe(now)
	case t.kind == synAckTimer:
		c.synAckTimeout(now)
	case t.kind == queueTimer:
		c.tryQueue(now)
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
	whole := min(c.unsent(), c.currentMSS())
	if c.sendWindowEnd().Sub(c.snd.nxt) >= whole && c.sendOne(now) {
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
	first, _ := c.tx.FirstRetransmit()
	return n >= limit+c.m.set.synLinear.Get() || now.Sub(first) >= c.backedOff(time.Second, limit)
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

// maySend reports whether data may leave: in the synchronized states, and
// before in a Fast Open.
func (c *Conn) maySend() bool { return c.state.in(canSend) || c.unfinished() }

var canSend = setOf(Established, CloseWait, FinWait1, Closing, LastAck)

// Wait for a closed socket's last segments is over when this returns.
func (c *Conn) stopTimers() {
	c.timers.kind, c.timers.keepAt, c.ack.timer = rtx.TimerNone, 0, false
	if c.pace != nil {
		c.pace.waits = false
	}
	c.rearm()
}

var _ inet.Handler = (*Conn)(nil)
