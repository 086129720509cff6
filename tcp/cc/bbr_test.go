package cc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lossyStartup runs BBR for rounds of 100 acknowledged segments, whose
// delivery doubles, with so many losses a round, each on an ACK of its own, and
// returns its phase.
func lossyStartup(rounds, losses int, ca CAState) bbrPhase {
	b, st := NewBBR(), &State{MSS: 1448, Cwnd: 100, SRTT: 100 * time.Millisecond, CA: ca, Limits: &Limits{GSOMaxSize: 65536}}
	b.Init(st)
	for r := range rounds {
		prior := st.Delivered
		for i := range 100 {
			st.Now = st.Now.Add(time.Millisecond)
			st.Delivered++
			rs := RateSample{Delivered: 100 << r, Interval: 100 * time.Millisecond, AckedSacked: 1, RTT: 100 * time.Millisecond,
				TxInFlight: 100, PriorDelivered: prior}
			if i < losses {
				rs.Losses, rs.LostSince = 1, i+1
			}
			b.CongControl(st, &rs)
		}
	}
	return b.phase
}

// draft-ietf-ccwg-bbr 5.3.1.3: a round in recovery that loses more than a
// fiftieth, in six places or more, ends Startup; less, or a stretch of a round
// alone, does not.
func TestStartupEndsWhereAWholeRoundLosesMuch(t *testing.T) {
	require.NotEqual(t, bbrStartup, lossyStartup(4, 8, Recovery))
	require.Equal(t, bbrStartup, lossyStartup(4, 8, Open), "not in recovery")
	require.Equal(t, bbrStartup, lossyStartup(4, 5, Recovery), "in few places")
	require.Equal(t, bbrStartup, lossyStartup(4, 0, Recovery))
}

// 5.3.1.2: three rounds without growth end it.
func TestStartupEndsWhereTheRateGrowsNoMore(t *testing.T) {
	b, st := NewBBR(), &State{MSS: 1448, Cwnd: 100, SRTT: 100 * time.Millisecond, Limits: &Limits{GSOMaxSize: 65536}}
	b.Init(st)
	for r := range 6 {
		require.Equal(t, r < 4, b.phase == bbrStartup, "round %d", r)
		prior := st.Delivered
		st.Now = st.Now.Add(100 * time.Millisecond)
		st.Delivered += 100
		b.CongControl(st, &RateSample{Delivered: 100, Interval: 100 * time.Millisecond, AckedSacked: 100,
			RTT: 100 * time.Millisecond, TxInFlight: 100, PriorDelivered: prior})
	}
}
