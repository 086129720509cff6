package rtx

import (
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
)

// The state machine of loss recovery, Linux's tcp_fastretrans_alert. It is
// entered for every acknowledgement that is not plainly good.
//
//	Open      nothing suspicious
//	Disorder  something is out of order; new data goes on being sent
//	CWR       the window is being reduced, nothing is lost
//	Recovery  the same, and what is lost is retransmitted
//	Loss      after a timeout: slow start, retransmitting
//
// CWR, Recovery and Loss last until HighSeq, SND.NXT at their beginning, is
// acknowledged. Then the episode is judged: was it necessary?

func (s *Sender) alert(a *ack) {
	if a.is(flagECE) {
		s.CC.PriorSsthresh = 0 // congestion is certain: no undo
	}
	if s.reneged(a) || s.leave(a) {
		return
	}
	switch s.CC.CA {
	case cc.Recovery:
		s.inRecovery(a)
	case cc.Loss:
		s.inLoss(a)
	default:
		s.inOrder(a)
	}
}

// reneged: the first range outstanding is SACKed, yet the ACK did not cover
// it, so the receiver has thrown it away (RFC 2018 8). It may also be that ACKs
// are reordered: the timeout that believes it is set half a round trip ahead.
func (s *Sender) reneged(a *ack) bool {
	if !a.is(flagReneging) || !a.is(flagAdvanced) {
		return false
	}
	s.arm(TimerRTO, max(s.CC.SRTT/2, minRenegeWait))
	a.flags &^= flagSetTimer
	return true
}

// leave ends an episode whose HighSeq is acknowledged. It reports true if
// nothing more is to be done.
func (s *Sender) leave(a *ack) bool {
	switch {
	case s.CC.CA == cc.Open:
		if !s.handshake {
			s.undo.hasStamp = false
		}
	case s.CC.SndUna.Before(s.CC.HighSeq):
	case s.CC.CA == cc.CWR:
		// CWR must reach the receiver in a segment above HighSeq.
		if s.CC.SndUna != s.CC.HighSeq {
			s.endReduction()
			s.setCA(cc.Open, WhyAcked)
		}
	case s.CC.CA == cc.Recovery:
		if !s.sack {
			s.resetRenoSack()
		}
		if s.tryUndoRecovery(a) {
			return true
		}
		s.endReduction()
	}
	return false
}

func (s *Sender) inRecovery(a *ack) {
	if !a.is(flagAdvanced) {
		if !s.sack {
			s.addRenoSack(a)
		}
	} else if s.tryUndoPartial(a) {
		return
	}
	if s.tryUndoDSACK() {
		s.tryOpen(a)
	}
	s.identifyLoss(a)
	if s.CC.CA != cc.Recovery {
		if s.CC.LostOut == 0 {
			return
		}
		// Undone, but not all of it: what is lost after all starts anew.
		s.enterRecovery(a.is(flagECE), s.whyLost())
	}
	s.rexmit = rexmitLost
}

func (s *Sender) inLoss(a *ack) {
	s.processLoss(a)
	if s.CC.CA != cc.Loss {
		s.recovered()
	}
	s.identifyLoss(a)
	if s.CC.CA == cc.Open || a.is(flagLostRetrans) {
		s.inOrder(a) // undone, or a retransmission lost as well
	}
}

// inOrder is Open, Disorder and CWR: no retransmission is under way.
func (s *Sender) inOrder(a *ack) {
	if !s.sack {
		if a.is(flagAdvanced) {
			s.resetRenoSack()
		}
		s.addRenoSack(a)
	}
	if s.CC.CA <= cc.Disorder {
		s.tryUndoDSACK()
	}
	s.identifyLoss(a)
	s.openOrRecover(a)
}

// openOrRecover enters recovery as soon as a segment is known to be lost.
func (s *Sender) openOrRecover(a *ack) {
	if s.CC.LostOut == 0 {
		s.tryOpen(a)
		return
	}
	if s.mtuProbeLost() {
		return
	}
	s.enterRecovery(a.is(flagECE), s.whyLost())
	s.rexmit = rexmitLost
}

func (s *Sender) whyLost() Why {
	if s.sack {
		return WhyRACK
	}
	return WhyFast
}

// identifyLoss marks what is lost by now.
func (s *Sender) identifyLoss(a *ack) {
	if s.q.len() == 0 {
		return
	}
	if !s.sack {
		s.renoMarkLost(a.is(flagAdvanced))
		return
	}
	prior := s.CC.RetransOut
	if s.rackMarkLost() {
		a.flags &^= flagSetTimer
	}
	if prior > s.CC.RetransOut {
		a.flags |= flagLostRetrans
	}
}

// enterRecovery begins fast recovery: RFC 5681 3.2, RFC 6675 5.
func (s *Sender) enterRecovery(ece bool, why Why) {
	s.cleanStamp()
	if s.sack {
		s.past().counters.SACKRecovery++
	} else {
		s.past().counters.RenoRecovery++
	}
	s.CC.PriorSsthresh = 0
	s.initUndo()
	if !s.CC.InReduction() {
		if !ece {
			s.CC.PriorSsthresh = int32(s.CC.CurrentSsthresh())
		}
		s.initReduction()
	}
	s.setCA(cc.Recovery, why)
}

// enterCWR reduces the window without loss: RFC 3168 6.1.2.
func (s *Sender) enterCWR() {
	s.CC.PriorSsthresh = 0
	if s.CC.CA < cc.CWR {
		s.undo.armed = false
		s.initReduction()
		s.setCA(cc.CWR, WhyECN)
	}
}

// EnterCWR reduces the window without loss: local congestion (RFC 3168 6.1.2
// treats ECN-echo alike, inside Ack).
func (s *Sender) EnterCWR(now clock.Time) {
	s.CC.Now = now
	s.enterCWR()
}

// Marked takes an accurate report that so many of the segments that the last
// acknowledgement delivered met congestion (RFC 9768). It reduces the window
// once a round trip, as an echo does.
func (s *Sender) Marked(now clock.Time, segs int) {
	s.CC.Now = now
	s.CC.DeliveredCE += uint32(segs)
	s.enterCWR()
}

// tryOpen goes back to Open or Disorder, or reduces the window for ECN.
func (s *Sender) tryOpen(a *ack) {
	s.cleanStamp()
	if a.is(flagECE) {
		s.enterCWR()
	}
	if s.CC.CA != cc.CWR {
		s.keepOpen()
	}
}

// keepOpen is Open, or Disorder while something is out of order or a
// retransmission is not acknowledged.
func (s *Sender) keepOpen() {
	next, why := cc.Open, WhyAcked
	if s.CC.LeftOut() > 0 || s.anyRetransDone() {
		next, why = cc.Disorder, WhyReorder
	}
	if s.CC.CA != next {
		s.setCA(next, why)
		s.CC.HighSeq = s.CC.SndNxt
	}
}
