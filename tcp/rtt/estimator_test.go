package rtt

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/tcp/seq"
)

const ms = time.Millisecond

func newEstimator(cfg Config) *Estimator {
	e := new(Estimator)
	e.Init(cfg, seq.New(0))
	return e
}

// round is the progress of a connection that has a window of ten octets.
func round(una int) Round { return Round{seq.New(0).Add(una), seq.New(0).Add(una + 10)} }

// RFC 6298 2.1: a second before the first sample.
func TestInitialRTO(t *testing.T) {
	e := newEstimator(Config{})
	require.Equal(t, time.Second, e.RTO())
	require.Zero(t, e.SRTT())
	require.Zero(t, e.MinRTT())
	require.Equal(t, 250*ms, e.RTTVar(), "what Linux shows before the first sample")
	require.Equal(t, 3*time.Second, newEstimator(Config{InitialRTO: 3 * time.Second}).RTO())
}

// RFC 6298 2.2: SRTT is the sample, RTTVAR half of it; RTO exceeds SRTT by
// MinRTO at least (Linux). RFC 6298 2, 2.4.
func TestFirstSample(t *testing.T) {
	for _, tc := range []struct{ sample, rto time.Duration }{
		{100 * ms, 300 * ms},
		{10 * ms, 210 * ms},
		{200 * ms, 600 * ms}, // 200 + 4*100
		{ms / 2, 201 * ms},   // rounded up to a tick
		{1, 201 * ms},
		{50 * time.Second, 120 * time.Second}, // RFC 6298 2.5
	} {
		e := newEstimator(Config{})
		e.Sample(tc.sample, round(0))
		require.Equal(t, tc.sample, e.SRTT(), "sample %v", tc.sample)
		require.Equal(t, tc.sample/2, e.RTTVar())
		require.Equal(t, tc.rto, e.RTO(), "sample %v", tc.sample)
	}
}

// RFC 6298 2.3: gains of 1/8 and 1/4.
func TestFollowingSamples(t *testing.T) {
	e := newEstimator(Config{})
	e.Sample(800*ms, round(0))
	e.Sample(1600*ms, round(0))
	require.Equal(t, 900*ms, e.SRTT())        // 800 + 800/8
	require.Equal(t, 500*ms, e.RTTVar())      // 400 + (800-400)/4
	require.Equal(t, (900+4*500)*ms, e.RTO()) // SRTT + 4*RTTVAR
	e.Sample(900*ms, round(0))                // no error: the deviation falls by a quarter
	require.Equal(t, 375*ms, e.RTTVar())      //
	require.Equal(t, (900+4*500)*ms, e.RTO()) // but the RTO not before the round trip ends
}

// Linux: a sample below SRTT moves the deviation by an eighth only of what one
// above does.
func TestFasterPathHardlyRaisesTheDeviation(t *testing.T) {
	e := newEstimator(Config{})
	e.Sample(800*ms, round(0))
	for range 40 {
		e.Sample(800*ms, round(0))
	}
	require.Less(t, e.RTTVar(), ms)
	e.Sample(0, round(0))
	require.InDelta(t, float64(25*ms), float64(e.RTTVar()), float64(ms)) // 800/32
	require.Equal(t, 700*ms, e.SRTT().Round(ms))
}

// Linux: RTTVAR decays once a round trip, a quarter of the way to the largest
// deviation of that round trip, and no lower than MinRTO.
func TestVarianceDecaysOnceARoundTrip(t *testing.T) {
	e := newEstimator(Config{})
	e.Sample(1000*ms, round(0)) // the round ends beyond 10
	require.Equal(t, 3000*ms, e.RTO())
	for range 100 {
		e.Sample(1000*ms, round(5))
	}
	require.Equal(t, 3000*ms, e.RTO(), "within the round trip nothing decays")
	for una := 11; una < 2000; una += 11 {
		before := e.RTO()
		e.Sample(1000*ms, round(una))
		require.LessOrEqual(t, e.RTO(), before)
	}
	require.Equal(t, 1201*ms, e.RTO()) // all but reached, and rounded up
}

// A sample of nothing is a sample.
func TestSampleOfZeroCounts(t *testing.T) {
	e := newEstimator(Config{})
	e.Sample(0, round(0))
	require.Positive(t, e.SRTT())
	require.Equal(t, 201*ms, e.RTO())
}

// RFC 6298 5.5, 5.7: doubled for each timeout up to the maximum; a sample ends
// the backoff.
func TestBackoff(t *testing.T) {
	e := newEstimator(Config{})
	e.Sample(100*ms, round(0))
	for i, want := range []time.Duration{600, 1200, 2400, 4800, 9600, 19200, 38400, 76800, 120000, 120000} {
		e.Backoff()
		require.Equal(t, want*ms, e.RTO())
		require.Equal(t, i+1, e.Backoffs())
	}
	e.Sample(100*ms, round(0))
	require.Zero(t, e.Backoffs())
	require.Less(t, e.RTO(), 301*ms)
}

// RFC 6069: one backoff is taken back, never below none.
func TestRevert(t *testing.T) {
	e := newEstimator(Config{})
	e.Revert()
	require.Equal(t, time.Second, e.RTO())
	e.Backoff()
	e.Backoff()
	require.Equal(t, 4*time.Second, e.RTO())
	e.Revert()
	require.Equal(t, 2*time.Second, e.RTO())
	e.Sample(100*ms, round(0))
	e.Backoff()
	e.Revert()
	require.Equal(t, 300*ms, e.RTO())
}

// RFC 6298 5.7: three seconds if the SYN was lost and no sample taken.
func TestFallback(t *testing.T) {
	e := newEstimator(Config{})
	e.Fallback()
	require.Equal(t, 3*time.Second, e.RTO())
	e.Sample(100*ms, round(0))
	require.Equal(t, 300*ms, e.RTO())
}

// TCP_RTO_MIN_US and TCP_RTO_MAX_MS change a living connection.
func TestLimitsCanBeChanged(t *testing.T) {
	e := newEstimator(Config{MinRTO: 50 * ms})
	e.Sample(10*ms, round(0))
	require.Equal(t, 60*ms, e.RTO())
	require.Equal(t, 50*ms, e.MinRTO())
	e.SetMaxRTO(55 * ms)
	require.Equal(t, 55*ms, e.RTO())
	e.SetMinRTO(5 * ms)
	require.Equal(t, 5*ms, e.MinRTO())
}
