package rtx

import (
	"time"

	"github.com/slankdev/ministack/clock"
)

// Seed begins a connection with what one before it learnt of the path
// (RFC 9040 3.1; tcp_init_metrics): the slow start threshold and the degree of
// reordering in segments, and a round trip that the first RTO is to cover. It
// comes right after Established. Zeros are not known.
func (s *Sender) Seed(now clock.Time, rtt time.Duration, ssthresh, reordering int) {
	s.CC.Now = now
	if ssthresh > 0 {
		s.CC.Ssthresh = min(ssthresh, s.CC.CwndClamp)
	}
	if reordering > 0 {
		s.board.reordering = int32(min(reordering, s.cfg.MaxReordering))
	}
	s.RTT.Seed(rtt)
	s.updatePacingRate()
}

// Reordering returns how many segments a segment was seen to be late by, and
// so how many must pass it before it counts as lost (tp->reordering).
func (s *Sender) Reordering() int { return int(s.board.reordering) }
