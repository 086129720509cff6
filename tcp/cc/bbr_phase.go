package cc

import (
	"time"

	"github.com/slankdev/ministack/clock"
)

// The phases of BBR (draft-ietf-ccwg-bbr 5.3): Startup doubles the rate until
// it no longer helps, Drain empties the queue that this made. Then ProbeBW goes
// round: Down lets queues drain, Cruise stays, Refill fills the pipe without a
// queue, Up tries for more. ProbeRTT interrupts when the least round trip was
// not seen for long.

// bbrFull finds out whether the pipe is full: three rounds did not grow the
// rate by a quarter (5.3.1.2).
type bbrFull struct {
	bw      float64
	count   int
	now     bool // since the last reset
	reached bool // ever
}

func (f *bbrFull) reset() { f.bw, f.count, f.now = 0, 0, false }

// bbrProbe is the state of ProbeBW (5.3.3).
type bbrProbe struct {
	began    clock.Time    // this phase
	wait     time.Duration // until the next probe
	rounds   int           // since the last one
	samples  bool          // the samples that come now are of the probe
	stopping bool          // the probe is over, its last samples come
	upRounds int
	upAcks   int
	upCount  int // acknowledged segments that raise the bound by one
}

// bbrRTTProbe is the state of ProbeRTT (5.3.4).
type bbrRTTProbe struct {
	min       time.Duration
	minAt     clock.Time
	expired   bool
	doneAt    clock.Time // 0: not yet down to the small window
	roundDone bool
}

func (p *bbrRTTProbe) init(st *State) { p.min, p.minAt = st.SRTT, st.Now }

func (b *BBR) enterStartup() {
	b.phase, b.pacingGain, b.cwndGain = bbrStartup, bbrStartupGain, bbrCwndGain
}

func (b *BBR) checkFull(st *State, rs *RateSample) {
	f := &b.full
	if f.now || !b.model.roundStart || rs.IsAppLimited {
		return
	}
	if rate := rs.rate(st); rate >= f.bw*bbrFullGrowth {
		f.reset()
		f.bw = rate
		return
	}
	f.count++
	f.now = f.count >= bbrFullRounds
	f.reached = f.reached || f.now
}

// checkStartupDone ends Startup when the pipe is full, or when a whole round
// in recovery lost much of what it carried, in many places (5.3.1.3). A single
// sample must not decide: of random loss some stretch is always the worst.
func (b *BBR) checkStartupDone(st *State) {
	if b.phase != bbrStartup {
		return
	}
	if o := &b.bounds; o.lossRoundStart && o.much && o.manyRanges && st.CA == Recovery {
		b.full.reached = true
		b.bounds.inflightLong = max(b.bdp(st, 1), b.bounds.inflightLatest)
	}
	if b.full.reached {
		b.phase, b.pacingGain, b.cwndGain = bbrDrain, bbrDrainGain, bbrCwndGain
	}
}

func (b *BBR) checkDrained(st *State) {
	if b.phase == bbrDrain && st.InFlight() <= b.inflight(st, 1) {
		b.startDown(st)
	}
}

// startDown begins a cycle.
func (b *BBR) startDown(st *State) {
	p := &b.probe
	b.bounds.lossInRound, b.bounds.bwLatest, b.bounds.inflightLatest = false, 0, 0
	*p = bbrProbe{began: st.Now, stopping: true, upCount: bbrInfinite,
		rounds: int(pseudo(st.Now, 2)), wait: 2*time.Second + time.Duration(pseudo(st.Now, uint64(time.Second)))}
	b.model.startRound(st)
	b.phase, b.pacingGain, b.cwndGain = bbrDown, bbrDownGain, bbrCwndGain
}

func (b *BBR) startCruise() { b.phase, b.pacingGain, b.cwndGain = bbrCruise, 1, bbrCwndGain }

func (b *BBR) startRefill(st *State) {
	b.bounds.forgetShort()
	b.probe.upRounds, b.probe.upAcks = 0, 0
	b.probe.stopping = false
	b.model.startRound(st)
	b.phase, b.pacingGain, b.cwndGain = bbrRefill, 1, bbrCwndGain
}

func (b *BBR) startUp(st *State, rs *RateSample) {
	b.probe.began, b.probe.samples = st.Now, true
	b.model.startRound(st)
	b.full.reset()
	b.full.bw = rs.rate(st)
	b.phase, b.pacingGain, b.cwndGain = bbrUp, bbrUpGain, bbrUpCwndGain
	b.raiseSlope(st)
}

// probeBW moves through the cycle (5.3.3.6).
func (b *BBR) probeBW(st *State, rs *RateSample) {
	if !b.full.reached {
		return
	}
	if b.model.roundStart {
		b.probe.rounds++
	}
	b.adaptLongBound(st, rs)
	switch b.phase {
	case bbrDown:
		if !b.timeToProbe(st) && b.timeToCruise(st) {
			b.startCruise()
		}
	case bbrCruise:
		b.timeToProbe(st)
	case bbrRefill:
		if b.model.roundStart {
			b.startUp(st, rs)
		}
	case bbrUp:
		if b.timeToGoDown(st, rs) {
			b.startDown(st)
		}
	}
}

// timeToProbe begins a probe after two to three seconds, or as many rounds as
// Reno would take to regain a lost window, whichever comes first (5.3.3.5.2).
func (b *BBR) timeToProbe(st *State) bool {
	reno := min(b.bdp(st, 1), st.Cwnd, bbrMaxRenoRounds)
	if st.Now.Sub(b.probe.began) <= b.probe.wait && b.probe.rounds < reno {
		return false
	}
	b.startRefill(st)
	return true
}

func (b *BBR) timeToCruise(st *State) bool {
	return st.InFlight() <= b.bounds.withHeadroom() && st.InFlight() <= b.inflight(st, 1)
}

// timeToGoDown ends Up once the pipe is full and a queue stands.
func (b *BBR) timeToGoDown(st *State, rs *RateSample) bool {
	if st.IsCwndLimited && st.Cwnd >= b.bounds.inflightLong {
		b.full.reset()
		b.full.bw = rs.rate(st)
		return false
	}
	return b.full.now
}

// adaptLongBound raises the long-term bound where more was in flight without
// harm (5.5.10.1).
func (b *BBR) adaptLongBound(st *State, rs *RateSample) {
	if b.model.roundStart && b.probe.stopping {
		b.probe.stopping = false
		if !rs.IsAppLimited {
			b.model.nextCycle()
		}
	}
	if b.bounds.inflightLong == bbrInfinite || rs.tooHigh() {
		return
	}
	b.bounds.inflightLong = max(b.bounds.inflightLong, rs.TxInFlight)
	if b.phase == bbrUp {
		b.raiseLongBound(st, rs)
	}
}

// raiseSlope doubles the pace of raising each round.
func (b *BBR) raiseSlope(st *State) {
	growth := 1 << min(b.probe.upRounds, 30)
	b.probe.upRounds++
	b.probe.upCount = max(st.Cwnd/growth, 1)
}

func (b *BBR) raiseLongBound(st *State, rs *RateSample) {
	p := &b.probe
	if !st.IsCwndLimited || st.Cwnd < b.bounds.inflightLong {
		return
	}
	p.upAcks += rs.AckedSacked
	b.bounds.inflightLong += p.upAcks / p.upCount
	p.upAcks %= p.upCount
	if b.model.roundStart {
		b.raiseSlope(st)
	}
}

// probeRTTCwnd is half of the product.
func (b *BBR) probeRTTCwnd(st *State) int {
	return max(b.bdp(st, bbrProbeRTTGain), bbrMinCwnd)
}

func (b *BBR) checkProbeRTT(st *State, rs *RateSample) {
	if b.phase != bbrProbeRTT && b.rtt.expired && !b.idleRestart {
		b.saveCwnd(st)
		b.phase, b.pacingGain, b.cwndGain = bbrProbeRTT, 1, bbrProbeRTTGain
		b.rtt.doneAt = 0
		b.probe.stopping, b.probe.samples = true, false
		b.model.startRound(st)
	}
	if b.phase == bbrProbeRTT {
		b.handleProbeRTT(st)
	}
	if rs.Delivered > 0 {
		b.idleRestart = false
	}
}

// handleProbeRTT stays with the small window for 200 ms and a round trip.
func (b *BBR) handleProbeRTT(st *State) {
	p := &b.rtt
	st.AppLimited = max(st.Delivered+uint32(st.InFlight()), 1)
	switch {
	case p.doneAt == 0 && st.InFlight() <= b.probeRTTCwnd(st):
		p.doneAt, p.roundDone = st.Now.Add(bbrProbeRTTLength), false
		b.model.startRound(st)
	case p.doneAt != 0:
		p.roundDone = p.roundDone || b.model.roundStart
		if p.roundDone {
			b.checkProbeRTTDone(st)
		}
	}
}

func (b *BBR) checkProbeRTTDone(st *State) {
	if b.rtt.doneAt == 0 || st.Now <= b.rtt.doneAt {
		return
	}
	b.rtt.minAt = st.Now
	st.Cwnd = max(st.Cwnd, b.savedCwnd)
	b.bounds.forgetShort()
	if !b.full.reached {
		b.enterStartup()
		return
	}
	b.startDown(st)
	b.startCruise()
}
