package rtx

import (
	"time"

	"github.com/slankdev/ministack/tcp/cc"
)

// The retransmission timeout (RFC 6298 5) and the state Loss that follows it:
// the window falls to one segment, everything sent long enough ago is taken
// for lost, and slow start retransmits it.
//
// F-RTO (RFC 5682 3.1, the SACK-enhanced version) doubts the timeout. After
// the retransmission, the first ACK that advances lets NEW data be sent instead
// of more retransmissions. If then something is (S)ACKed that was never
// retransmitted, the originals have arrived, late: the timeout was spurious
// and all of it is undone. A duplicate ACK means that it was real.

const minRenegeWait = 10 * time.Millisecond

type rtoState struct {
	retransmits int32 // timeouts since SND.UNA last moved
	frto        bool  // F-RTO is under way
	fresh       bool  // the timeout's own retransmission is still to come
}

// timeout handles the expiry of the RTO: RFC 6298 5.4 to 5.6.
func (s *Sender) timeout() {
	if s.CC.PacketsOut == 0 {
		return
	}
	s.past().counters.Timeouts++
	if s.rto.retransmits == 0 && !s.handshake {
		s.countFailure()
	}
	s.enterLoss()
	s.past().rto.count(s.CC.Now, s.rto.retransmits == 0)
	s.rto.retransmits++
	s.rto.fresh = true
	switch {
	case s.staysLinear():
		s.RTT.NoBackoff()
	case !s.handshake || s.past().rto.total > s.cfg.SYNLinear:
		s.RTT.Backoff()
	}
	s.rexmit = rexmitLost
	s.arm(TimerRTO, s.RTT.RTO())
}

// countFailure says what the first timeout of a run ended.
func (s *Sender) countFailure() {
	c := &s.past().counters
	sackOr := func(sack, reno *uint32) *uint32 {
		if s.sack {
			return sack
		}
		return reno
	}
	switch {
	case s.CC.CA == cc.Recovery:
		*sackOr(&c.SACKRecoveryFail, &c.RenoRecoveryFail)++
	case s.CC.CA == cc.Loss:
		c.LossFailures++
	case s.CC.CA == cc.Disorder || s.CC.SackedOut > 0:
		*sackOr(&c.SACKFailures, &c.RenoFailures)++
	}
}

// enterLoss begins the state Loss. Another timeout of the same data does not
// reduce ssthresh again (RFC 5681 3.1 after equation 4).
func (s *Sender) enterLoss() {
	st := &s.CC
	fresh := st.CA < cc.Recovery
	why := s.timeoutMarkLost()
	if st.CA <= cc.Disorder || !st.HighSeq.After(st.SndUna) ||
		st.CA == cc.Loss && s.rto.retransmits == 0 {
		st.PriorSsthresh = int32(st.CurrentSsthresh())
		st.PriorCwnd = int32(st.Cwnd)
		st.Ssthresh = s.alg.Ssthresh(st)
		s.alg.CwndEvent(st, cc.EventLoss)
		s.initUndo()
	}
	st.Cwnd = st.InFlight() + 1
	st.CwndCnt = 0
	s.validate.stamp = st.Now
	// A timeout although much was SACKed: dupthresh was too high.
	if st.CA <= cc.Disorder && st.SackedOut >= s.cfg.Reordering {
		s.board.reordering = min(s.board.reordering, int32(s.cfg.Reordering))
	}
	s.setCA(cc.Loss, why)
	st.HighSeq = st.SndNxt
	s.tlp.out = false
	s.cwrPending = true
	// RFC 5682 3.1 step 1: not while an earlier recovery is under way.
	s.rto.frto = !s.cfg.NoFRTO && (fresh || s.rto.retransmits > 0)
}

// timeoutMarkLost marks what was sent too long ago as lost, the first range in
// any case. If that one is SACKed, the receiver has reneged and no SACK is to
// be trusted any more.
func (s *Sender) timeoutMarkLost() Why {
	why := WhyRTO
	reneged := s.q.at(0).has(sacked)
	if reneged {
		s.past().counters.SACKReneging++
		why = WhyReneging
		s.CC.SackedOut = 0
		s.board.renegeOngoing = true
	} else if !s.sack {
		s.resetRenoSack()
	}
	for i := range s.q.len() {
		n := s.q.at(i)
		if reneged {
			n.tags &^= sacked
		} else if i > 0 && s.rackLeft(n, 0) > 0 {
			continue // it may well arrive yet
		}
		s.markLost(n)
	}
	s.q.park()
	return why
}

// processLoss is what an ACK does in the state Loss.
func (s *Sender) processLoss(a *ack) {
	if a.is(flagAdvanced) && s.tryUndoLoss(a, false) {
		return
	}
	if s.rto.frto && s.processFRTO(a) {
		return
	}
	if s.CC.SndUna.AtOrAfter(s.CC.HighSeq) { // all of it is acknowledged
		s.tryUndoRecovery(a)
		return
	}
	if !s.sack {
		// A duplicate ACK was caused by new data of F-RTO.
		if s.CC.SndNxt.After(s.CC.HighSeq) && a.dups > 0 {
			s.addRenoSack(a)
		} else if a.is(flagAdvanced) {
			s.resetRenoSack()
		}
	}
	s.rexmit = rexmitLost
}

// processFRTO is RFC 5682 3.1. It reports true if conventional recovery is
// not, or not yet, to go on.
func (s *Sender) processFRTO(a *ack) bool {
	if a.is(flagOrigAcked) && s.tryUndoLoss(a, true) { // step 3b
		return true
	}
	switch {
	case s.CC.SndNxt.After(s.CC.HighSeq):
		if a.is(flagDataSacked) || a.dups > 0 { // step 3a
			s.rto.frto = false
		}
	case a.is(flagAdvanced) && s.CC.SndUna.Before(s.CC.HighSeq):
		s.CC.HighSeq = s.CC.SndNxt
		if a.CanSendNew { // step 2b
			s.rexmit = rexmitNew
			return true
		}
		s.rto.frto = false
	}
	return false
}
