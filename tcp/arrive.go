package tcp

import (
	"syscall"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// A segment arrives (RFC 9293 3.10.7). The steps have the RFC's order and
// numbers. Each takes the segment and says whether it goes on: NotDropped, or
// the reason for which the segment ends here. Data that is taken over leaves
// s.buf nil.

// Packet processes a segment under the connection's lock; see inet.Handler.
// The data of b begins at a TCP header that was found valid.
func (c *Conn) Packet(b *skb.Buffer) skb.Reason {
	var s segment
	s.read(b)
	c.cause = b.ID
	now := c.Env().Clock.Now()
	c.passed.in(b, s.len)
	if b.Traced && (s.hasTS || s.nsack > 0) {
		c.Env().Trace.Packet(trace.TCPOptions, b, s.tsval, s.tsecr, uint32(s.nsack), 0)
	}
	r := skb.NotDropped
	if c.state != Listen { // a listener knows first what the segment is for
		r = c.authenticate(&s, nil)
	}
	if r == skb.NotDropped {
		r = c.arrive(&s, now)
	}
	if c.ack.due || c.attempt {
		c.m.batch.add(c)
	}
	return s.finish(r)
}

// finish ends the segment's buffer unless a queue has it.
func (s *segment) finish(r skb.Reason) skb.Reason {
	switch {
	case s.buf == nil:
	case r == skb.NotDropped:
		s.buf.Consume()
	default:
		s.buf.Drop(r)
	}
	return r
}

// arrive chooses by state (RFC 9293 3.10.7.1 to 3.10.7.4).
func (c *Conn) arrive(s *segment, now clock.Time) skb.Reason {
	switch c.state {
	case Closed:
		return c.arriveClosed(s)
	case Listen:
		return c.arriveListen(s)
	case SynSent:
		return c.arriveSynSent(s, now)
	}
	return c.arriveOther(s, now)
}

// arriveClosed is RFC 9293 3.10.7.1: a reset answers everything but a reset.
func (c *Conn) arriveClosed(s *segment) skb.Reason {
	c.m.replyReset(s)
	return skb.TCPClose
}

// arriveListen is RFC 9293 3.10.7.2; what a listener makes of a segment is in
// listen.go. The buffer may have gone to a new connection.
func (c *Conn) arriveListen(s *segment) skb.Reason { return c.listenInput(s) }

// arriveOther is RFC 9293 3.10.7.4: all synchronized states and SYN-RECEIVED.
func (c *Conn) arriveOther(s *segment, now clock.Time) skb.Reason {
	if r, answered := c.repeatedFastOpenSyn(s); answered {
		return r
	}
	if r := c.first(s, now); r != skb.NotDropped {
		return r
	}
	if r := c.second(s, now); r != skb.NotDropped {
		return r
	}
	if r := c.fourth(s, now); r != skb.NotDropped {
		return r
	}
	if r := c.fifth(s, now); r != skb.NotDropped || c.state == Closed {
		return r // the acknowledgement of our FIN was the last that we waited for
	}
	c.sixth(s)
	return c.seventh(s, now)
}

// first checks the sequence number, timestamps before it (RFC 9293 3.10.7.4
// step 1, RFC 7323 5.3 R1).
func (c *Conn) first(s *segment, now clock.Time) skb.Reason {
	if r := c.paws(s, now); r != skb.NotDropped && !s.has(RST) {
		return c.answerPaws(s, now, r)
	}
	r := c.sequence(s)
	if r == skb.NotDropped {
		return r
	}
	c.traceSeq(s, 0)
	switch {
	case s.has(RST):
		return c.oddReset(s)
	case s.has(SYN):
		c.challenge(now)
		return skb.TCPInvalidSyn
	}
	c.answerInvalid(s, now, stat.TcpExtTCPACKSkippedSeq)
	return r
}

// answerPaws ends a segment that paws has refused for r.
func (c *Conn) answerPaws(s *segment, now clock.Time, r skb.Reason) skb.Reason {
	switch {
	case s.has(SYN):
		c.challenge(now)
		return skb.TCPInvalidSyn
	case r == skb.TCPRFC7323PAWS:
		c.answerInvalid(s, now, stat.TcpExtTCPACKSkippedPAWS)
	}
	return r
}

// sequence is the test of RFC 9293 table 6, in the form that Linux gives it:
// the segment reaches the window, and does not begin past it. It is lenient to
// a segment that ends before the window by one byte, which probes use. One that
// ends past the window is taken only where nothing waits to be read: who sends
// more than the reader has room for gains nothing by it.
func (c *Conn) sequence(s *segment) skb.Reason {
	wnd := c.receiveWindow()
	edge := c.rcv.nxt.Add(wnd)
	switch {
	case s.end.Before(c.rcv.wup) || s.seq.After(edge):
		return skb.TCPInvalidSequence
	case wnd > 0 && c.recvq.bytes > 0 && !s.has(RST|SYN) && s.seq.Add(s.len).After(edge):
		return skb.TCPOverWindow
	}
	return skb.NotDropped
}

// oddReset is a RST outside the window: dropped, unless it stands one past a
// FIN that arrived, where a peer that closed may send it.
func (c *Conn) oddReset(s *segment) skb.Reason {
	if c.rcv.finSeen && s.seq == c.rcv.nxt.Add(-1) && c.state.in(setOf(CloseWait, LastAck, Closing)) {
		return c.reset(s)
	}
	return skb.TCPInvalidSequence
}

// second checks the RST bit (RFC 9293 3.10.7.4 step 2, RFC 5961 3.2). Only a
// reset at exactly RCV.NXT ends the connection; one that lies elsewhere in the
// window is answered by a challenge ACK.
func (c *Conn) second(s *segment, now clock.Time) skb.Reason {
	if !s.has(RST) {
		return skb.NotDropped
	}
	if s.seq == c.rcv.nxt || c.resetAtSack(s) {
		return c.reset(s)
	}
	c.challenge(now)
	return skb.TCPReset
}

// resetAtSack accepts a RST at the right edge of what was selectively
// acknowledged, where a peer that did not see our ACKs would send it.
func (c *Conn) resetAtSack(s *segment) bool {
	q := c.ofo
	if q == nil || q.nsack == 0 {
		return false
	}
	edge := q.sacks[0].End
	for _, b := range q.sacks[1:q.nsack] {
		if b.End.After(edge) {
			edge = b.End
		}
	}
	return s.seq == edge
}

// reset ends the connection because the peer said so (tcp_reset).
func (c *Conn) reset(s *segment) skb.Reason {
	c.handshakeDone(true)
	c.Env().Trace.Slow(trace.TCPRstRx, c.ID, c.cause, [4]uint32{1, s.seq.Uint32(), c.portPair()})
	c.fail(c.resetError())
	return skb.TCPReset
}

// resetError is what the user learns of a reset.
func (c *Conn) resetError() syscall.Errno {
	switch c.state {
	case SynSent:
		return syscall.ECONNREFUSED
	case CloseWait:
		return syscall.EPIPE
	}
	return syscall.ECONNRESET
}

func (c *Conn) portPair() uint32 { return uint32(c.Local.Port())<<16 | uint32(c.Peer.Port()) }

// fourth checks the SYN bit (RFC 9293 3.10.7.4 step 4, RFC 5961 4.2): no
// connection is ever reset by a SYN.
func (c *Conn) fourth(s *segment, now clock.Time) skb.Reason {
	if !s.has(SYN) {
		return skb.NotDropped
	}
	if c.state == SynRecv && s.has(ACK) && s.end == s.seq.Add(1) && s.end == c.rcv.nxt && s.ack == c.snd.nxt {
		return skb.NotDropped // simultaneous open: the peer's SYN-ACK
	}
	c.challenge(now)
	return skb.TCPInvalidSyn
}

// fifth checks the ACK field (RFC 9293 3.10.7.4 step 5).
func (c *Conn) fifth(s *segment, now clock.Time) skb.Reason {
	if !s.has(ACK) {
		return skb.TCPFlags
	}
	if c.state == SynRecv {
		if r := c.finishHandshake(s, now); r != skb.NotDropped {
			return r
		}
	}
	c.handshakeDone(false) // closed before the SYN-ACK was acknowledged
	if r := c.processAck(s, now); r != skb.NotDropped {
		return r
	}
	if c.state.in(setOf(FinWait1, FinWait2)) && c.dataForNobody(s) { // before an entry without a TCB takes over
		return c.refuseData(s)
	}
	c.closingAck(s, now)
	return skb.NotDropped
}

// finishHandshake enters ESTABLISHED from SYN-RECEIVED (RFC 5961 5.2 for what
// is acceptable).
func (c *Conn) finishHandshake(s *segment, now clock.Time) skb.Reason {
	if s.ack.AtOrBefore(c.snd.iss) || s.ack.After(c.snd.nxt) {
		c.m.replyReset(s)
		return skb.TCPInvalidAckSequence
	}
	c.snd.wl1 = s.seq
	c.snd.wnd = s.wnd << c.windowShift(s)
	if c.unfinished() {
		c.fastOpened(now)
	} else {
		c.established(now)
	}
	c.tx.CC.Delivered++ // our SYN
	c.Wake(inet.PollOut)
	return skb.NotDropped
}

// fastOpened enters ESTABLISHED with a transfer that has begun already.
func (c *Conn) fastOpened(now clock.Time) {
	if r := c.fo.request; r.retries == 0 {
		c.tx.SampleRTT(now, now.Sub(r.sentAt))
	}
	c.snd.maxWnd = max(c.snd.maxWnd, c.snd.wnd)
	c.setState(Established)
	c.handshakeDone(false)
	c.armRtx(now)
	c.shutLate()
}

// windowShift is the scale of SEG.WND: none in a SYN (RFC 7323 2.2).
func (c *Conn) windowShift(s *segment) uint8 {
	if s.has(SYN) {
		return 0
	}
	return c.snd.wscale
}

// sixth checks the URG bit (RFC 9293 3.10.7.4 step 6).
func (c *Conn) sixth(s *segment) {
	if s.has(URG) {
		c.urgentPointer(s)
	}
	if c.rcv.urgentState == urgentComing {
		c.urgentByte(s)
	}
}

// seventh processes the segment text and then, eighth, the FIN bit, which
// stands behind the last byte of it (RFC 9293 3.10.7.4 steps 7 and 8).
func (c *Conn) seventh(s *segment, now clock.Time) skb.Reason {
	switch {
	case c.rcv.finSeen && s.seq.AtOrAfter(c.rcv.nxt):
		return skb.NotDropped // the peer has closed: there can be no text
	case c.rcv.finSeen && c.goesOn(s):
		return c.refuseData(s) // and yet there is more behind the end
	case s.end == s.seq:
		return skb.NotDropped
	}
	return c.segmentText(s, now)
}

// dataForNobody reports whether new data comes to a socket that reads no more
// (RFC 9293 3.6.1, RFC 1122 4.2.2.13).
func (c *Conn) dataForNobody(s *segment) bool {
	return (c.user.orphan || c.rcv.closed) && c.goesOn(s)
}

// goesOn reports whether text of the segment, or its FIN, lies behind RCV.NXT.
func (c *Conn) goesOn(s *segment) bool { return s.end != s.seq && s.seq.Add(s.len).After(c.rcv.nxt) }

// refuseData resets the connection, so that the peer learns that its data is
// lost (B43).
func (c *Conn) refuseData(s *segment) skb.Reason {
	c.m.resetFor(s, rstOrphan)
	c.fail(c.resetError())
	return skb.TCPAbortOnData
}

func (c *Conn) traceSeq(s *segment, verdict uint32) {
	if s.buf.Traced {
		c.Env().Trace.Packet(trace.TCPSeqCheck, s.buf, verdict, s.seq.Uint32(), c.rcv.nxt.Uint32(), uint32(c.receiveWindow()))
	}
}
