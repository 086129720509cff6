package tcp

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/stat"
)

// When to acknowledge (RFC 9293 3.8.6.3, RFC 5681 4.2), Linux's way. A new
// connection acknowledges its first segments at once, so that the peer's slow
// start is not held back (quick ACK). Later an acknowledgement waits for a
// second full segment, for data to ride on, or for a timer that follows the
// rhythm of the peer's segments (ato); a connection that answers what it gets
// (pingpong) waits longer. Acknowledgements are decided at the end of a
// receive batch.

const (
	delayedAckMin = 40 * time.Millisecond
	delayedAckMax = 200 * time.Millisecond
	maxQuickAcks  = 16
	maxPingpong   = 255
)

// interactive reports whether the connection answers what it gets: it did so
// tcp_pingpong_thresh times in a row.
func (c *Conn) interactive() bool { return int(c.ack.pingpong) >= c.m.set.pingpong.Get() }

func (c *Conn) enterInteractive() { c.ack.pingpong = uint8(c.m.set.pingpong.Get()) }

func (c *Conn) quickMode() bool { return c.ack.quick > 0 && !c.interactive() }

// incrQuick raises the number of segments to acknowledge at once.
func (c *Conn) incrQuick(most int) {
	n := int(c.rcv.wnd) / (2 * max(c.rcv.mss(), 1))
	if n == 0 {
		n = 2
	}
	if n = min(n, most); n > int(c.ack.quick) {
		c.ack.quick = uint8(n)
	}
}

// enterQuick acknowledges at once for a while: something is odd.
func (c *Conn) enterQuick(most int) {
	c.incrQuick(most)
	c.ack.pingpong = 0
	c.ack.ato = delayedAckMin
}

// firstData begins the rhythm with the first data of a connection, and reports
// whether it was that.
func (c *Conn) firstData() bool {
	if c.ack.ato != 0 {
		return false
	}
	c.incrQuick(maxQuickAcks)
	c.ack.ato = delayedAckMin
	return true
}

// dataReceived adapts the rhythm to a data segment that arrived in order
// (tcp_event_data_recv).
func (c *Conn) dataReceived(now clock.Time) {
	a := &c.ack
	a.due, a.held = true, false
	switch m := now.Sub(a.lastData); {
	case c.firstData():
	case m <= delayedAckMin/2:
		a.ato = a.ato/2 + delayedAckMin/2
	case m < a.ato:
		a.ato = min(a.ato/2+m, c.tx.RTT.RTO())
	case m > c.tx.RTT.RTO():
		c.incrQuick(maxQuickAcks) // a long pause: the peer restarts its window
	}
	a.lastData = now
}

// checkAck sends or schedules the acknowledgement that is due (tcp_ack_snd_check).
func (c *Conn) checkAck(now clock.Time) {
	a := &c.ack
	if !a.due || a.held {
		return
	}
	if c.secondSegment() || a.now || c.quickMode() || c.ofo.len() > 0 { // a small window ends quick mode
		c.sendAck()
		return
	}
	c.delayAck(now)
}

// secondSegment reports whether more than a full segment is unacknowledged, and
// either the window can move on with it or the reader waits for more.
func (c *Conn) secondSegment() bool {
	return c.rcv.nxt.Sub(c.rcv.wup) > c.rcv.mss() &&
		(c.recvq.bytes < c.Options.LowAt() || c.windowNow() >= int(c.rcv.wnd))
}

// delayAck arms the timer of the delayed acknowledgement.
func (c *Conn) delayAck(now clock.Time) {
	a := &c.ack
	wait := a.ato
	if wait > delayedAckMin {
		most := 500 * time.Millisecond
		if c.interactive() {
			most = delayedAckMax
		}
		if srtt := c.tx.RTT.SRTT(); srtt > 0 {
			most = min(most, max(srtt, delayedAckMin))
		}
		wait = min(wait, most)
	}
	at := now.Add(min(wait, c.delackMax()))
	if a.timer {
		if c.timers.delackAt.Sub(now) <= a.ato/4 {
			c.sendAck()
			return
		}
		at = min(at, c.timers.delackAt)
	}
	c.armDelack(at)
}

// holdAck has an acknowledgement ride on data that is about to be written.
func (c *Conn) holdAck(now clock.Time) {
	c.ack.due, c.ack.held = true, true
	c.enterQuick(maxQuickAcks)
	c.armDelack(now.Add(c.delackMax()))
}

// delackExpired is the timer of the delayed acknowledgement.
func (c *Conn) delackExpired(now clock.Time) {
	a := &c.ack
	a.timer = false
	if !a.due || c.state.in(setOf(Closed, Listen)) {
		return
	}
	if c.interactive() {
		a.pingpong, a.ato = 0, delayedAckMin
	} else {
		a.ato = min(2*a.ato, c.tx.RTT.RTO())
	}
	c.Env().Stat.Inc(stat.TcpExtDelayedACKs)
	c.sendAck()
}

// acked notes that a segment with an acknowledgement left (tcp_event_ack_sent).
func (c *Conn) ackSent() {
	a := &c.ack
	if a.quick > 0 && a.due { // one that reports nothing new costs none (tcp_dec_quickack_mode)
		if a.quick--; a.quick == 0 {
			a.ato = delayedAckMin
		}
	}
	a.due, a.now, a.held, a.noRoom, a.pushed = false, false, false, false, 0
	if c.ofo != nil {
		c.ofo.hasDsack = false
		c.tidy()
	}
	a.timer = false
	c.ts.lastAck = c.rcv.nxt
}

// dataSent notes that data left: an answer, if it comes soon after what was
// received.
func (c *Conn) dataSent(now clock.Time) {
	if now.Sub(c.ack.lastData) < c.ack.ato {
		c.ack.pingpong = min(c.ack.pingpong, maxPingpong-1) + 1
	}
}

func (c *Conn) smallOnes() bool {
	return c.ack.pushed == 2 || c.ack.pushed == 1 && !c.interactive()
}

// userRead sends the acknowledgement that reading has made due: the window has
// opened enough to tell, or all was read and there was a small segment in it, in
// a connection that answers what it gets two (tcp_cleanup_rbuf).
func (c *Conn) userRead(copied int) {
	a := &c.ack
	if a.due && (c.rcv.nxt.Sub(c.rcv.wup) > c.rcv.mss() ||
		copied > 0 && c.smallOnes() && c.recvq.bytes == 0) {
		c.sendAck()
		return
	}
	if copied <= 0 || c.rcv.finSeen || c.rcv.closed {
		return
	}
	now := c.receiveWindow()
	if 2*now > int(c.rcv.clamp) {
		return
	}
	if next := c.windowNow(); next > 0 && next >= 2*now {
		c.sendAck()
	}
}
