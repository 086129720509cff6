package cc

import (
	"time"

	"github.com/slankdev/ministack/clock"
)

// BBR (draft-ietf-ccwg-bbr, version 3 of the algorithm) does not wait for loss
// to tell that the path is full. It keeps a model of the path, the most that
// it delivered lately (maxBW) and the least that a round trip took (minRTT),
// and keeps as much in flight as their product, at the rate of maxBW. The
// model is kept true by probing: a little faster than the path every few
// seconds, to see whether there is more, and with almost nothing in flight, to
// see how short the round trip is when nothing queues.
//
// Loss bounds the model from two sides. If probing lost more than a fiftieth,
// inflightLong is where not to go again; between probes, what was delivered in
// a round trip with loss bounds bwShort and inflightShort, until the next probe
// forgets them. Random loss below that share costs nothing, which is the point.
//
// bbr.go holds the algorithm's frame and what it tells the connection,
// bbr_model.go the model, bbr_phase.go the phases, bbr_bounds.go the bounds.

// The constants of draft-ietf-ccwg-bbr 2.4 to 2.14.
const (
	bbrStartupGain    = 2.77
	bbrDrainGain      = 0.5
	bbrCwndGain       = 2.0
	bbrUpCwndGain     = 2.25
	bbrUpGain         = 1.25
	bbrDownGain       = 0.90
	bbrProbeRTTGain   = 0.5
	bbrMargin         = 0.99 // pace a little below the bandwidth, so that queues drain
	bbrLossThresh     = 0.02
	bbrBeta           = 0.7
	bbrHeadroom       = 0.15
	bbrMinCwnd        = 4
	bbrFullGrowth     = 1.25 // startup goes on while a round grows by this
	bbrFullRounds     = 3
	bbrFullLosses     = 6 // in a round, before loss ends startup
	bbrMinRTTWindow   = 10 * time.Second
	bbrProbeRTTEvery  = 5 * time.Second
	bbrProbeRTTLength = 200 * time.Millisecond
	bbrAckedRounds    = 10 // half of the window of extraAcked
	bbrMaxRenoRounds  = 63
	bbrInfinite       = 1 << 30 // segments: no bound
)

type bbrPhase uint8

const (
	bbrStartup bbrPhase = iota
	bbrDrain
	bbrDown
	bbrCruise
	bbrRefill
	bbrUp
	bbrProbeRTT
)

// BBR is the algorithm "bbr".
type BBR struct {
	phase      bbrPhase
	pacingGain float64
	cwndGain   float64

	model  bbrModel
	bounds bbrBounds
	full   bbrFull
	probe  bbrProbe
	rtt    bbrRTTProbe

	idleRestart bool
	savedCwnd   int
}

// NewBBR returns the algorithm "bbr".
func NewBBR() *BBR { return &BBR{} }

var _ Controller = (*BBR)(nil)

// Name implements Algorithm.
func (*BBR) Name() string { return "bbr" }

// Init implements Algorithm (draft-ietf-ccwg-bbr 5.2.1).
func (b *BBR) Init(st *State) {
	*b = BBR{}
	b.model.init(st)
	b.bounds.reset()
	b.rtt.init(st)
	b.enterStartup()
	st.PacingNeeded = true
	rtt := max(st.SRTT, time.Millisecond)
	st.PacingRate = uint64(bbrStartupGain * float64(st.Cwnd*st.MSS) / rtt.Seconds())
}

// CongControl implements Controller (draft-ietf-ccwg-bbr 5.2.3).
func (b *BBR) CongControl(st *State, rs *RateSample) {
	b.updateModel(st, rs)
	b.setPacingRate(st)
	b.setCwnd(st, rs)
}

func (b *BBR) updateModel(st *State, rs *RateSample) {
	b.model.round(st, rs)
	b.bounds.latest(st, rs)
	b.model.updateMaxBW(rs.rate(st), rs.IsAppLimited)
	b.adaptShortBounds(st, rs)
	b.model.updateExtraAcked(st, rs)
	b.noteLoss(st, rs)
	b.checkFull(st, rs)
	b.checkStartupDone(st)
	b.checkDrained(st)
	b.probeBW(st, rs)
	b.updateMinRTT(st, rs)
	b.checkProbeRTT(st, rs)
	b.bounds.advance(st, rs)
}

// rate is the delivery rate of a sample, in octets a second; 0: none.
func (rs *RateSample) rate(st *State) float64 {
	if rs.Interval <= 0 || rs.Delivered <= 0 {
		return 0
	}
	return float64(rs.Delivered*st.MSS) / rs.Interval.Seconds()
}

// bw is the bandwidth that the model believes in now.
func (b *BBR) bw() float64 { return min(b.model.maxBW(), b.bounds.bwShort) }

// setPacingRate follows the model; until the pipe is full it never slows down
// (draft-ietf-ccwg-bbr 5.6.2).
func (b *BBR) setPacingRate(st *State) {
	bw := b.bw()
	if bw <= 0 {
		return
	}
	rate := uint64(b.pacingGain * bw * bbrMargin)
	if st.MaxPacingRate != 0 {
		rate = min(rate, st.MaxPacingRate)
	}
	if b.full.reached || rate > st.PacingRate {
		st.PacingRate = max(rate, 1)
	}
}

// bdp is gain times the bandwidth-delay product, in segments.
func (b *BBR) bdp(st *State, gain float64) int {
	if b.model.minRTT == 0 {
		return InitialWindow
	}
	return int(gain*b.bw()*b.model.minRTT.Seconds()/float64(st.MSS)) + 1
}

// inflight is what is to be in flight for a gain: the product, and room for
// super-segments at both ends (draft-ietf-ccwg-bbr 5.6.4.2).
func (b *BBR) inflight(st *State, gain float64) int {
	n := max(b.bdp(st, gain), 3*b.quantum(st), bbrMinCwnd)
	if b.phase == bbrUp {
		n += 2
	}
	return n
}

// quantum is a super-segment: a millisecond at the pacing rate.
func (b *BBR) quantum(st *State) int {
	octets := min(int(st.PacingRate/1000), st.GSOMaxSize)
	return max(octets/max(st.MSS, 1), 2)
}

// setCwnd is draft-ietf-ccwg-bbr 5.6.4.6.
func (b *BBR) setCwnd(st *State, rs *RateSample) {
	acked := rs.AckedSacked
	most := b.inflight(st, b.cwndGain) + b.model.extra()
	switch {
	case st.CA == Loss:
		st.Cwnd = max(st.Cwnd-rs.Losses, 1) + acked
	case b.full.reached:
		st.Cwnd = min(st.Cwnd+acked, most)
	case st.Cwnd < most || st.Delivered < InitialWindow:
		st.Cwnd += acked
	}
	st.Cwnd = max(st.Cwnd, bbrMinCwnd)
	if b.phase == bbrProbeRTT {
		st.Cwnd = min(st.Cwnd, b.probeRTTCwnd(st))
	}
	st.Cwnd = min(st.Cwnd, b.cwndBound(), st.CwndClamp)
}

// cwndBound is what the bounds allow (draft-ietf-ccwg-bbr 5.6.4.7).
func (b *BBR) cwndBound() int {
	most := bbrInfinite
	switch b.phase {
	case bbrDown, bbrRefill, bbrUp:
		most = b.bounds.inflightLong
	case bbrCruise, bbrProbeRTT:
		most = b.bounds.withHeadroom()
	}
	return max(min(most, b.bounds.inflightShort), bbrMinCwnd)
}

// Ssthresh keeps the threshold, which BBR does not use, and the window, which
// it goes back to after recovery.
func (b *BBR) Ssthresh(st *State) int {
	b.saveCwnd(st)
	return st.Ssthresh
}

func (b *BBR) saveCwnd(st *State) {
	if !st.InReduction() && st.CA != Loss && b.phase != bbrProbeRTT {
		b.savedCwnd = st.Cwnd
		return
	}
	b.savedCwnd = max(b.savedCwnd, st.Cwnd)
}

// CongAvoid is not used: BBR owns the window.
func (*BBR) CongAvoid(*State, int) {}

// PktsAcked implements Algorithm.
func (*BBR) PktsAcked(*State, Sample) {}

// UndoCwnd takes back what a loss that was none did to the bounds.
func (b *BBR) UndoCwnd(st *State) int {
	b.full.reset()
	b.bounds.undo()
	return max(st.Cwnd, b.savedCwnd)
}

// CwndEvent restarts after idleness at the rate of the model, not in a burst
// (draft-ietf-ccwg-bbr 5.4.1).
func (b *BBR) CwndEvent(st *State, ev Event) {
	if ev != EventTxStart || st.AppLimited == 0 {
		return
	}
	b.idleRestart = true
	b.model.extraFrom = st.Now
	switch b.phase {
	case bbrDown, bbrCruise, bbrRefill, bbrUp:
		gain := b.pacingGain
		b.pacingGain = 1
		b.setPacingRate(st)
		b.pacingGain = gain
	case bbrProbeRTT:
		b.checkProbeRTTDone(st)
	}
}

// SetState implements Algorithm.
func (b *BBR) SetState(st *State, next CAState) {
	switch {
	case next == Loss:
		b.saveCwnd(st)
		b.full.reset()
		if !b.probesBandwidth() && b.bounds.inflightShort == bbrInfinite {
			b.bounds.inflightShort = max(st.Cwnd, b.savedCwnd)
		}
	case next == Open && st.CA >= Recovery:
		st.Cwnd = max(st.Cwnd, b.savedCwnd)
	}
}

// pseudo spreads the probes of connections that began together: by bits of the
// clock, since peers need only to differ.
func pseudo(now clock.Time, n uint64) uint64 {
	return uint64(now) * 0x9e3779b97f4a7c15 >> 32 % n
}
