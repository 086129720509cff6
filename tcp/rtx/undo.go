package rtx

import (
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/seq"
)

// A reduction of the window is taken back when it turns out that nothing was
// lost. Three kinds of evidence:
//
//   - every retransmission was reported as a duplicate (DSACK, RFC 3708);
//   - the ACK that ends the episode echoes a timestamp from before the first
//     retransmission, so it answers an original (Eifel, RFC 3522 and 4015);
//   - after a timeout, originals are (S)ACKed (F-RTO, RFC 5682).
//
// Echoed congestion forbids it: PriorSsthresh is 0 then.

// allUnknown keeps "no retransmission is unaccounted for" from being true
// before the first retransmission of an episode was made.
const allUnknown = -1

type undoState struct {
	stamp    clock.Time // first retransmission of the episode
	retrans  int        // retransmissions not reported as duplicates yet, or allUnknown
	marker   seq.Num    // SND.UNA when the episode began
	armed    bool       // an undo is possible
	hasStamp bool
}

// initUndo prepares for a reduction to prove wrong.
func (s *Sender) initUndo() {
	u := &s.undo
	u.armed, u.marker = true, s.CC.SndUna
	u.retrans = s.CC.RetransOut
	if s.tlp.out && s.tlp.retrans {
		u.retrans++
	}
	if u.retrans == 0 {
		u.retrans = allUnknown
	}
}

func (u *undoState) retransmitted(now clock.Time, segs int) {
	if !u.hasStamp {
		u.stamp, u.hasStamp = now, true
	}
	u.retrans = max(u.retrans, 0) + segs
}

// duplicated takes segments that end at end, and arrived twice, off the count.
func (u *undoState) duplicated(end seq.Num, segs int) {
	if u.armed && u.retrans > 0 && end.After(u.marker) {
		u.retrans = max(u.retrans-segs, 0)
	}
}

// mayUndo returns the evidence that the reduction was wrong, or WhyNone.
func (s *Sender) mayUndo(a *ack) Why {
	switch {
	case !s.undo.armed:
		return WhyNone
	case s.undo.retrans == 0:
		return WhyDSACK
	case s.delayed(a):
		return WhyEifel
	}
	return WhyNone
}

// delayed reports whether the ACK proves that a segment was late, not lost: it
// answers what was sent before the first retransmission. If none was made yet,
// any ACK does, except where the stamp was cleared for another reason.
func (s *Sender) delayed(a *ack) bool {
	if s.undo.hasStamp {
		return s.echoedBefore(a, s.undo.stamp)
	}
	if !s.sack && s.CC.SndUna.AtOrAfter(s.CC.HighSeq) {
		return false
	}
	return !s.handshake
}

// undoReduction restores the window. unmark also takes back what is marked
// lost.
func (s *Sender) undoReduction(unmark bool, why Why) {
	st := &s.CC
	if unmark {
		s.unmarkLost()
	}
	if st.PriorSsthresh != 0 {
		st.Cwnd = s.alg.UndoCwnd(st)
		if prior := int(st.PriorSsthresh); prior > st.Ssthresh {
			st.Ssthresh = prior
			s.cwrPending = false
		}
	}
	s.validate.stamp = st.Now
	s.undo.armed = false
	s.rack.advanced = true // look at the losses again
	s.out.Undo = why
}

func (s *Sender) unmarkLost() {
	for i := range s.q.len() {
		s.q.at(i).tags &^= lost
	}
	s.CC.LostOut = 0
	s.board.hint = s.CC.SndUna
	s.q.unpark()
}

// tryUndoRecovery ends an episode whose last segment was acknowledged, with or
// without undo. It reports true if the state must be held.
func (s *Sender) tryUndoRecovery(a *ack) bool {
	if why := s.mayUndo(a); why != WhyNone {
		inLoss := s.CC.CA == cc.Loss
		s.undoReduction(false, why)
		if inLoss {
			s.past().counters.LossUndo++
		} else {
			s.past().counters.FullUndo++
		}
	} else if s.rack.persist > 0 {
		s.rack.persist--
	}
	if s.holdReopen() {
		return true
	}
	s.setCA(cc.Open, WhyAcked)
	s.board.renegeOngoing = false
	return false
}

// holdReopen: without SACK, duplicate ACKs of the episode's retransmissions
// still come when its last segment is acknowledged, and would start another.
// The state is held until something above is acknowledged: RFC 6582 3.2.
func (s *Sender) holdReopen() bool {
	if s.sack || s.CC.SndUna != s.CC.HighSeq {
		return false
	}
	s.cleanStamp()
	return true
}

// tryUndoDSACK undoes when all retransmissions were duplicates.
func (s *Sender) tryUndoDSACK() bool {
	if !s.undo.armed || s.undo.retrans != 0 {
		return false
	}
	s.rack.persist = min(s.rack.persist+1, reoPersistence)
	s.undoReduction(false, WhyDSACK)
	s.past().counters.DSACKUndo++
	return true
}

// tryUndoLoss undoes a timeout.
func (s *Sender) tryUndoLoss(a *ack, frto bool) bool {
	why := WhyFRTO
	if !frto {
		if why = s.mayUndo(a); why == WhyNone {
			return false
		}
	}
	s.undoReduction(true, why)
	s.past().counters.LossUndo++
	if frto {
		s.past().counters.SpuriousRTOs++
	}
	s.rto.retransmits = 0
	if s.holdReopen() {
		return true
	}
	if frto || s.sack {
		s.setCA(cc.Open, why)
		s.board.renegeOngoing = false
	}
	return true
}

// tryUndoPartial: a partial ACK in recovery answers an original, so the hole
// was filled by a late segment. It reports true if retransmissions that are
// still out forbid to conclude anything yet.
func (s *Sender) tryUndoPartial(a *ack) bool {
	if !s.undo.armed || !s.delayed(a) {
		return false
	}
	s.checkReordering(a.priorUna, true)
	if s.CC.RetransOut > 0 {
		return true
	}
	s.cleanStamp()
	s.undoReduction(true, WhyEifel)
	s.past().counters.PartialUndo++
	s.keepOpen()
	return false
}

// anyRetransDone reports whether a retransmission is out, or the first range
// is one.
func (s *Sender) anyRetransDone() bool {
	return s.CC.RetransOut > 0 || s.q.len() > 0 && s.q.at(0).has(ever)
}

// cleanStamp forgets the first retransmission once none is left.
func (s *Sender) cleanStamp() {
	if !s.anyRetransDone() {
		s.undo.hasStamp = false
	}
}

// spuriousSYN: the SYN-ACK echoes the timestamp of the first SYN, so repeating
// it was needless and the initial window stays.
func (s *Sender) spuriousSYN(a *ack) {
	if s.handshake && s.undo.armed && s.undo.hasStamp && s.timestamps && a.HasTSEcr &&
		a.TSEcr == uint32(s.undo.stamp.Milliseconds()) {
		s.undo.armed = false
	}
}
