package rtx

import (
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
)

// SetMSS changes the segment size for what is sent from now on, and for
// retransmissions of what was. See PathMTU for the case that segments in
// flight are known to be too large.
func (s *Sender) SetMSS(mss int) { s.CC.MSS = max(mss, 1) }

// PathMTU lowers the segment size because the path refused larger packets:
// outstanding segments that are larger are lost and retransmitted smaller,
// without a reduction of the window (RFC 1191 6.5).
func (s *Sender) PathMTU(now clock.Time, mss int) Action {
	s.SetMSS(mss)
	return s.lose(now, mss)
}

// LoseAll marks all that is outstanding as lost, not by congestion: data in a
// SYN that the peer's SYN-ACK left out (RFC 7413 4.2.1).
func (s *Sender) LoseAll(now clock.Time) Action { return s.lose(now, -1) }

// lose marks segments of more than octets as lost, without blaming congestion.
func (s *Sender) lose(now clock.Time, octets int) Action {
	s.begin(now)
	s.loseLarger(octets)
	return Action{Outcome: s.end()}
}

// loseLarger is tcp_simple_retransmit.
func (s *Sender) loseLarger(octets int) {
	for i := range s.q.len() {
		if n := s.q.at(i); n.segLen() > octets {
			s.markLost(n)
		}
	}
	if s.CC.LostOut > 0 {
		if !s.sack {
			s.limitRenoSacked()
		}
		s.q.park()
		s.loseWithoutBlame()
	}
}

// loseWithoutBlame enters Loss with the window that there is.
func (s *Sender) loseWithoutBlame() {
	if s.CC.CA != cc.Loss {
		s.CC.HighSeq = s.CC.SndNxt
		s.CC.Ssthresh = s.CC.CurrentSsthresh()
		s.CC.PriorSsthresh = 0
		s.undo.armed = false
		s.setCA(cc.Loss, WhyPMTU)
	}
	s.rexmit = rexmitLost
}
