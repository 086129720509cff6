package cc

// What every window-based algorithm is made of: RFC 5681 3.1.

// InSlowStart reports whether the window is below the threshold.
func (st *State) InSlowStart() bool { return st.Cwnd < st.Ssthresh }

// InReduction reports whether recovery, not the algorithm, sets the window.
func (st *State) InReduction() bool { return st.CA == CWR || st.CA == Recovery }

// LeftOut returns the segments that are no longer in the network: SACKed or
// lost.
func (st *State) LeftOut() int { return st.SackedOut + st.LostOut }

// InFlight returns the segments that should be in the network now: those sent,
// less those that left it, plus retransmissions.
func (st *State) InFlight() int { return st.PacketsOut - st.LeftOut() + st.RetransOut }

// CwndLimited reports whether the window is the bottleneck, and may grow
// (RFC 7661 in spirit). In slow start it may always grow to twice what was
// out, so that an application just below the window is not held there.
func (st *State) CwndLimited() bool {
	if st.IsCwndLimited {
		return true
	}
	return st.InSlowStart() && st.Cwnd < 2*int(st.MaxPacketsOut)
}

// SlowStart grows the window by the segments acknowledged (appropriate byte
// counting, RFC 3465, without its limit) up to the threshold, and returns the
// segments that are left over for congestion avoidance.
func (st *State) SlowStart(acked int) int {
	cwnd := min(st.Cwnd+acked, st.Ssthresh)
	acked -= cwnd - st.Cwnd
	st.Cwnd = min(cwnd, st.CwndClamp)
	return acked
}

// AdditiveIncrease grows the window by one segment for every w acknowledged.
func (st *State) AdditiveIncrease(w, acked int) {
	if st.CwndCnt >= w { // credit from a time when w was larger
		st.CwndCnt = 0
		st.Cwnd++
	}
	st.CwndCnt += acked
	if st.CwndCnt >= w {
		st.Cwnd += st.CwndCnt / w
		st.CwndCnt %= w
	}
	st.Cwnd = min(st.Cwnd, st.CwndClamp)
}

// CurrentSsthresh returns what Ssthresh should be remembered as: at least 3/4
// of the window, so that a restart or an undo starts near what was reached.
func (st *State) CurrentSsthresh() int {
	if st.InReduction() {
		return st.Ssthresh
	}
	return max(st.Ssthresh, st.Cwnd>>1+st.Cwnd>>2)
}
