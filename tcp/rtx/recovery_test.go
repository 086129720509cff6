package rtx

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/tcp/cc"
)

// RFC 6675 with RFC 6937: one segment of ten is lost, the third SACK starts
// recovery (RFC 5681 3.2), and each further one lets one new segment go.
func TestRecoveryOfOneLossSendsOneSegmentForEachDelivered(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(10000)
	c.sends("1:10001")
	c.pass(110 * ms)
	c.ack(1, 1001, 2001)
	c.state(cc.Disorder)
	c.pass(10 * ms)
	c.ack(1, 1001, 3001)
	c.sends("")
	c.pass(10 * ms)
	c.ack(1, 1001, 4001)
	c.sends("1:1001")
	c.state(cc.Recovery)
	c.window(7, 7)
	c.pass(10 * ms)
	c.write(7000)
	c.sends("")
	for i := range 6 {
		c.pass(10 * ms)
		c.ack(1, 1001, 5001+1000*i)
		c.sends([]string{"10001:11001", "11001:12001", "12001:13001", "13001:14001",
			"14001:15001", "15001:16001"}[i])
	}
	c.pass(20 * ms)
	c.ack(10001)
	c.sends("16001:17001")
	c.state(cc.Open)
	c.window(7, 7)
	c.ack(17001)
	c.counts(0, 0, 0, 0)
}

// RFC 6937: four of ten lost. The retransmissions are clocked by SACKs, and
// the window is ssthresh when recovery ends.
func TestRecoveryOfFourLossesEndsAtSsthresh(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.s.SampleRTT(c.now, 10*ms)
	c.write(10000)
	c.sends("1:10001")
	c.pass(10 * ms)
	c.ack(1, 4001, 5001)
	c.pass(2 * ms)
	c.ack(1, 4001, 6001)
	c.sends("")
	for i, want := range []string{"1:1001", "1001:2001", "2001:3001", "3001:4001"} {
		c.ack(1, 4001, 7001+1000*i)
		c.sends(want)
	}
	c.pass(10 * ms)
	for _, una := range []int{1001, 2001, 3001} {
		c.ack(una, 4001, 10001)
	}
	c.ack(10001)
	c.pass(10 * ms)
	c.write(10000)
	c.sends("10001:17001")
}

// RFC 2018 8, RFC 6675 5: only what no block covers is retransmitted, at
// segment boundaries, also when it left as one super-segment. RFC 6675 4.
func TestHolesBetweenBlocksAreRetransmittedExactly(t *testing.T) {
	c := newScript(t, Config{SACK: true, MSS: 1460})
	c.write(14600)
	c.sends("1:14601")
	c.pass(10 * ms)
	c.ack(1461, 4381, 5841, 8761, 14601)
	c.sends("1461:4381 5841:8761")
	c.ack(14601)
	c.state(cc.Open)
}

// RFC 8985 6.2: SACKs in the order 2 6 8 3 9. Three of them are dupthresh and
// the six segments before the last are lost; the late SACK of 3 is reordering
// by six segments, and dupthresh becomes that.
func TestScoreboardAndReorderingWhenSacksArriveOutOfOrder(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(10000)
	c.pass(100 * ms)
	c.log = nil
	c.ack(1, 2001, 3001)
	c.pass(ms)
	c.ack(1, 2001, 3001, 6001, 7001)
	c.pass(ms)
	c.ack(1, 2001, 3001, 6001, 7001, 8001, 9001)
	c.sends("1:1001")
	c.state(cc.Recovery)
	c.counts(10, 3, 6, 1)
	c.pass(7 * ms)
	c.ack(1, 2001, 4001, 6001, 7001, 8001, 9001)
	c.sends("1001:2001")
	c.counts(10, 4, 5, 2)
	require.Equal(t, 6, c.s.Info(c.now).Reordering)
	c.pass(10 * ms)
	c.ack(1, 2001, 4001, 6001, 7001, 8001, 10001)
	c.counts(10, 5, 5, c.s.CC.RetransOut)
	c.pass(83 * ms)
	c.ack(1001, 2001, 4001, 6001, 7001, 8001, 10001)
	require.Equal(t, 4, c.s.CC.LostOut)
	c.pass(17 * ms)
	c.ack(4001, 6001, 7001, 8001, 10001)
	require.Equal(t, 3, c.s.CC.LostOut)
	c.pass(10 * ms)
	c.ack(7001, 8001, 10001)
	c.pass(100 * ms)
	c.ack(10001)
	c.state(cc.Open)
	c.counts(0, 0, 0, 0)
}

// RFC 8985 6.2 steps 4, 5: a single SACK is no proof. The reordering window, a
// quarter of the minimum RTT, passes before what lies below it is lost. RFC 8985 6.3.
func TestOneSackWaitsForTheReorderingWindow(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(10000)
	c.pass(100 * ms)
	c.log = nil
	c.ack(1, 7001, 8001)
	c.timer(TimerReorder, 27*ms)
	c.pass(27 * ms)
	c.sends("1:1001")
	c.state(cc.Recovery)
	c.counts(10, 1, 7, 1)
	c.ack(1, 5001, 6001, 7001, 8001)
	c.sends("1001:2001")
	c.counts(10, 2, 6, 2)
	require.Equal(t, 3, c.s.Info(c.now).Reordering)
	c.ack(1, 5001, 8001)
	c.sends("2001:3001")
	c.counts(10, 3, 5, 3)
	c.ack(1, 5001, 9001)
	c.sends("3001:4001")
	c.ack(1, 5001, 10001)
	c.sends("4001:5001")
	c.pass(100 * ms)
	c.ack(10001)
	c.state(cc.Open)
	c.counts(0, 0, 0, 0)
}

// A SACK of the first kind changes neither window nor threshold.
func TestDisorderLeavesTheWindowAlone(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(4000)
	c.pass(100 * ms)
	c.ack(1, 1001, 2001)
	c.state(cc.Disorder)
	c.window(10, cc.InfiniteSsthresh)
}

// RFC 8985 6.2: a retransmission that is lost itself is found by later
// deliveries, without a timeout.
func TestLostRetransmissionIsRetransmittedWithoutTimeout(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(20000)
	c.pass(100 * ms)
	c.ack(1, 1001, 4001)
	c.log = nil
	for i := range 6 {
		c.pass(10 * ms)
		c.ack(1, 1001, 5001+1000*i)
	}
	c.pass(60 * ms)
	c.log = nil
	c.ack(1, 1001, 12001) // sent after the retransmission, a round trip ago
	c.sends("1:1001 16001:18001")
	require.EqualValues(t, 1, c.s.Info(c.now).Counters.LostRetransmit)
	c.state(cc.Recovery)
}

// RFC 3168 6.1.2: congestion that the peer echoes reduces the window once a
// window of data, and nothing is retransmitted.
func TestECNEchoReducesOnceAWindow(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(40000)
	c.pass(100 * ms)
	c.log = nil
	c.input(&Ack{ECE: true}, 2001)
	c.state(cc.CWR)
	require.True(t, c.s.TakeCWR())
	require.False(t, c.s.TakeCWR(), "CWR is sent once")
	for una := 4001; una <= 10001; una += 2000 {
		c.input(&Ack{ECE: true}, una)
		c.state(cc.CWR)
	}
	require.Equal(t, 7, c.s.CC.Ssthresh)
	c.pass(100 * ms)
	c.ack(12001)
	c.state(cc.Open)
	require.EqualValues(t, 10, c.s.CC.DeliveredCE)
	require.Zero(t, c.s.Info(c.now).RetransTotal)
}

// A receiver that joins segments acknowledges each flight once. Where that one
// acknowledgement is lost everything waits for a timer, so a window never
// leaves as one super-segment (Linux's tcp_cwnd_test).
func TestAWindowLeavesInTwoPartsAtLeast(t *testing.T) {
	c := newScript(t, Config{SACK: true, MSS: 1000})
	c.gso = 44
	require.Equal(t, 5, c.s.Budget())
	c.write(10000)
	require.Zero(t, c.s.Budget())
	require.Equal(t, 2, c.s.q.len())
	c.s.CC.Cwnd = 1
	require.Zero(t, c.s.Budget())
	c.pass(50 * ms)
	c.ack(10001)
	c.s.CC.Cwnd = 1
	require.Equal(t, 1, c.s.Budget(), "a window of one segment is sent, too")
}

// TCPSlowStartRetrans is what slow start sends again after a timeout, without
// the segment that the timeout itself sends.
func TestTheTimeoutsOwnRetransmissionIsCountedAsATimeout(t *testing.T) {
	c := newScript(t, Config{SACK: true, MSS: 1000, NoTLP: true, NoFRTO: true})
	c.write(3000)
	c.pass(400 * ms)
	k := c.s.past().counters
	require.EqualValues(t, 1, k.Timeouts)
	require.Zero(t, k.SlowStartRetrans)
	c.ack(1001)
	k = c.s.past().counters
	require.EqualValues(t, 2, k.SlowStartRetrans)
	require.Zero(t, k.FastRetrans)
}
