package rtx

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/seq"
)

// The tail loss probe (RFC 8985 7): when the last segments of a flight are
// lost no later ACK reports it, and only a timeout would. So after two round
// trips of silence one more segment is sent, new or the last one again; its
// ACK or SACK lets RACK find the loss. If the probe itself repaired the loss,
// the ACK gives no hint of it, and the window is reduced all the same.

type tlpState struct {
	high    seq.Num // SND.NXT when the probe was sent: TLP.end_seq
	out     bool    // a probe is outstanding
	retrans bool    // and it is a retransmission: TLP.is_retrans
}

// scheduleProbe arms the probe timer if a probe may be sent, and reports
// whether it did: RFC 8985 7.2. restart says that the RTO starts now.
func (s *Sender) scheduleProbe(restart bool) bool {
	if s.cfg.NoTLP || !s.sack || s.CC.PacketsOut == 0 || s.handshake ||
		s.CC.CA != cc.Open && s.CC.CA != cc.CWR {
		return false
	}
	wait := s.probeTimeout()
	rto := s.RTT.RTO()
	if !restart {
		rto = s.untilRTO()
	}
	if rto > 0 {
		wait = min(wait, rto)
	}
	s.arm(TimerTLP, wait)
	return true
}

// probeTimeout is 2*SRTT, and the delay of an ACK that a lone segment may
// meet: RFC 8985 7.2.
func (s *Sender) probeTimeout() time.Duration {
	switch {
	case s.CC.SRTT == 0:
		return time.Second
	case s.CC.PacketsOut == 1:
		return 2*s.CC.SRTT + s.RTT.MinRTO()
	}
	return 2*s.CC.SRTT + timerSlack
}

// probe prepares a tail loss probe, one at a time: RFC 8985 7.3.
func (s *Sender) probe() bool {
	ok := !s.tlp.out && s.CC.PacketsOut > 0
	s.rearmRTO()
	return ok
}

// TailProbe returns the last segment, to be sent as a tail loss probe when
// there is no new data.
func (s *Sender) TailProbe() (Range, bool) {
	if s.q.len() == 0 {
		return Range{}, false
	}
	n, mss := s.q.last(), s.CC.MSS
	s.trim(n)
	if whole := (int(n.segs) - 1) * mss; n.segs > 1 && n.len() > whole {
		s.split(s.q.len()-1, whole, mss)
	}
	r := s.q.last().rng()
	r.Why = WhyTLP
	return r, true
}

// Probed records that the tail loss probe was new data, already given to Sent.
func (s *Sender) Probed(now clock.Time) {
	s.CC.Now = now
	s.burst = false
	s.validateCwnd(s.CC.InFlight() >= s.CC.Cwnd)
	s.probeSent(false)
}

// ProbeRetransmitted records that the tail loss probe was r, of TailProbe. It
// does not count as in flight twice, the original may well be lost.
func (s *Sender) ProbeRetransmitted(now clock.Time, r Range) {
	if s.q.len() == 0 || s.q.last().start != r.Start {
		return
	}
	s.CC.Now = now
	s.resend(s.q.len() - 1)
	s.probeSent(true)
}

func (s *Sender) probeSent(retransmission bool) {
	s.tlp = tlpState{high: s.CC.SndNxt, out: true, retrans: retransmission}
	s.past().counters.LossProbes++
	s.arm(TimerRTO, s.RTT.RTO())
}

// tlpAck judges an acknowledgement that covers the probe: RFC 8985 7.4.
func (s *Sender) tlpAck(a *ack) {
	if !s.tlp.out || a.Seq.Before(s.tlp.high) {
		return
	}
	switch {
	case !s.tlp.retrans, a.is(flagDSACKTLP):
		s.tlp.out = false // new data, or original and probe arrived
	case a.Seq.After(s.tlp.high):
		s.probeRepaired()
	case !a.is(flagAdvanced | flagNotDup | flagDataSacked):
		s.tlp.out = false // a duplicate ACK: both arrived
	}
}

// probeRepaired: the probe filled the hole. Loss is congestion: RFC 8985 7.4.2.
func (s *Sender) probeRepaired() {
	s.initReduction()
	s.setCA(cc.CWR, WhyTLP)
	s.endReduction()
	s.keepOpen()
	s.out.Why = WhyTLP // and not the way back
	s.past().counters.LossProbeRecovery++
}
