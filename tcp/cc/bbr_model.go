package cc

import (
	"time"

	"github.com/slankdev/ministack/clock"
)

// bbrModel is BBR's picture of the path (draft-ietf-ccwg-bbr 5.5): round trips,
// the most that was delivered in the last two probing cycles, the least round
// trip, and how far ahead of it acknowledgements come in clumps.
type bbrModel struct {
	nextRound  uint32 // State.Delivered when the round began that ends the present one
	roundStart bool   // this ACK begins one
	rounds     int

	bwNow, bwBefore float64 // octets a second, of this cycle and the last

	minRTT   time.Duration
	minRTTAt clock.Time

	extraFrom       clock.Time
	extraDelivered  int
	extraMax        [2]int // segments, of the last and the present rounds
	extraRoundStart int
}

func (m *bbrModel) init(st *State) {
	m.nextRound = st.Delivered
	m.minRTT, m.minRTTAt = st.SRTT, st.Now
	m.extraFrom = st.Now
}

// startRound has the present round end when all that is delivered by now plus
// what is in flight is.
func (m *bbrModel) startRound(st *State) { m.nextRound = st.Delivered }

// round counts packet-timed round trips (5.5.1).
func (m *bbrModel) round(st *State, rs *RateSample) {
	m.roundStart = rs.Delivered > 0 && int32(rs.PriorDelivered-m.nextRound) >= 0
	if m.roundStart {
		m.startRound(st)
		m.rounds++
	}
}

func (m *bbrModel) maxBW() float64 { return max(m.bwNow, m.bwBefore) }

// updateMaxBW takes a sample; one of a pause says only that the path is at
// least that fast (5.5.5).
func (m *bbrModel) updateMaxBW(rate float64, appLimited bool) {
	if rate > 0 && (rate >= m.maxBW() || !appLimited) {
		m.bwNow = max(m.bwNow, rate)
	}
}

// nextCycle forgets the cycle before the last (5.5.6).
func (m *bbrModel) nextCycle() {
	if m.bwNow == 0 {
		return
	}
	m.bwBefore, m.bwNow = m.bwNow, 0
}

// extra is how many segments acknowledgements ran ahead of the model: what a
// receiver that acknowledges in clumps needs on top (5.5.9).
func (m *bbrModel) extra() int { return max(m.extraMax[0], m.extraMax[1]) }

func (m *bbrModel) updateExtraAcked(st *State, rs *RateSample) {
	expected := int(m.maxBW() * st.Now.Sub(m.extraFrom).Seconds() / float64(max(st.MSS, 1)))
	if m.extraDelivered <= expected {
		m.extraDelivered, m.extraFrom, expected = 0, st.Now, 0
	}
	m.extraDelivered += rs.AckedSacked
	if m.rounds-m.extraRoundStart >= bbrAckedRounds {
		m.extraRoundStart = m.rounds
		m.extraMax[0], m.extraMax[1] = m.extraMax[1], 0
	}
	m.extraMax[1] = max(m.extraMax[1], min(m.extraDelivered-expected, st.Cwnd))
}

// updateMinRTT keeps the least round trip of ten seconds, and says by
// rtt.expired when it was last seen too long ago (5.5.8).
func (b *BBR) updateMinRTT(st *State, rs *RateSample) {
	m, p := &b.model, &b.rtt
	p.expired = st.Now.Sub(p.minAt) > bbrProbeRTTEvery
	if rs.RTT >= 0 && (rs.RTT < p.min || p.expired || p.min == 0) {
		p.min, p.minAt = max(rs.RTT, time.Microsecond), st.Now
	}
	if p.min > 0 && (p.min < m.minRTT || m.minRTT == 0 || st.Now.Sub(m.minRTTAt) > bbrMinRTTWindow) {
		m.minRTT, m.minRTTAt = p.min, p.minAt
	}
}
