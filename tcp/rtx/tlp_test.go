package rtx

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/tcp/cc"
)

// RFC 8985 7.2: two round trips of silence; with one segment outstanding the
// delay of its ACK is allowed for as well, but never beyond the RTO.
func TestProbeTimeout(t *testing.T) {
	for _, tc := range []struct {
		name   string
		cfg    Config
		octets int
		kind   Timer
		in     time.Duration
	}{
		{"several", Config{SACK: true}, 4000, TimerTLP, 202 * ms},
		{"one: the RTO is earlier than 2*SRTT + 200 ms", Config{SACK: true}, 1000, TimerTLP, 300 * ms},
		{"without SACK", Config{}, 4000, TimerRTO, 300 * ms},
		{"switched off", Config{SACK: true, NoTLP: true}, 4000, TimerRTO, 300 * ms},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newScript(t, tc.cfg)
			c.write(tc.octets)
			c.timer(tc.kind, tc.in)
		})
	}
}

// RFC 8985 7.3: new data if there is any, even beyond the window, else the
// last segment again.
func TestProbeIsNewDataOrElseTheLastSegment(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(10500)
	c.sends("1:10001")
	c.pass(202 * ms)
	c.sends("10001:10501")
	c.counts(11, 0, 0, 0)

	c = newScript(t, Config{SACK: true})
	c.write(3500)
	c.sends("1:3501")
	c.pass(202 * ms)
	c.sends("3001:3501")
	c.counts(4, 0, 0, 0) // it may replace the original: not in flight twice
	c.timer(TimerRTO, 300*ms)
	c.pass(299 * ms)
	c.sends("") // one probe only
}

// RFC 8985 7.2: a lost tail is found by the SACK of the probe, without a
// timeout.
func TestProbeFindsLostTail(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(10000)
	c.pass(100 * ms)
	c.ack(6001)
	c.log = nil
	c.pass(202 * ms)
	c.sends("9001:10001")
	c.pass(100 * ms)
	c.ack(6001, 9001, 10001)
	c.sends("6001:7001")
	c.state(cc.Recovery)
	c.counts(4, 1, 3, 1)
	c.pass(100 * ms)
	c.ack(7001, 9001, 10001)
	c.ack(10001)
	require.Zero(t, c.s.Info(c.now).Counters.Timeouts)
}

// RFC 8985 7.3: one probe at a time, whatever is sent meanwhile.
func TestOneProbeAtATime(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(10500)
	c.pass(202 * ms)
	c.sends("1:10501")
	c.s.CC.Cwnd = 20
	c.write(1000)
	c.sends("10501:11501")
	c.timer(TimerTLP, 98*ms) // no later than the RTO
	c.pass(98 * ms)
	c.sends("")
	require.EqualValues(t, 1, c.s.Info(c.now).Counters.LossProbes)
}

// A timeout ends the probe: what is acknowledged later is not its doing.
func TestTimeoutEndsTheProbe(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(10000)
	c.pass(100 * ms)
	c.ack(9001)
	c.pass(300 * ms)
	require.True(t, c.s.tlp.out)
	c.pass(300 * ms)
	c.state(cc.Loss)
	c.ack(10001)
	ssthresh := c.s.CC.Ssthresh
	c.write(1000)
	c.pass(100 * ms)
	c.ack(11001)
	require.Zero(t, c.s.Info(c.now).Counters.LossProbeRecovery)
	require.Equal(t, ssthresh, c.s.CC.Ssthresh)
}

// RFC 8985 7.4.2: the probe itself repaired the loss. That is a loss: the
// window is reduced. RFC 8985 7.4.
func TestProbeThatRepairsReducesTheWindow(t *testing.T) {
	c := newScript(t, Config{SACK: true, Timestamps: true})
	c.write(10000)
	c.pass(100 * ms)
	c.ack(9001)
	c.pass(300 * ms) // one outstanding: the probe at 300 ms
	c.s.Info(c.now)
	require.EqualValues(t, 1, c.s.Info(c.now).Counters.LossProbes)
	c.write(2000)
	c.pass(100 * ms)
	cwnd := c.s.CC.Cwnd
	c.ack(12001)
	require.Equal(t, cwnd*717/1024, c.s.CC.Ssthresh)
	require.Equal(t, c.s.CC.Ssthresh, c.s.CC.Cwnd)
	require.EqualValues(t, 1, c.s.Info(c.now).Counters.LossProbeRecovery)
	c.state(cc.Open)
	require.Equal(t, WhyTLP, c.last.Why)
}

// RFC 8985 7.4.2: a DSACK or a duplicate ACK of the probe shows that nothing
// was lost.
func TestNeedlessProbeLeavesTheWindow(t *testing.T) {
	for _, evidence := range []string{"DSACK", "DSACK with the ACK", "duplicate ACK"} {
		c := newScript(t, Config{SACK: true})
		c.write(10000)
		c.pass(100 * ms)
		c.ack(9001)
		cwnd := c.s.CC.Cwnd
		c.pass(300 * ms)
		switch evidence {
		case "DSACK":
			c.ack(10001)
			require.True(t, c.ack(10001, 9001, 10001).DSACK)
		case "DSACK with the ACK":
			require.True(t, c.ack(10001, 9001, 10001).DSACK)
		default:
			c.ack(10001)
			c.ack(10001)
		}
		require.False(t, c.s.tlp.out, evidence)
		c.write(1000)
		c.pass(100 * ms)
		c.ack(11001)
		require.GreaterOrEqual(t, c.s.CC.Cwnd, cwnd)
		require.Equal(t, cc.InfiniteSsthresh, c.s.CC.Ssthresh)
	}
}

// The whole life of a lost tail with a receiver that SACKs a single octet,
// which is no segment: probe, timeout, slow start.
func TestSackOfPartOfASegmentIsIgnored(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(4000)
	c.sends("1:4001")
	c.pass(100 * ms)
	c.ack(1, 4000, 4001)
	c.counts(4, 0, 0, 0)
	c.pass(102 * ms)
	c.sends("3001:4001")
	c.pass(300 * ms)
	c.sends("1:1001")
	c.state(cc.Loss)
	c.window(1, 7)
	c.pass(500 * ms)
	c.log = nil
	c.ack(1001, 4000, 4001)
	c.sends("1001:3001")
	c.pass(100 * ms)
	c.ack(3001, 4000, 4001)
	c.sends("3001:4001")
	c.ack(4001)
	c.state(cc.Open)
}
