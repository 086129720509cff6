package rtx

import "github.com/slankdev/ministack/tcp/cc"

// Proportional Rate Reduction (RFC 6937): during recovery the window shrinks to
// ssthresh in step with what is delivered, so that sending goes on evenly
// instead of pausing for half a round trip. While more is in flight than
// ssthresh, ssthresh/prior segments leave for each delivered. Below it, after
// heavy loss, as many leave as were delivered, and one more where an ACK
// advances without new loss (slow start back to ssthresh).

type prrState struct {
	delivered int32 // prr_delivered: since recovery began
	out       int32 // prr_out: sent since recovery began
}

// initReduction starts a reduction of the window.
func (s *Sender) initReduction() {
	st := &s.CC
	st.HighSeq = st.SndNxt
	s.tlp.out = false
	st.CwndCnt = 0
	st.PriorCwnd = int32(st.Cwnd)
	s.prr = prrState{}
	st.Ssthresh = s.alg.Ssthresh(st)
	s.cwrPending = true
}

// reduceCwnd sets the window for what an ACK delivered: RFC 6937 3.
func (s *Sender) reduceCwnd(delivered, newlyLost int, advanced bool) {
	st := &s.CC
	if delivered <= 0 || st.PriorCwnd == 0 {
		return
	}
	s.prr.delivered += int32(delivered)
	done, out, prior := int(s.prr.delivered), int(s.prr.out), int(st.PriorCwnd)
	room := st.Ssthresh - st.InFlight()
	var n int
	if room < 0 {
		n = (st.Ssthresh*done+prior-1)/prior - out
	} else {
		n = max(done-out, delivered)
		if advanced && newlyLost == 0 {
			n++
		}
		n = min(n, room)
	}
	if out == 0 { // the first retransmission leaves at once
		n = max(n, 1)
	}
	st.Cwnd = st.InFlight() + max(n, 0)
}

// endReduction completes it: the window is ssthresh, whatever PRR left.
func (s *Sender) endReduction() {
	st := &s.CC
	if s.ctl != nil {
		return
	}
	if st.Ssthresh < cc.InfiniteSsthresh && (st.CA == cc.CWR || s.undo.armed) {
		st.Cwnd = st.Ssthresh
		s.validate.stamp = st.Now
	}
	s.alg.CwndEvent(st, cc.EventCompleteCWR)
}
