package rtx

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/rtt"
)

// Cumulative acknowledgement: what lies before SND.UNA leaves the queue, and
// the round trip is measured. Karn's algorithm (RFC 6298 3) is applied here: a
// range that was retransmitted gives no sample by itself; the timestamp echo
// (RFC 7323 4) does, because it tells which of the transmissions it answers.

// cleaned is what the ranges that were acknowledged told.
type cleaned struct {
	segs        int
	hasTime     bool       // one of them was neither retransmitted nor SACKed
	first, last clock.Time // transmission of the first and the last such
	partial     bool       // the last range was acknowledged in part
}

func (s *Sender) clean(a *ack) {
	var c cleaned
	a.reord = s.CC.SndNxt
	for s.q.len() > 0 && !c.partial {
		n := s.q.at(0)
		segs := s.ackedSegs(n, &c)
		if segs == 0 {
			break
		}
		s.acknowledge(a, &c, n, segs)
		if !c.partial {
			s.q.pop()
		}
	}
	s.mtuProbeAcked()
	if s.q.len() > 0 && s.q.at(0).has(sacked) {
		a.flags |= flagReneging
	}
	if a.is(flagRetransAcked) {
		c.hasTime = false
	}
	s.suspectDelay(a, &c)
	took := s.measure(a, &c)
	s.afterClean(a, &c, took)
	s.alg.PktsAcked(&s.CC, cc.Sample{
		PktsAcked: c.segs,
		RTT:       a.rs.RTT,
		InFlight:  s.CC.MSS * int(s.CC.Delivered-a.rs.PriorDelivered),
	})
}

// ackedSegs returns how many segments of the first range are acknowledged, and
// cuts them off if they are not all. A segment acknowledged in part stays.
func (s *Sender) ackedSegs(n *node, c *cleaned) int {
	una := s.CC.SndUna
	if !n.end.After(una) {
		return int(n.segs)
	}
	if n.segs == 1 || !una.After(n.start) {
		return 0
	}
	left := *n
	left.start = una
	acked := int(n.segs) - recut(&left, int(n.mss))
	if acked > 0 {
		c.partial = true
	}
	return acked
}

// acknowledge accounts for segs segments of the range n.
func (s *Sender) acknowledge(a *ack, c *cleaned, n *node, segs int) {
	switch {
	case n.has(ever):
		a.flags |= flagRetransAcked
	case !n.has(sacked):
		c.time(n.sentAt)
		if n.start.Before(a.reord) {
			a.reord = n.start
		}
		if !n.end.After(s.CC.HighSeq) {
			a.flags |= flagOrigAcked
		}
	}
	if !n.has(sacked) && s.sack {
		s.countDelivered(segs, a.ECE)
		if !s.spuriousRetrans(a, n) {
			s.rackAdvance(n)
		}
	}
	s.sampleRate(a, n)
	s.drop(n.tags, segs)
	c.segs += segs
	if n.flags&SYN != 0 {
		a.flags |= flagSynAcked
		s.undo.hasStamp = false
	} else {
		a.flags |= flagDataAcked
	}
	if c.partial {
		n.start = s.CC.SndUna
		n.segs -= int32(segs)
	}
}

func (c *cleaned) time(t clock.Time) {
	if !c.hasTime {
		c.first, c.hasTime = t, true
	}
	c.last = t
}

// afterClean starts the timer anew on progress, and learns reordering.
func (s *Sender) afterClean(a *ack, c *cleaned, took bool) {
	if !a.is(flagAcked) {
		if s.sackRestartsTimer(a, took) {
			a.flags |= flagSetTimer
		}
		return
	}
	a.flags |= flagSetTimer
	if !s.sack {
		s.removeRenoSacks(a, c.segs)
	} else if a.reord.Before(a.priorFack) { // a hole filled without retransmission
		s.checkReordering(a.reord, false)
	}
}

// sackRestartsTimer: a SACK is a sign of life as well, but only if what it
// reports was sent before the first range was last sent. Otherwise the timeout
// of a lost retransmission could be put off for ever.
func (s *Sender) sackRestartsTimer(a *ack, took bool) bool {
	return took && a.hasSackTime && s.q.len() > 0 && a.firstSack.Before(s.q.at(0).sentAt)
}

// suspectDelay recognizes the ACK of a lone small segment, which the receiver
// had reason to delay: it must not raise the minimum RTT.
func (s *Sender) suspectDelay(a *ack, c *cleaned) {
	if c.hasTime && c.segs == 1 && !c.partial && a.priorSacked == 0 &&
		s.CC.SndUna.Sub(a.priorUna) < s.CC.MSS &&
		a.rs.PriorDelivered+1 == s.CC.Delivered && !a.is(flagCAAlert|flagSynAcked) {
		a.flags |= flagMaybeDelayed
		a.rs.IsAckDelayed = true
	}
}

// measure takes an RTT sample: of the first segment newly acknowledged, or the
// first newly SACKed, or by timestamp. The minimum, RACK and congestion control
// get that of the last segment, which has waited least for a delayed ACK.
func (s *Sender) measure(a *ack, c *cleaned) bool {
	now := s.CC.Now
	first, last := time.Duration(-1), time.Duration(-1)
	if c.hasTime {
		first, last = now.Sub(c.first), now.Sub(c.last)
	}
	if a.hasSackTime {
		last = now.Sub(a.lastSack)
		if first < 0 {
			first = now.Sub(a.firstSack)
		}
	}
	if first < 0 && a.HasTSEcr && s.timestamps && a.is(flagAcked) {
		first = s.echoedRTT(a)
		last = first
	}
	a.rs.RTT = last
	if first < 0 {
		return false
	}
	if !a.is(flagMaybeDelayed) || last <= s.RTT.MinRTT() {
		s.RTT.SampleMin(now, last)
	}
	s.takeRTT(first)
	a.rtt = first
	return true
}

// echoedRTT returns the age of the echoed timestamp, at least its resolution.
func (s *Sender) echoedRTT(a *ack) time.Duration {
	age := int32(uint32(s.CC.Now.Milliseconds()) - a.TSEcr)
	if age < 0 {
		return -1
	}
	return time.Duration(max(age, 1)) * time.Millisecond
}

// sampleRTT takes an RTT measured outside an acknowledgement of data.
func (s *Sender) sampleRTT(d time.Duration) {
	s.RTT.SampleMin(s.CC.Now, d)
	s.takeRTT(d)
}

func (s *Sender) takeRTT(d time.Duration) {
	s.RTT.Sample(d, rtt.Round{Una: s.CC.SndUna, Nxt: s.CC.SndNxt})
	s.CC.SRTT, s.CC.MinRTT = s.RTT.SRTT(), s.RTT.MinRTT()
}
