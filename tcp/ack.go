package tcp

import (
	"syscall"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/rtx"
	"github.com/slankdev/ministack/trace"
)

// The ACK field of a segment (RFC 9293 3.10.7.4 step 5, tcp_ack): is it
// acceptable, does it move the window, and what does it tell loss recovery.
// What may be sent because of it is sent at the end of the receive batch.

// Verdicts of the event tcp.ack.
const (
	ackOld uint32 = iota
	ackDuplicate
	ackNew
	ackFuture
)

func (c *Conn) processAck(s *segment, now clock.Time) skb.Reason {
	switch {
	case s.ack.After(c.snd.nxt):
		c.traceAck(s, ackFuture, 0)
		c.challenge(now)
		return skb.TCPAckUnsentData
	case s.ack.Before(c.snd.una):
		return c.oldAck(s, now)
	}
	c.heard(now)
	c.countAccECN(s)
	c.updateRecent(s, now)
	updated := c.updateWindow(s)
	c.recover(s, now, updated)
	c.stillClosed(now)
	return skb.NotDropped
}

// oldAck is an acknowledgement from before SND.UNA: its text may still be new,
// its SACK blocks too, unless it is older than any window was, or than all that
// was ever acknowledged (RFC 5961 5.2).
func (c *Conn) oldAck(s *segment, now clock.Time) skb.Reason {
	c.traceAck(s, ackOld, 0)
	if s.ack.Before(c.snd.una.Add(-int(min(uint64(c.snd.maxWnd), c.tx.BytesAcked())))) {
		c.challenge(now)
		return skb.TCPTooOldAck
	}
	if s.nsack > 0 {
		c.recover(s, now, false)
	}
	c.attempt = true // as after any other: its text may be due to be acknowledged
	return skb.NotDropped
}

// updateWindow takes SEG.WND if the segment is newer than the one that set it
// last (RFC 9293 3.10.7.4, SND.WL1 and SND.WL2; Linux's tcp_may_update_window).
func (c *Conn) updateWindow(s *segment) bool {
	wnd := s.wnd << c.windowShift(s)
	newer := s.ack.After(c.snd.una) || s.seq.After(c.snd.wl1) || s.seq == c.snd.wl1 && (wnd > c.snd.wnd || wnd == 0)
	if !newer {
		return false
	}
	c.snd.wl1 = s.seq
	if wnd == c.snd.wnd {
		return true
	}
	c.snd.wnd = wnd
	if wnd > c.snd.maxWnd {
		c.snd.maxWnd = wnd
		c.syncMSS(c.route.MTU)
	}
	if wnd == 0 && c.Env().Trace.On(trace.TCPWindow) {
		c.Env().Trace.Event(trace.TCPWindow, c.ID, 2, 0, 0, 0)
	}
	return true
}

// recover tells loss recovery of the acknowledgement.
func (c *Conn) recover(s *segment, now clock.Time, updated bool) {
	a := rtx.Ack{
		Seq:          s.ack,
		Blocks:       s.sack[:s.nsack],
		MaxWindow:    int(c.snd.maxWnd),
		Data:         s.len > 0 || s.has(FIN),
		WindowUpdate: updated,
		CanSendNew:   c.sendq.end.After(c.snd.nxt) && c.sendWindowEnd().After(c.snd.nxt),
		Merged:       int(s.buf.GSOSegs),
		ECE:          c.ecn.on && s.has(ECE) && !s.has(SYN),
	}
	if !c.ts.sackOK {
		a.Blocks = nil
	}
	c.echo(&a, s)
	res := c.tx.Ack(now, &a)
	c.countDelivered(&a, s, res.Delivered)
	if c.ecn.acc != nil && !s.has(SYN) && (res.Delivered > 0 || c.ecn.acc.opening) {
		if n := c.decodeAccECN(s, res.Delivered); n > 0 {
			c.tx.Marked(now, n)
			c.Env().Stat.Add(stat.TcpExtTCPDeliveredCE, n)
		}
	}
	if res.Advanced {
		c.advance(s, res.Acked)
	}
	c.noteOutcome(&res.Outcome)
	c.traceResult(s, &res)
	if res.SendNewFirst {
		c.sendUnheld(now)
	}
	c.attempt = true
}

func (c *Conn) countDelivered(a *rtx.Ack, s *segment, n int) {
	st := c.Env().Stat
	if !a.Data && !s.has(SYN) {
		st.Inc(stat.TcpExtTCPPureAcks)
	}
	if n == 0 {
		return
	}
	st.Add(stat.TcpExtTCPDelivered, n)
	if a.ECE {
		st.Add(stat.TcpExtTCPDeliveredCE, n)
	}
}

// echo fills in the echoed timestamp, as the clock had it when it was sent.
func (c *Conn) echo(a *rtx.Ack, s *segment) {
	if c.ts.on && s.hasTS && s.tsecr != 0 {
		a.HasTSEcr, a.TSEcr = true, s.tsecr-c.ts.offset
	}
}

// advance moves SND.UNA and gives back what it has passed.
func (c *Conn) advance(s *segment, acked int) {
	c.snd.una = s.ack
	c.sendq.acked(&c.m.storage, s.ack)
	c.chargeSend()
	c.timers.probeBackoff = 0
	if c.snd.up.Before(c.snd.una) {
		c.snd.up, c.snd.urgent = c.snd.una, false
	}
	c.growSendBuffer()
	now := c.tx.CC.Now
	if c.user.noSpace && c.writable() {
		c.user.noSpace = false
		c.chrono.stop(now, chronoSndbuf)
		c.Wake(inet.PollOut)
	}
	if c.sendq.bytes() == 0 && c.chrono.kind != chronoIdle {
		c.chrono.set(now, chronoIdle)
	}
	if acked > 0 {
		c.m.net.Confirm(c.route) // RFC 4861 7.3.1: the next hop works
	}
}

// noteOutcome counts and traces what recovery decided.
func (c *Conn) noteOutcome(o *rtx.Outcome) {
	if o.From != o.To {
		c.countRecovery(o)
		if c.Env().Trace.On(trace.TCPCC) {
			st := &c.tx.CC
			c.Env().Trace.Event(trace.TCPCC, c.ID, uint32(o.To), uint32(st.Cwnd), uint32(st.Ssthresh),
				uint32(st.PacketsOut-st.SackedOut-st.LostOut+st.RetransOut))
		}
	}
	if o.MTUProbe != rtx.MTUProbeNone {
		c.mtuProbed(o.MTUProbe)
	}
	if o.Undo != rtx.WhyNone {
		c.Env().Trace.Slow(trace.TCPUndo, c.ID, c.cause, [4]uint32{uint32(o.Undo), uint32(c.tx.CC.Cwnd), uint32(c.tx.CC.Ssthresh)})
	}
	c.foldCounters()
}

func (c *Conn) countRecovery(o *rtx.Outcome) {
	if o.To != cc.Recovery {
		return
	}
	if c.ts.sackOK {
		c.Env().Stat.Inc(stat.TcpExtTCPSackRecovery)
	} else {
		c.Env().Stat.Inc(stat.TcpExtTCPRenoRecovery)
	}
}

func (c *Conn) traceAck(s *segment, verdict uint32, acked int) {
	if s.buf != nil && s.buf.Traced {
		c.Env().Trace.Packet(trace.TCPAck, s.buf, verdict, s.ack.Uint32(), c.snd.una.Uint32(), uint32(acked))
	}
}

func (c *Conn) traceResult(s *segment, res *rtx.Result) {
	if s.buf == nil || !s.buf.Traced {
		return
	}
	verdict := ackDuplicate
	if res.Advanced {
		verdict = ackNew
	}
	c.traceAck(s, verdict, res.Acked)
	tr := c.Env().Trace
	if s.nsack > 0 {
		tr.Packet(trace.TCPSack, s.buf, uint32(res.Delivered), uint32(c.tx.CC.SackedOut), uint32(c.tx.CC.LostOut), 0)
	}
	if res.RTT >= 0 {
		tr.Packet(trace.TCPRTT, s.buf, uint32(res.RTT.Microseconds()), uint32(c.tx.RTT.SRTT().Microseconds()),
			uint32(c.tx.RTT.RTTVar().Microseconds()), uint32(c.tx.RTT.RTO().Microseconds()))
	}
}

// batchEnd ends a receive batch: what the acknowledgements allow is sent, then
// what arrived is acknowledged, unless the data has done so.
func (c *Conn) batchEnd(now clock.Time) {
	if c.attempt {
		c.attempt = false
		c.output(now)
	}
	c.checkAck(now)
}

// closingAck is what an acknowledgement of our FIN does (RFC 9293 3.10.7.4
// step 5, FIN-WAIT-1, CLOSING, LAST-ACK).
func (c *Conn) closingAck(s *segment, now clock.Time) {
	if !c.user.finQueued || c.snd.una.AtOrBefore(c.sendq.end) {
		return
	}
	switch c.state {
	case FinWait1:
		c.setState(FinWait2)
		c.user.shutWrite = true
		c.Wake(inet.PollOut)
		switch {
		case c.user.orphan && c.user.lingerTwo < 0: // nobody waits for the peer's FIN
			c.Env().Stat.Inc(stat.TcpExtTCPAbortOnData)
			c.m.resetFor(s, rstLinger)
			c.finish(syscall.ECONNRESET)
		case c.user.orphan:
			c.lingerInFinWait2(now, s.has(FIN))
		}
	case Closing:
		c.enterTimeWait(now)
	case LastAck:
		c.done()
	}
}
