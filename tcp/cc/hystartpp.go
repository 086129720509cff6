package cc

import (
	"math"
	"time"

	"github.com/slankdev/ministack/tcp/seq"
)

// HyStart++ (RFC 9406): slow start ends when the round trip grows, not only by
// loss. It looks at the delay alone, and it does not trust its first sign: on
// an increase it goes on in conservative slow start (CSS), at a quarter of the
// pace, for five rounds. If the delay falls again meanwhile, the sign was
// false and slow start resumes; if not, the window is where it should be.

// The constants of RFC 9406 4.3.
const (
	minRTTThresh     = 4 * time.Millisecond
	maxRTTThresh     = 16 * time.Millisecond
	minRTTDivisor    = 8
	rttSamples       = 8
	cssGrowthDivisor = 4
	cssRounds        = 5
)

type hystartPP struct {
	windowEnd seq.Num
	lastMin   time.Duration // least RTT of the last round
	currMin   time.Duration // and of this one
	samples   int
	css       bool
	baseline  time.Duration // the least RTT that CSS was entered with
	rounds    int           // of CSS
	credit    int           // segments acknowledged in CSS and not turned into window
}

func (h *hystartPP) reset(st *State) {
	*h = hystartPP{windowEnd: st.SndNxt, lastMin: math.MaxInt64, currMin: math.MaxInt64}
}

// sample takes a round trip (RFC 9406 4.2). It ends slow start by setting
// ssthresh.
func (h *hystartPP) sample(st *State, rtt time.Duration) {
	if st.SndUna.After(h.windowEnd) {
		h.round(st)
	}
	h.currMin = min(h.currMin, rtt)
	h.samples++
	if h.samples < rttSamples || h.lastMin == math.MaxInt64 {
		return
	}
	switch {
	case h.css && h.currMin < h.baseline: // the increase was not real
		h.css, h.rounds = false, 0
	case !h.css && h.currMin >= h.lastMin+h.threshold():
		h.css, h.baseline, h.rounds = true, h.currMin, 0
	}
}

func (h *hystartPP) threshold() time.Duration {
	return max(minRTTThresh, min(h.lastMin/minRTTDivisor, maxRTTThresh))
}

// round begins a round trip.
func (h *hystartPP) round(st *State) {
	h.windowEnd, h.samples = st.SndNxt, 0
	h.lastMin, h.currMin = h.currMin, math.MaxInt64
	if !h.css {
		return
	}
	if h.rounds++; h.rounds >= cssRounds {
		st.Ssthresh = st.Cwnd
		st.countHystart(false)
		h.css = false
	}
}

// grown is how much of what was acknowledged the window may grow by. RFC 9406's
// limit L of what one ACK may add is left out: receive offload has one ACK
// stand for dozens, and pacing or TSO sizing bound the burst.
func (h *hystartPP) grown(acked int) int {
	if !h.css {
		return acked
	}
	h.credit += acked
	n := h.credit / cssGrowthDivisor
	h.credit %= cssGrowthDivisor
	return n
}
