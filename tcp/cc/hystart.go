package cc

import (
	"math"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/seq"
)

// HyStart ends slow start before it overshoots, as in Linux's CUBIC (Ha and
// Rhee, "Taming the elephants"). Two signs are looked for once a round trip:
//
//   - ACK train: ACKs that follow one another closely for half the minimum RTT
//     mean that the data in flight fills half the path, and the next doubling
//     would overfill it;
//   - delay increase: the least RTT of the first eight samples of the round
//     exceeds the minimum by an eighth, so a queue is building.

const (
	hystartLowWindow = 16                    // segments: do not end slow start below
	hystartAckGap    = 2 * time.Millisecond  // ACKs closer than this are a train
	hystartSamples   = 8                     // RTT samples of a round
	hystartDelayMin  = 4 * time.Millisecond  // bounds of minRTT/8
	hystartDelayMax  = 16 * time.Millisecond //
)

type hystart struct {
	roundStart clock.Time    //
	lastAck    clock.Time    // last ACK of the train
	currRTT    time.Duration // least RTT of the round
	endSeq     seq.Num       // the round ends when this is acknowledged
	samples    uint8         //
	off        bool          // slow start ends by loss alone
	found      bool          // slow start was ended
}

func (h *hystart) reset(st *State) {
	h.roundStart, h.lastAck = st.Now, st.Now
	h.endSeq = st.SndNxt
	h.currRTT = math.MaxInt64
	h.samples = 0
}

func (h *hystart) update(st *State, delayMin, delay time.Duration) {
	if st.SndUna.After(h.endSeq) {
		h.reset(st)
	}
	if st.Cwnd < hystartLowWindow {
		return
	}
	train := h.ackTrain(st, delayMin)
	if train || h.delayGrew(delayMin, delay) {
		h.found = true
		st.Ssthresh = st.Cwnd
		st.countHystart(train)
	}
}

func (st *State) countHystart(train bool) {
	if st.Hystart == nil {
		st.Hystart = new(HystartCounts)
	}
	c, cwnd := st.Hystart, st.Cwnd
	if train {
		c.Train++
		c.TrainCwnd += uint32(cwnd)
		return
	}
	c.Delay++
	c.DelayCwnd += uint32(cwnd)
}

func (h *hystart) ackTrain(st *State, delayMin time.Duration) bool {
	if st.Now.Sub(h.lastAck) > hystartAckGap {
		return false
	}
	h.lastAck = st.Now
	threshold := delayMin + aggregationDelay(st)
	if !st.PacingNeeded { // pacing spreads a train over half a round trip
		threshold >>= 1
	}
	return st.Now.Sub(h.roundStart) > threshold
}

// aggregationDelay is how long super-segments may hold ACKs back, at most 1 ms:
// without it flows of very short RTT would leave slow start at once.
func aggregationDelay(st *State) time.Duration {
	if st.PacingRate == 0 {
		return 0
	}
	d := uint64(st.GSOMaxSize) * 4 * uint64(time.Second) / st.PacingRate
	return min(time.Duration(d), time.Millisecond)
}

func (h *hystart) delayGrew(delayMin, delay time.Duration) bool {
	h.currRTT = min(h.currRTT, delay)
	if h.samples < hystartSamples {
		h.samples++
		return false
	}
	grown := min(max(delayMin>>3, hystartDelayMin), hystartDelayMax)
	return h.currRTT > delayMin+grown
}
