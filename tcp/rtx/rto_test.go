package rtx

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/tcp/cc"
)

// RFC 6298 5.4 to 5.6, RFC 5681 3.1: the first segment again, the RTO doubled,
// the window one segment, ssthresh reduced once.
func TestTimeoutRetransmitsOneSegmentAndBacksOff(t *testing.T) {
	c := newScript(t, Config{Algorithm: cc.NewReno()})
	c.write(20000)
	c.sends("1:10001")
	for i, rto := range []time.Duration{300 * ms, 600 * ms, 1200 * ms, 2400 * ms} {
		c.timer(TimerRTO, rto)
		require.Equal(t, i, c.s.Retransmits())
		require.Equal(t, i, c.s.RTT.Backoffs())
		c.pass(rto)
		c.sends("1:1001")
		c.state(cc.Loss)
		c.window(1, 5)
		c.counts(10, 0, 10, 1)
	}
	info := c.s.Info(c.now)
	require.EqualValues(t, 4, info.Counters.Timeouts)
	require.Equal(t, 1, info.TotalRTORecoveries)
	require.Equal(t, 4, info.TotalRTO)
	require.Equal(t, 4200*ms, info.TotalRTOTime)
	require.EqualValues(t, 4, info.RetransTotal)
	require.EqualValues(t, 4000, info.BytesRetrans)
}

// RFC 6298 5.2, 5.3: an ACK of new data starts the timer anew, that of the
// last turns it off. RFC 6298 5.
func TestTimerFollowsAcks(t *testing.T) {
	c := newScript(t, Config{})
	c.timer(TimerNone, 0)
	c.write(2000)
	c.pass(100 * ms)
	c.ack(1001)
	c.timer(TimerRTO, 300*ms)
	c.pass(50 * ms)
	c.ack(1001) // a duplicate does not
	c.timer(TimerRTO, 250*ms)
	c.ack(2001)
	c.timer(TimerNone, 0)
}

// RFC 5681 3.1: slow start up to ssthresh follows, retransmitting in order.
func TestSlowStartAfterTimeout(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoTLP: true, NoFRTO: true})
	c.write(10000)
	c.pass(300 * ms)
	c.log = nil
	c.pass(100 * ms)
	c.ack(1001)
	c.sends("1001:3001")
	c.window(2, 7)
	c.pass(100 * ms)
	c.ack(3001)
	c.sends("3001:7001")
	c.window(4, 7)
	c.pass(100 * ms)
	c.ack(7001)
	c.sends("7001:10001")
	require.Equal(t, 7, c.s.CC.Cwnd)
	c.pass(100 * ms)
	c.ack(10001)
	c.state(cc.Open)
}

// RFC 5681 3.1: a timeout after progress is another loss, and reduces again.
func TestTimeoutAfterProgressReducesAgain(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoTLP: true, NoFRTO: true, Algorithm: cc.NewReno()})
	c.write(20000)
	c.pass(300 * ms)
	c.window(1, 5)
	c.pass(100 * ms)
	c.ack(1001)
	c.window(2, 5)
	c.pass(700 * ms)
	c.window(1, 2)
}

// A timeout although dupthresh segments are SACKed: dupthresh had grown too
// much, and is the configured one again.
func TestTimeoutInDisorderResetsDupThresh(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoTLP: true})
	c.s.board.reordering = 20
	c.write(10000)
	c.pass(100 * ms)
	c.ack(1, 1001, 6001) // the reordering window is not over
	c.state(cc.Disorder)
	c.s.timer, c.s.timerAt = TimerRTO, c.now
	c.pass(0)
	c.state(cc.Loss)
	require.Equal(t, 3, c.s.Info(c.now).Reordering)
}

// RFC 6298 5.3: the retransmission of the first segment starts the timer anew,
// that of another does not.
func TestRetransmissionOfTheFirstSegmentRestartsTheTimer(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoTLP: true})
	c.write(10000)
	c.pass(100 * ms)
	c.stall = true
	c.ack(1, 2001, 5001)
	c.s.CC.Cwnd = 10
	for i, want := range []string{"1:1001", "1001:2001"} {
		c.pass(10 * ms)
		r, ok := c.s.NextRetransmit(c.wndEnd(), 1)
		require.True(t, ok)
		require.Equal(t, want, r.rangeString())
		c.s.Retransmitted(c.now, r)
		c.timer(TimerRTO, c.s.RTT.RTO()-time.Duration(i)*10*ms)
	}
}

// A SACK of what was sent before the first segment was last sent is a sign of
// life, and restarts the timer.
func TestSACKOfOlderDataRestartsTheTimer(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoTLP: true})
	c.write(10000)
	c.pass(100 * ms)
	c.ack(1, 1001, 4001) // 1 goes again
	c.pass(50 * ms)
	c.ack(1, 1001, 5001)
	c.timer(TimerRTO, c.s.RTT.RTO())
	c.pass(10 * ms)
	c.ack(1, 1001, 5001) // nothing new
	c.timer(TimerRTO, c.s.RTT.RTO()-10*ms)
}

// After a probe that could not be sent, the RTO gets what is left of it.
func TestRTOContinuesAfterAProbe(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(4000)
	c.now = c.now.Add(202 * ms)
	require.True(t, c.s.OnTimer(c.now, TimerTLP).Probe)
	c.timer(TimerRTO, 98*ms) // and nothing was sent
}

// RFC 6298 3 (Karn): an ACK that covers a retransmission gives no sample, even
// if it covers more.
func TestAckOfARetransmissionAndMoreGivesNoSample(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoTLP: true, NoFRTO: true})
	c.write(3000)
	c.pass(400 * ms)
	require.Negative(t, c.ack(3001).RTT)
	require.Equal(t, 100*ms, c.s.RTT.SRTT())
}

// What was sent less than RACK.rtt ago is not marked lost by a timeout.
func TestTimeoutSparesWhatWasSentLately(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoTLP: true})
	c.write(2000)
	c.pass(100 * ms)
	c.ack(1001) // RACK.rtt = 100 ms; the RTO runs from now
	c.pass(250 * ms)
	c.write(2000)
	c.pass(50 * ms)
	c.state(cc.Loss)
	c.counts(3, 0, 1, 1)
	c.window(3, 7)
}

// RFC 5682 3.1: steps 1, 2b, 3b. The originals were delayed, not lost: after
// the first ACK new data is sent, and the second ACK undoes everything.
func TestSpuriousTimeoutIsUndoneByFRTO(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoTLP: true})
	c.write(30000)
	c.sends("1:10001")
	c.pass(300 * ms)
	c.sends("1:1001")
	c.window(1, 7)
	c.pass(20 * ms)
	res := c.ack(1001) // of the originals, but it may be of the copy
	require.True(t, res.SendNewFirst)
	require.Equal(t, WhyNone, res.Undo)
	c.sends("10001:12001")
	c.pass(20 * ms)
	res = c.ack(2001)
	require.Equal(t, WhyFRTO, res.Undo)
	require.Equal(t, WhyFRTO, res.Why)
	c.state(cc.Open)
	require.GreaterOrEqual(t, c.s.CC.Cwnd, 10)
	require.Equal(t, cc.InfiniteSsthresh, c.s.CC.Ssthresh)
	require.Zero(t, c.s.CC.LostOut)
	require.EqualValues(t, 1, c.s.Info(c.now).Counters.SpuriousRTOs)
	require.EqualValues(t, 1, c.s.Info(c.now).RetransTotal)
}

// RFC 5682 3.1 step 3b: an ACK beyond what was retransmitted needs no step 2.
func TestAckOfOriginalsUndoesATimeoutAtOnce(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoTLP: true})
	c.write(30000)
	c.pass(320 * ms)
	require.Equal(t, WhyFRTO, c.ack(2001).Undo)
	c.state(cc.Open)
}

// RFC 5682 3.1 step 3a: a duplicate after the new data means that the timeout
// was real.
func TestGenuineTimeoutIsNotUndoneByFRTO(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoTLP: true})
	c.write(30000)
	c.pass(300 * ms)
	c.log = nil
	c.pass(100 * ms)
	require.True(t, c.ack(1001).SendNewFirst)
	c.sends("10001:12001")
	c.pass(100 * ms)
	res := c.ack(1001, 10001, 11001)
	require.Equal(t, WhyNone, res.Undo)
	require.Equal(t, "1001:2001", c.log[0].rangeString())
	c.state(cc.Loss)
}

// RFC 5682 3.1 step 2b: without new data, or without room for it in the peer's
// window, recovery is conventional. So it is when the connection promised new
// data and sent none.
func TestFRTOWithoutNewDataIsConventional(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoTLP: true})
	c.write(10000)
	c.pass(300 * ms)
	c.log = nil
	require.False(t, c.ack(1001).SendNewFirst)
	c.sends("1001:3001")

	c = newScript(t, Config{SACK: true, NoTLP: true})
	c.write(20000)
	c.pass(300 * ms)
	c.log = nil
	c.stall = true
	require.True(t, c.ack(1001).SendNewFirst)
	c.stall = false
	c.retransmit()
	c.sends("1001:3001")
}

// RFC 5682 3.1 step 1: during an earlier recovery an ACK may answer one of its
// retransmissions, so F-RTO is not tried.
func TestTimeoutInRecoveryIsNotDoubted(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(30000)
	c.pass(100 * ms)
	c.ack(1, 1001, 4001)
	c.state(cc.Recovery)
	c.pass(500 * ms)
	c.state(cc.Loss)
	require.False(t, c.ack(4001).SendNewFirst)
}

// RFC 3522: without F-RTO the timestamp echo undoes the timeout.
func TestSpuriousTimeoutIsUndoneByTimestamp(t *testing.T) {
	c := newScript(t, Config{SACK: true, Timestamps: true, NoTLP: true, NoFRTO: true})
	start := c.now
	c.write(10000)
	c.pass(300 * ms)
	c.state(cc.Loss)
	c.pass(20 * ms)
	res := c.tsAck(start, 1001)
	require.Equal(t, WhyEifel, res.Undo)
	c.state(cc.Open)
	require.GreaterOrEqual(t, c.s.CC.Cwnd, 10)
	require.EqualValues(t, 1, c.s.Info(c.now).Counters.LossUndo)
}

// The echo of the retransmission itself undoes nothing.
func TestTimeoutAnsweredByTheRetransmissionStands(t *testing.T) {
	c := newScript(t, Config{SACK: true, Timestamps: true, NoTLP: true, NoFRTO: true})
	c.write(10000)
	c.pass(300 * ms)
	again := c.now
	c.pass(100 * ms)
	require.Equal(t, WhyNone, c.tsAck(again, 1001).Undo)
	c.state(cc.Loss)
}

// RFC 6298 3 (Karn): a retransmitted segment gives no sample and leaves the
// backoff; the next segment sent once ends it (5.7).
func TestBackoffEndsWithTheNextValidSample(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoTLP: true, NoFRTO: true})
	c.write(1000)
	c.pass(time.Second)
	require.Equal(t, 2, c.s.RTT.Backoffs())
	require.Negative(t, c.ack(1001).RTT)
	require.Equal(t, 2, c.s.RTT.Backoffs())
	require.Zero(t, c.s.Retransmits())
	c.write(1000)
	c.pass(100 * ms)
	require.Equal(t, 100*ms, c.ack(2001).RTT)
	require.Zero(t, c.s.RTT.Backoffs())
}

// RFC 6069 4: the path was broken, not congested. One backoff is taken back,
// and if its time has passed already, the timer fires at once.
func TestUnreachableTakesOneBackoffBack(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoTLP: true})
	c.write(1000)
	c.pass(900 * ms) // timeouts at 300 and 900: RTO is 1200
	c.log = nil
	c.s.Unreachable(c.now)
	c.timer(TimerRTO, 600*ms)
	c.pass(500 * ms)
	c.s.Unreachable(c.now)
	c.timer(TimerRTO, 0)
	c.pass(0)
	c.sends("1:1001")
}

// The give-up decision is the connection's: it sees how often and since when.
func TestRetransmitsAreCountedSinceProgress(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoTLP: true})
	_, ok := c.s.FirstRetransmit()
	require.False(t, ok)
	c.write(5000)
	c.pass(300 * ms)
	first := c.now
	c.pass(600 * ms)
	at, ok := c.s.FirstRetransmit()
	require.True(t, ok)
	require.Equal(t, first, at)
	require.Equal(t, 2, c.s.Retransmits())
	c.ack(1001)
	require.Zero(t, c.s.Retransmits())
}

// A timer that was moved is not obeyed.
func TestStaleTimerDoesNothing(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(5000)
	require.Equal(t, Action{}, c.s.OnTimer(c.now, TimerRTO))
	require.Equal(t, Action{}, c.s.OnTimer(c.now.Add(ms), TimerTLP))
	c.state(cc.Open)
	c.counts(5, 0, 0, 0)
}
