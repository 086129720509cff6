package rtx

import "github.com/slankdev/ministack/tcp/cc"

// Without SACK, a duplicate ACK says that some segment left the network, not
// which. SackedOut counts them all the same (RFC 5681 3.2, RFC 6582), so that
// window and in-flight need no second arithmetic. It must leave room for at
// least one hole, or for what is marked lost.

// addRenoSack counts duplicate ACKs as deliveries.
func (s *Sender) addRenoSack(a *ack) {
	if a.dups == 0 {
		return
	}
	prior := s.CC.SackedOut
	s.CC.SackedOut += a.dups
	s.checkRenoReordering(0)
	if d := s.CC.SackedOut - prior; d > 0 {
		s.countDelivered(d, a.ECE)
	}
}

// removeRenoSacks: the ACK of acked segments fills one hole; the others were
// counted as duplicate ACKs before.
func (s *Sender) removeRenoSacks(a *ack, acked int) {
	if acked > 0 {
		s.countDelivered(max(acked-s.CC.SackedOut, 1), a.ECE)
		s.CC.SackedOut = max(s.CC.SackedOut-(acked-1), 0)
	}
	s.checkRenoReordering(acked)
	if a.is(flagRetransAcked) { // which transmission was it? not to be known
		a.flags &^= flagOrigAcked
	}
}

func (s *Sender) resetRenoSack() { s.CC.SackedOut = 0 }

// checkRenoReordering: more duplicate ACKs than segments that could cause them
// means that the path reorders by more than was thought.
func (s *Sender) checkRenoReordering(addend int) {
	if !s.limitRenoSacked() {
		return
	}
	s.board.reordering = int32(min(s.CC.PacketsOut+addend, s.cfg.MaxReordering))
	s.board.reordSeen++
	s.past().counters.RenoReorder++
}

func (s *Sender) limitRenoSacked() bool {
	holes := min(max(s.CC.LostOut, 1), s.CC.PacketsOut)
	if s.CC.SackedOut+holes <= s.CC.PacketsOut {
		return false
	}
	s.CC.SackedOut = s.CC.PacketsOut - holes
	return true
}

// renoMarkLost marks the first segment lost: after dupthresh duplicate ACKs
// (RFC 5681 3.2), and in recovery with every partial ACK (RFC 6582 3.2).
func (s *Sender) renoMarkLost(advanced bool) {
	enough := s.CC.CA < cc.Recovery && s.CC.SackedOut >= s.Reordering()
	partial := s.CC.CA == cc.Recovery && advanced
	if !enough && !partial {
		return
	}
	n := s.q.at(0)
	if n.has(lost) {
		return
	}
	if mss := int(n.mss); n.segs > 1 && n.len() > mss {
		s.split(0, mss, mss)
	}
	s.markLost(s.q.at(0))
}
