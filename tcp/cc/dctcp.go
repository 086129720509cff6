package cc

import "github.com/slankdev/ministack/tcp/seq"

// DCTCP (RFC 8257): the switches of a data centre mark early, and the sender
// reduces its window by as much as was marked. alpha estimates the share of
// marked segments, once a window; a window with marks is reduced by alpha/2,
// so that a little congestion costs a little. The receiver tells each change
// of the mark at once (3.2). It is for networks that mark for it; elsewhere it
// behaves as Reno.

const (
	alphaScale = 1024 // alpha runs from 0 to this
	alphaGain  = 4    // g = 1/16 (RFC 8257 4.2)
)

// DCTCP is the algorithm "dctcp".
type DCTCP struct {
	alpha     int
	windowEnd seq.Num
	delivered uint32 // when the window began
	marked    uint32
	lossCwnd  int
	ce        bool // the receiver's side: the last mark
}

// NewDCTCP returns the algorithm "dctcp".
func NewDCTCP() *DCTCP { return &DCTCP{} }

// Name implements Algorithm.
func (*DCTCP) Name() string { return "dctcp" }

// NeedsECN implements ECNUser: DCTCP is nothing without.
func (*DCTCP) NeedsECN() bool { return true }

// Init starts with alpha 1: the first mark halves the window (RFC 8257 3.3).
func (d *DCTCP) Init(st *State) {
	*d = DCTCP{alpha: alphaScale, ce: d.ce}
	d.begin(st)
}

func (d *DCTCP) begin(st *State) {
	d.windowEnd, d.delivered, d.marked = st.SndNxt, st.Delivered, st.DeliveredCE
}

// Ssthresh reduces by alpha/2 (RFC 8257 3.3 step 9).
func (d *DCTCP) Ssthresh(st *State) int {
	d.lossCwnd = st.Cwnd
	return max(st.Cwnd-st.Cwnd*d.alpha/(2*alphaScale), 2)
}

// CongAvoid grows as Reno does (RFC 8257 3.3).
func (*DCTCP) CongAvoid(st *State, acked int) { NewReno().CongAvoid(st, acked) }

// PktsAcked works alpha out at the end of each window (RFC 8257 3.3 steps 5
// to 8).
func (d *DCTCP) PktsAcked(st *State, _ Sample) {
	if st.SndUna.Before(d.windowEnd) {
		return
	}
	d.alpha -= d.alpha >> alphaGain
	if acked := int(st.Delivered - d.delivered); acked > 0 {
		marked := int(st.DeliveredCE - d.marked)
		d.alpha = min(d.alpha+marked*(alphaScale>>alphaGain)/acked, alphaScale)
	}
	d.begin(st)
}

// UndoCwnd implements Algorithm.
func (d *DCTCP) UndoCwnd(st *State) int { return max(st.Cwnd, d.lossCwnd) }

// CwndEvent implements Algorithm.
func (d *DCTCP) CwndEvent(st *State, ev Event) {
	if ev == EventLoss {
		d.lost(st)
	}
}

// SetState implements Algorithm.
func (d *DCTCP) SetState(st *State, next CAState) {
	if next == Recovery && st.CA != Recovery {
		d.lost(st)
	}
}

// lost halves the window: a loss is congestion of the old kind (RFC 8257 3.5).
func (d *DCTCP) lost(st *State) {
	d.lossCwnd = st.Cwnd
	st.Ssthresh = max(st.Cwnd>>1, 2)
}

// Marked implements MarkReceiver.
func (d *DCTCP) Marked(ce bool) (changed, echo bool) {
	changed, d.ce = ce != d.ce, ce
	return changed, ce
}
