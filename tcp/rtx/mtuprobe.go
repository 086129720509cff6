package rtx

import (
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/seq"
)

// A probe of the path MTU is a segment of new data that is larger than the
// others (RFC 4821 7.2). What becomes of it is seen here: acknowledged, the
// path takes its size; lost alone, ahead of data that arrived, the path does
// not, and that is no congestion: it is sent again in smaller pieces without a
// reduction (RFC 4821 7.3); anything else, as a timeout, tells nothing.

// MTUProbe says what became of a probe.
type MTUProbe uint8

// What became of a probe, if anything did.
const (
	MTUProbeNone MTUProbe = iota
	MTUProbeWorked
	MTUProbeFailed
)

// minProbeCwnd is the window without which a loss could not be told from
// congestion (tcp_mtu_probe).
const minProbeCwnd = 11

type mtuProbe struct {
	out        bool
	start, end seq.Num
}

// probing reports whether a probe is under way.
func (s *Sender) probing() bool { return s.history != nil && s.history.probe.out }

// MayProbeMTU reports whether the connection runs smoothly enough for a probe,
// and none is under way.
func (s *Sender) MayProbeMTU() bool {
	return !s.probing() && s.CC.CA == cc.Open && s.CC.Cwnd >= minProbeCwnd
}

// MTUProbeSent says that r, which was Sent, is a probe. It stands for two
// segments, so the window lacks one until it is known to be lost.
func (s *Sender) MTUProbeSent(r Range) {
	s.past().probe = mtuProbe{out: true, start: r.Start, end: r.End}
	s.CC.Cwnd--
}

// mtuProbeAcked notices that the probe arrived.
func (s *Sender) mtuProbeAcked() {
	if s.probing() && s.history.probe.end.AtOrBefore(s.CC.SndUna) {
		s.history.probe.out = false
		s.out.MTUProbe = MTUProbeWorked
	}
}

// mtuProbeLost takes a loss that is the probe's; it reports whether it was.
func (s *Sender) mtuProbeLost() bool {
	if !s.probing() || s.CC.InReduction() || s.CC.SndUna != s.history.probe.start {
		return false
	}
	s.history.probe.out = false
	s.out.MTUProbe = MTUProbeFailed
	s.CC.Cwnd++
	s.loseLarger(s.CC.MSS)
	return true
}

// GrowMSS takes over the size of a probe that arrived. The window, which counts
// segments, keeps its octets: from and to are the old and the new MTU (RFC 4821
// 7.6.1).
func (s *Sender) GrowMSS(mss, from, to int) {
	s.CC.PriorSsthresh = int32(s.CC.CurrentSsthresh())
	s.CC.Cwnd = max(s.CC.Cwnd*from/to, 1)
	s.CC.CwndCnt = 0
	s.validate.stamp = s.CC.Now
	s.CC.Ssthresh = s.CC.CurrentSsthresh()
	s.SetMSS(mss)
}
