package rtx

import "github.com/slankdev/ministack/tcp/cc"

// A thin stream has so little in flight that duplicate ACKs never tell of a
// loss: the timer finds each, and its backoff is the price (Linux's
// tcp-thin.rst).

const (
	thinFlight     = 4 // segments: fewer never make three duplicate ACKs
	thinLinearMost = 6 // timeouts in a row without backoff (TCP_THIN_LINEAR_RETRIES)
)

// SetThinLinear has timeouts of a thin stream not double, or does so no more
// (TCP_THIN_LINEAR_TIMEOUTS).
func (s *Sender) SetThinLinear(on bool) { s.thinLinear = on }

// staysLinear reports whether the timeout that was counted last is one of
// those (tcp_retransmit_timer).
func (s *Sender) staysLinear() bool {
	return s.thinLinear && !s.handshake && s.rto.retransmits <= thinLinearMost && s.thin()
}

// thin is tcp_stream_is_thin: not one that only begins.
func (s *Sender) thin() bool {
	return s.CC.PacketsOut < thinFlight && s.CC.Ssthresh < cc.InfiniteSsthresh
}
