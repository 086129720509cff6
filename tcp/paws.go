package tcp

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/stat"
)

// Protection against wrapped sequences (RFC 7323 5): a segment whose timestamp
// is older than the last one that moved the window is a ghost of an earlier
// turn of the sequence space.

// pawsMaxAge is when TS.Recent is too old to judge by (RFC 7323 5.5).
const pawsMaxAge = 24 * 24 * time.Hour

// pawsRejects is RFC 7323 5.3 R1. A pure ACK that was merely overtaken passes,
// as Linux lets it (tcp_disordered_ack).
func (c *Conn) pawsRejects(s *segment, now clock.Time) bool {
	if !c.ts.on || !s.hasTS || int32(s.tsval-c.ts.recent) >= 0 {
		return false
	}
	if now.Sub(c.ts.recentAge) > pawsMaxAge {
		return false
	}
	return !c.overtakenAck(s)
}

// overtakenAck reports whether a segment with an old timestamp is a duplicate
// ACK that the path put out of order within one RTO.
func (c *Conn) overtakenAck(s *segment) bool {
	replay := max(c.tx.RTT.RTO()*1024/1000, time.Millisecond)
	return s.has(ACK) && s.len == 0 && s.seq == c.rcv.nxt && s.ack == c.snd.una &&
		s.wnd<<c.windowShift(s) == c.snd.wnd &&
		time.Duration(int32(c.ts.recent-s.tsval))*time.Millisecond <= replay
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
		if s.end.Before(c.rcv.nxt) || s.end == c.rcv.nxt {
			c.Env().Stat.Inc(stat.TcpExtDelayedACKLost)
			c.enterQuick(maxQuickAcks)
			c.dsack(s.seq, s.end)
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
