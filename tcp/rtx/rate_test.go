package rtx

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/tcp/cc"
)

// probe is a congestion control that owns the window and keeps the samples.
type rateProbe struct {
	cc.Reno
	samples []cc.RateSample
	window  int
}

func (p *rateProbe) CongControl(st *cc.State, rs *cc.RateSample) {
	p.samples = append(p.samples, *rs)
	st.Cwnd = p.window
}

func newRateScript(t *testing.T) (*script, *rateProbe) {
	p := &rateProbe{window: 10}
	return newScript(t, Config{SACK: true, Algorithm: p}), p
}

func (p *rateProbe) last() cc.RateSample { return p.samples[len(p.samples)-1] }

// draft-cheng-iccrg-delivery-rate-estimation 3: ten segments in a round trip
// of 100 ms.
func TestDeliveryRateOfAWindow(t *testing.T) {
	c, p := newRateScript(t)
	c.write(30000)
	c.pass(100 * ms)
	c.ack(10001) // ten more leave
	c.pass(100 * ms)
	c.ack(20001)
	rs := p.last()
	require.Equal(t, 10, rs.Delivered)
	require.Equal(t, 100*ms, rs.Interval)
	require.Equal(t, 100*ms, rs.RTT)
	require.Equal(t, 10, rs.AckedSacked)
	require.Equal(t, 10, rs.PriorInFlight)
	require.False(t, rs.IsAppLimited)
	require.EqualValues(t, 100000, c.s.Info(c.now).DeliveryRate)
}

// 2.2: ACKs that were compressed do not raise the rate above that of sending.
func TestCompressedAcksDoNotRaiseTheRate(t *testing.T) {
	c, p := newRateScript(t)
	p.window = 5
	c.s.CC.Cwnd = 5
	c.write(5000)
	c.pass(100 * ms)
	p.window = 6
	for i := range 5 { // one segment each 20 ms
		c.ack(1001 + 1000*i)
		c.write(1000)
		c.pass(20 * ms)
	}
	c.ack(10001) // and all their ACKs at once
	rs := p.last()
	require.Equal(t, 180*ms, rs.SndInterval)
	require.GreaterOrEqual(t, rs.Interval, rs.SndInterval)
	require.LessOrEqual(t, float64(rs.Delivered)/rs.Interval.Seconds(), 1/0.02)
}

// 3.4: while the application pauses, samples are marked, and do not lower the
// rate shown; the mark goes with the data that was in flight.
func TestApplicationLimitedSamplesAreMarked(t *testing.T) {
	c, p := newRateScript(t)
	c.write(20000)
	c.pass(100 * ms)
	c.ack(10001)
	c.pass(100 * ms)
	c.ack(20001)
	rate := c.s.Info(c.now).DeliveryRate
	c.s.AppLimited(0)
	c.write(1000)
	c.pass(100 * ms)
	c.ack(21001)
	require.True(t, p.last().IsAppLimited)
	require.Equal(t, rate, c.s.Info(c.now).DeliveryRate)
	require.False(t, c.s.Info(c.now).DeliveryRateAppLimited)
	c.s.CC.Cwnd = 10
	c.write(20000)
	c.pass(100 * ms)
	c.ack(31001)
	c.pass(100 * ms)
	c.ack(41001)
	require.False(t, p.last().IsAppLimited)
}

// 3.1.3: an interval shorter than the minimum RTT belongs to a needless
// retransmission and is no sample.
func TestTooShortIntervalIsNoSample(t *testing.T) {
	c, p := newRateScript(t)
	c.write(10000)
	c.pass(100 * ms)
	p.window = 6
	c.log = nil
	c.ack(1, 2001, 5001)
	c.retransmit() // within the window that was just set
	c.sends("1:1001")
	c.pass(ms)
	c.ack(1001, 2001, 5001) // the original was only late
	c.sends("1001:2001")
	require.Equal(t, 100*ms, p.last().Interval)
	c.pass(ms)
	c.ack(5001) // and so was this
	require.Negative(t, p.last().Interval)
	require.True(t, p.last().IsRetrans)
}

// What was SACKed gives one sample, not another when it is acknowledged.
func TestDeliveryIsSampledOnce(t *testing.T) {
	c, p := newRateScript(t)
	p.window = 5
	c.s.CC.Cwnd = 5
	c.write(5000)
	c.pass(100 * ms)
	c.ack(1, 1001, 5001)
	require.Equal(t, 4, p.last().Delivered)
	require.Equal(t, 100*ms, p.last().Interval)
	c.pass(100 * ms)
	c.ack(1001)
	c.pass(10 * ms)
	c.ack(5001)
	require.Negative(t, p.last().Delivered)
}

// RFC 9293 3.8.6.3: the ACK of a lone small segment may have been delayed; its
// round trip does not raise the minimum.
func TestDelayedAckOfASmallSegmentDoesNotRaiseTheMinimum(t *testing.T) {
	c, p := newRateScript(t)
	next := 1
	for range 5 {
		c.pass(100 * time.Second)
		c.write(10)
		c.pass(140 * ms)
		next += 10
		c.ack(next)
		require.True(t, p.last().IsAckDelayed)
	}
	require.Equal(t, 100*ms, c.s.RTT.MinRTT())
	c.write(1000) // a full one
	c.pass(140 * ms)
	c.ack(next + 1000)
	require.False(t, p.last().IsAckDelayed)
	require.Equal(t, 140*ms, c.s.RTT.MinRTT())
}

// A controller's window stands, in recovery as well, and it learns of losses.
func TestControllerOwnsTheWindow(t *testing.T) {
	c, p := newRateScript(t)
	p.window = 12
	c.write(20000)
	c.pass(100 * ms)
	c.ack(1, 1001, 4001)
	c.state(cc.Recovery)
	require.Equal(t, 12, c.s.CC.Cwnd)
	require.Equal(t, 1, p.last().Losses)
	require.Equal(t, 3, p.last().AckedSacked)
	c.pass(100 * ms)
	c.ack(10001)
	require.Equal(t, 12, c.s.CC.Cwnd)
}

// RFC 9293 and Linux: what TCP_INFO shows of bytes.
func TestInfoCountsOctets(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(10000)
	c.pass(100 * ms)
	c.ack(1, 1001, 4001)
	c.pass(50 * ms)
	c.ack(10001)
	i := c.s.Info(c.now)
	require.EqualValues(t, 11000, i.BytesSent)
	require.EqualValues(t, 1000, i.BytesRetrans)
	require.EqualValues(t, 10000, i.BytesAcked)
	require.EqualValues(t, 10, i.Delivered)
	require.EqualValues(t, 1, i.LostTotal)
	require.Equal(t, 50*ms, i.TimeSinceLastSent)
	require.Equal(t, time.Duration(0), i.TotalRTOTime)
}
