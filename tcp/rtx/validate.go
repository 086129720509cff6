package rtx

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
)

// Window validation: a window that is not used says nothing of the path any
// more. It does not grow while the application is the limit, and, if
// SlowStartAfterIdle is set, decays while little of it is used (RFC 2861) and
// is restarted after idleness (RFC 5681 4.1).

type validateState struct {
	stamp clock.Time // when the window was last known to be right
	used  int        // most segments out since then
}

// OutputDone ends an attempt to send new data, successful or not. deferred
// says that the connection held data back only to let the window open for a
// larger super-segment.
func (s *Sender) OutputDone(now clock.Time, deferred bool) {
	s.CC.Now = now
	sent := s.burst
	s.burst = false
	limited := deferred || s.CC.InFlight() >= s.CC.Cwnd
	if sent || limited {
		s.validateCwnd(limited)
	}
	if sent {
		s.scheduleProbe(false)
	}
}

// validateCwnd notes whether the window, in the current window of data, was
// the limit, and else how much of it was used.
func (s *Sender) validateCwnd(limited bool) {
	st := &s.CC
	if st.SndUna.AtOrAfter(st.CwndUsageSeq) || limited ||
		!st.IsCwndLimited && st.PacketsOut > int(st.MaxPacketsOut) {
		st.IsCwndLimited = limited
		st.MaxPacketsOut = int32(st.PacketsOut)
		st.CwndUsageSeq = st.SndNxt
	}
	v := &s.validate
	if st.CwndLimited() {
		v.used, v.stamp = 0, st.Now
		return
	}
	v.used = max(v.used, st.PacketsOut)
	if s.cfg.SlowStartAfterIdle && st.Now.Sub(v.stamp) >= s.RTT.RTO() && s.ctl == nil {
		s.decayCwnd()
	}
}

// decayCwnd halves the unused part of the window, once an RTO: RFC 2861 3.2.
func (s *Sender) decayCwnd() {
	st, v := &s.CC, &s.validate
	if st.CA == cc.Open {
		used := max(v.used, s.cfg.InitialWindow)
		if used < st.Cwnd {
			st.Ssthresh = st.CurrentSsthresh()
			st.Cwnd = (st.Cwnd + used) >> 1
		}
		v.used = 0
	}
	v.stamp = st.Now
}

// BeforeWrite is called when the user hands over data: it restarts the window
// after idleness (RFC 5681 4.1, if configured) and notes if the path was left
// unused. unsent is the octets that were queued before.
func (s *Sender) BeforeWrite(now clock.Time, unsent int) {
	s.CC.Now = now
	s.AppLimited(unsent)
	if !s.cfg.SlowStartAfterIdle || s.CC.PacketsOut > 0 || s.ctl != nil {
		return
	}
	if idle := now.Sub(s.CC.LastSent); idle > s.RTT.RTO() {
		s.restartCwnd(idle)
	}
}

// restartCwnd halves the window for every RTO of idleness, down to the initial
// window.
func (s *Sender) restartCwnd(idle time.Duration) {
	st := &s.CC
	s.alg.CwndEvent(st, cc.EventCwndRestart)
	st.Ssthresh = st.CurrentSsthresh()
	least := min(s.cfg.InitialWindow, st.Cwnd)
	rto := s.RTT.RTO()
	for idle -= rto; idle > 0 && st.Cwnd > least; idle -= rto {
		st.Cwnd >>= 1
	}
	st.Cwnd = max(st.Cwnd, least)
	s.validate.stamp, s.validate.used = st.Now, 0
}
