package tcp

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/seq"
)

// Protection against wrapped sequences (RFC 7323 5): a segment whose timestamp
// is older than the last one that moved the window is a ghost of an earlier
// turn of the sequence space.

// pawsMaxAge is when TS.Recent is too old to judge by (RFC 7323 5.5).
const pawsMaxAge = 24 * 24 * time.Hour

// pawsSlack is by how much a timestamp may lie before the last one, in ticks of
// the peer: its clock may turn between two segments that the path reorders.
const pawsSlack = 1

// paws is RFC 7323 5.3 R1. A pure ACK that was merely overtaken passes, or is
// dropped without an answer where it is older than what has arrived
// (tcp_disordered_ack_check).
func (c *Conn) paws(s *segment, now clock.Time) skb.Reason {
	switch {
	case !c.ts.on || !s.hasTS || c.ts.recent == 0, int32(c.ts.recent-s.tsval) <= pawsSlack,
		now.Sub(c.ts.recentAge) > pawsMaxAge:
		return skb.NotDropped
	case !s.has(ACK) || s.seq != s.end:
		return skb.TCPRFC7323PAWS
	case s.seq.Before(c.rcv.nxt):
		return skb.TCPRFC7323PAWSAck
	case s.seq == c.rcv.nxt && c.overtakenAck(s):
		return skb.NotDropped
	}
	return skb.TCPRFC7323PAWS
}

// overtakenAck reports whether an ACK with an old timestamp is a duplicate that
// the path put out of order within one RTO, reckoned in the fastest ticks that
// peers are known to have.
func (c *Conn) overtakenAck(s *segment) bool {
	const tick = time.Second / 1200
	wnd := s.wnd << c.windowShift(s)
	return s.ack == c.snd.una && !s.seq.After(c.snd.wl1) && !(s.seq == c.snd.wl1 && (wnd > c.snd.wnd || wnd == 0)) &&
		time.Duration(int32(c.ts.recent-s.tsval))*tick <= c.tx.RTT.RTO()
}

// updateRecent is RFC 7323 4.3 (2): TS.Recent follows segments that reach the
// last acknowledgement sent.
func (c *Conn) updateRecent(s *segment, now clock.Time) {
	if !c.ts.on || !s.hasTS || s.seq.After(c.ts.lastAck) {
		return
	}
	if int32(s.tsval-c.ts.recent) >= 0 || now.Sub(c.ts.recentAge) > pawsMaxAge {
		c.ts.recent, c.ts.recentAge = s.tsval, now
	}
}

// answerInvalid acknowledges a segment that is not acceptable (RFC 9293
// 3.10.7.4 step 1), with a D-SACK where it only repeats old data; not more
// often than tcp_invalid_ratelimit, so that two stacks that disagree do not
// answer each other for ever.
func (c *Conn) answerInvalid(s *segment, now clock.Time, skipped stat.ID) {
	if s.len > 0 || s.has(SYN) || s.has(FIN) {
		if s.seq.Before(c.rcv.nxt) {
			c.Env().Stat.Inc(stat.TcpExtDelayedACKLost)
			c.enterQuick(maxQuickAcks)
			c.dsack(s.seq, seq.Min(s.end, c.rcv.nxt))
		}
	} else if c.tooSoon(now, skipped) {
		return
	}
	c.sendAck()
}

// tooSoon limits acknowledgements of segments without data.
func (c *Conn) tooSoon(now clock.Time, skipped stat.ID) bool {
	gap := time.Duration(c.m.set.invalidRatelimit.Get()) * time.Millisecond
	if c.ack.lastInvalid != 0 && now.Sub(c.ack.lastInvalid) < gap {
		c.Env().Stat.Inc(skipped)
		return true
	}
	c.ack.lastInvalid = now
	return false
}
