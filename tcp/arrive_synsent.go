package tcp

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/rtx"
)

// arriveSynSent is RFC 9293 3.10.7.3.
func (c *Conn) arriveSynSent(s *segment, now clock.Time) skb.Reason {
	if r := c.synSentAck(s, now); r != skb.NotDropped {
		return r
	}
	if s.has(RST) {
		if !s.has(ACK) {
			return skb.TCPReset
		}
		return c.reset(s) // the ACK was acceptable: refused
	}
	if !s.has(SYN) {
		return skb.TCPFlags
	}
	c.rcv.nxt, c.rcv.irs = s.seq.Add(1), s.seq
	c.rcv.wup = c.rcv.nxt
	c.acceptOptions(s)
	c.answerECN(s)
	c.snd.wl1, c.snd.wnd, c.snd.maxWnd = s.seq, s.wnd, s.wnd
	if s.has(ACK) {
		return c.synAcked(s, now)
	}
	return c.simultaneousOpen(now)
}

// synSentAck is step 1: an ACK must acknowledge the SYN, and echo a timestamp
// that was sent.
func (c *Conn) synSentAck(s *segment, now clock.Time) skb.Reason {
	if !s.has(ACK) {
		return skb.NotDropped
	}
	if s.ack.AtOrBefore(c.snd.iss) || s.ack.After(c.snd.nxt) {
		if c.tx.Retransmits() == 0 { // an old incarnation answers: it is gone with our RST
			c.tx.HastenRTO(now, soonest)
			c.armRtx(now)
		}
		c.m.replyReset(s)
		return skb.TCPInvalidAckSequence
	}
	if s.hasTS && s.tsecr != 0 && c.ts.on && !c.echoPlausible(s, now) {
		c.Env().Stat.Inc(stat.TcpExtPAWSActive)
		c.m.replyReset(s)
		return skb.TCPRFC7323PAWS
	}
	return skb.NotDropped
}

// soonest is the shortest that a timer is set to (TCP_TIMEOUT_MIN).
const soonest = 2 * time.Millisecond

// echoPlausible reports whether the echoed timestamp lies between the first
// SYN and now.
func (c *Conn) echoPlausible(s *segment, now clock.Time) bool {
	sent, _ := c.tx.FirstRetransmit() // of the SYN, the first time
	first := c.timestampNow(sent)
	return int32(s.tsecr-first) >= 0 && int32(c.timestampNow(now)-s.tsecr) >= 0
}

// synAcked enters ESTABLISHED and acknowledges (step 4).
func (c *Conn) synAcked(s *segment, now clock.Time) skb.Reason {
	a := rtx.Ack{Seq: s.ack, MaxWindow: int(c.snd.maxWnd)}
	c.echo(&a, s)
	c.syncMSS(c.route.MTU)
	c.tx.Ack(now, &a)
	c.snd.una = s.ack
	c.sendq.acked(&c.m.storage, s.ack)
	c.chargeSend()
	c.established(now)
	c.ack.lastData = now
	resend := c.fastOpenAnswer(s, now)
	c.Wake(inet.PollOut)
	s.trimSyn()
	reason := skb.NotDropped
	if s.len > 0 || s.has(FIN) {
		reason = c.segmentText(s, now)
	}
	switch {
	case resend:
		c.output(now) // with the acknowledgement
	case c.unsent() > 0 || c.user.writers > 0 || c.interactive():
		c.holdAck(now)
	default:
		c.sendAck()
	}
	return reason
}

// trimSyn makes the rest of a SYN segment look like a segment of its own.
func (s *segment) trimSyn() {
	s.seq = s.seq.Add(1)
	s.flags &^= SYN
}

// simultaneousOpen answers a SYN that crossed ours (RFC 9293 figure 8).
func (c *Conn) simultaneousOpen(now clock.Time) skb.Reason {
	c.setState(SynRecv)
	c.syncMSS(c.route.MTU)
	c.transmitSyn(now)
	return skb.NotDropped
}
