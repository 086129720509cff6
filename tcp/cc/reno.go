package cc

// Reno is the standard congestion control: RFC 5681, with the recovery of
// RFC 6582 or of SACK around it in package rtx.
type Reno struct{}

// NewReno returns the algorithm "reno"; it holds no state.
func NewReno() *Reno { return &Reno{} }

// Name implements Algorithm.
func (*Reno) Name() string { return "reno" }

// Init implements Algorithm.
func (*Reno) Init(*State) {}

// Ssthresh halves the window: RFC 5681 equation 4.
func (*Reno) Ssthresh(st *State) int { return max(st.Cwnd>>1, 2) }

// CongAvoid is slow start, then one segment a window: RFC 5681 3.1.
func (*Reno) CongAvoid(st *State, acked int) {
	if !st.CwndLimited() {
		return
	}
	if st.InSlowStart() {
		if acked = st.SlowStart(acked); acked == 0 {
			return
		}
	}
	st.AdditiveIncrease(st.Cwnd, acked)
}

// PktsAcked implements Algorithm.
func (*Reno) PktsAcked(*State, Sample) {}

// UndoCwnd implements Algorithm.
func (*Reno) UndoCwnd(st *State) int { return max(st.Cwnd, int(st.PriorCwnd)) }

// CwndEvent implements Algorithm.
func (*Reno) CwndEvent(*State, Event) {}

// SetState implements Algorithm.
func (*Reno) SetState(*State, CAState) {}
