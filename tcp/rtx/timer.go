package rtx

import (
	"time"

	"github.com/slankdev/ministack/clock"
)

// One timer serves three purposes, as in Linux: RTO, tail loss probe, RACK's
// reordering window. At any time the one that matters next is armed. The
// probe and the window are never later than the RTO would be, and when they
// have fired the RTO is armed for what is left of it.

// NextTimer returns what the connection's retransmission timer is to be armed
// for, and when it fires. It is to be asked after every other call.
func (s *Sender) NextTimer() (Timer, clock.Time) { return s.timer, s.timerAt }

// OnTimer is called when the armed timer has fired. One that was moved or
// disarmed meanwhile does nothing.
func (s *Sender) OnTimer(now clock.Time, t Timer) Action {
	s.begin(now)
	var act Action
	if t == s.timer && !now.Before(s.timerAt) {
		act.Probe = s.fire(t)
	}
	act.Outcome = s.end()
	return act
}

func (s *Sender) fire(t Timer) (probe bool) {
	switch t {
	case TimerRTO:
		s.timer = TimerNone
		s.timeout()
	case TimerTLP:
		return s.probe()
	case TimerReorder:
		s.reorderTimeout()
	}
	return false
}

func (s *Sender) arm(t Timer, wait time.Duration) {
	s.timer, s.timerAt = t, s.CC.Now.Add(wait)
}

// setTimer starts the timer anew: a probe if possible, else the RTO.
func (s *Sender) setTimer() {
	if !s.scheduleProbe(true) {
		s.rearmRTO()
	}
}

// rearmRTO starts the RTO anew (RFC 6298 5.3), or disarms the timer if nothing
// is outstanding (5.2). After a probe or a reordering window, which were
// inserted into a running RTO, it gets what is left.
func (s *Sender) rearmRTO() {
	if s.CC.PacketsOut == 0 {
		s.timer, s.timerAt = TimerNone, 0
		return
	}
	wait := s.RTT.RTO()
	if s.timer == TimerTLP || s.timer == TimerReorder {
		wait = max(s.untilRTO(), time.Microsecond)
	}
	s.arm(TimerRTO, wait)
}

// untilRTO returns the time to the RTO of the first segment outstanding,
// counted from its last transmission.
func (s *Sender) untilRTO() time.Duration {
	rto := s.RTT.RTO()
	if s.q.len() == 0 {
		return rto
	}
	return s.q.at(0).sentAt.Add(rto).Sub(s.CC.Now)
}

// HastenRTO has the RTO fire after wait, and not before.
func (s *Sender) HastenRTO(now clock.Time, wait time.Duration) {
	s.CC.Now = now
	if s.CC.PacketsOut > 0 {
		s.arm(TimerRTO, wait)
	}
}

// Unreachable takes back one backoff, because ICMP says that the segment at
// SND.UNA was lost to the path and not to congestion (RFC 6069 4).
func (s *Sender) Unreachable(now clock.Time) {
	if s.RTT.Backoffs() == 0 || s.q.len() == 0 {
		return
	}
	s.CC.Now = now
	s.RTT.Revert()
	s.arm(TimerRTO, max(s.untilRTO(), 0))
}
