package rtx

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/tcp/cc"
)

// recover3 brings a connection of ten segments into recovery by SACKs of 2 to
// 4, with the first retransmitted.
func recover3(t *testing.T, cfg Config) *script {
	cfg.SACK = true
	c := newScript(t, cfg)
	c.write(10000)
	c.pass(100 * ms)
	c.log = nil
	c.ack(1, 1001, 4001)
	c.sends("1:1001")
	c.state(cc.Recovery)
	c.window(7, 7)
	return c
}

// RFC 3522, RFC 4015: the ACK that ends recovery echoes the original. Window
// and threshold return to what they were.
func TestRecoveryIsUndoneByTimestamp(t *testing.T) {
	c := recover3(t, Config{Timestamps: true})
	start := c.now.Add(-100 * ms)
	c.pass(10 * ms)
	res := c.tsAck(start, 10001)
	require.Equal(t, WhyEifel, res.Undo)
	c.state(cc.Open)
	c.window(10+7, cc.InfiniteSsthresh) // the ACK delivers seven
	require.EqualValues(t, 1, c.s.Info(c.now).Counters.FullUndo)
	require.False(t, c.s.TakeCWR(), "there is no reduction to tell the peer of")
}

// RFC 3708: the reduction is undone when each retransmission was reported as a
// duplicate, also after recovery has ended.
func TestRecoveryIsUndoneByDSACK(t *testing.T) {
	for _, during := range []bool{true, false} {
		c := recover3(t, Config{})
		c.pass(10 * ms)
		c.ack(4001)
		if !during {
			c.ack(10001)
			c.state(cc.Open)
			c.write(1000)
		}
		c.pass(90 * ms)
		una := int(c.s.CC.SndUna.Uint32())
		res := c.ack(una, 1, 1001)
		require.True(t, res.DSACK)
		require.Equal(t, WhyDSACK, res.Undo)
		c.state(cc.Open)
		require.Equal(t, cc.InfiniteSsthresh, c.s.CC.Ssthresh)
		require.GreaterOrEqual(t, c.s.CC.Cwnd, 10)
		require.EqualValues(t, 1, c.s.Info(c.now).Counters.DSACKUndo)
	}
}

// A duplicate of one of two retransmissions proves nothing of the other.
func TestOneDSACKForTwoRetransmissionsUndoesNothing(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(6000)
	c.pass(100 * ms)
	c.log = nil
	c.ack(1, 2001, 6001)
	c.sends("1:2001")
	c.pass(100 * ms)
	require.Equal(t, WhyNone, c.ack(6001, 1, 1001).Undo)
	require.Zero(t, c.last.Sacked, "what is acknowledged is not SACKed as well")
	require.NotEqual(t, cc.InfiniteSsthresh, c.s.CC.Ssthresh)
	require.Equal(t, WhyDSACK, c.ack(6001, 1001, 2001).Undo)
	require.Equal(t, cc.InfiniteSsthresh, c.s.CC.Ssthresh)
}

// A tail loss probe before recovery counts: its duplicate alone undoes nothing.
func TestProbeCountsAsARetransmissionForUndo(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(10000)
	c.pass(202 * ms)
	c.pass(10 * ms)
	c.ack(1, 1001, 4001)
	c.state(cc.Recovery)
	c.pass(10 * ms)
	require.Equal(t, WhyNone, c.ack(10001, 9001, 10001).Undo)
	require.Equal(t, WhyDSACK, c.ack(10001, 1, 1001).Undo)
}

// RFC 8985 6.2 step 2: an ACK that echoes the original says nothing of the
// retransmission, and RACK does not advance to it.
func TestRACKIgnoresNeedlessRetransmissions(t *testing.T) {
	for _, original := range []bool{true, false} {
		c := recover3(t, Config{Timestamps: true})
		first, again := c.now.Add(-100*ms), c.now
		c.pass(100 * ms)
		if original {
			c.tsAck(first, 4001)
			require.Equal(t, first, c.s.rack.sent)
		} else {
			c.tsAck(again, 4001)
			require.Equal(t, again, c.s.rack.sent)
		}
	}
}

// A partial ACK of an original: what was lost is unmarked, and recovery ends,
// unless a retransmission is out that may yet explain it.
func TestPartialUndo(t *testing.T) {
	c := newScript(t, Config{SACK: true, Timestamps: true})
	start := c.now
	c.write(10000)
	c.pass(100 * ms)
	c.stall = true // the retransmission waits in the device
	c.tsAck(start, 1, 2001, 5001)
	c.state(cc.Recovery)
	c.counts(10, 3, 2, 0)
	c.stall = false
	c.pass(5 * ms)
	res := c.tsAck(start, 1001, 2001, 5001)
	require.Equal(t, WhyEifel, res.Undo)
	c.window(10+1, cc.InfiniteSsthresh)
	c.state(cc.Disorder)
	require.EqualValues(t, 1, c.s.Info(c.now).Counters.PartialUndo)

	c = recover3(t, Config{Timestamps: true})
	require.Equal(t, WhyNone, c.tsAck(c.now.Add(-100*ms), 1001, 2001, 4001).Undo,
		"the retransmission itself was acknowledged: nothing is out")
}

// RFC 3168: echoed congestion is no illusion. Nothing is undone.
func TestECNForbidsUndo(t *testing.T) {
	c := recover3(t, Config{Timestamps: true})
	start := c.now.Add(-100 * ms)
	c.pass(10 * ms)
	a := &Ack{ECE: true, TSEcr: uint32(start.Milliseconds()), HasTSEcr: true}
	c.input(a, 10001)
	c.state(cc.CWR) // reduced from seven, not from ten again
	require.Equal(t, 4, c.s.CC.Ssthresh)
}

// RFC 8985 6.2 step 4: a DSACK widens RACK's reordering window by a quarter of
// the minimum RTT, once a round trip, for sixteen recoveries; but only on a
// path that was seen to reorder.
func TestDSACKWidensTheReorderingWindow(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.s.board.reordSeen = 1
	for i, next := range []int{1, 10001, 20001, 30001, 40001} {
		c.write(10000)
		c.pass(100 * ms)
		c.ack(next, next+1000, next+4000)
		wait := min(25*ms*time.Duration(i+1), c.s.CC.SRTT) + timerSlack
		c.timer(TimerReorder, wait)
		c.pass(wait)
		c.state(cc.Recovery)
		c.pass(40 * ms)
		require.Equal(t, WhyDSACK, c.ack(next+10000, next, next+1000).Undo)
	}
	require.EqualValues(t, reoPersistence, c.s.rack.persist)
	for range reoPersistence { // recoveries that were needed
		c.state(cc.Open)
		c.s.CC.Cwnd = 10
		next := int(c.s.CC.SndNxt.Uint32())
		c.write(10000)
		c.pass(100 * ms)
		c.ack(next, next+1000, next+10000)
		c.pass(200 * ms)
		c.ack(next + 10000)
	}
	require.Zero(t, c.s.rack.persist)
	c.write(1000)
	c.pass(100 * ms)
	c.ack(int(c.s.CC.SndNxt.Uint32()))
	require.EqualValues(t, 1, c.s.rack.steps)
}

// RFC 8985 6.2 step 4 with net.ipv4.tcp_recovery & 2: the window stays.
func TestStaticReorderingWindow(t *testing.T) {
	c := newScript(t, Config{SACK: true, StaticReoWnd: true})
	c.s.board.reordSeen = 1
	c.s.rack.dsackSeen = true
	c.write(1000)
	c.pass(100 * ms)
	c.ack(1001)
	require.Equal(t, 25*ms, c.s.reoWnd())
}

// RFC 8985 6.2 step 4 with net.ipv4.tcp_recovery & 4: even dupthresh SACKs do
// not end the wait.
func TestNoDupThreshWaitsWhateverIsSacked(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoDupThresh: true})
	c.write(10000)
	c.pass(100 * ms)
	c.log = nil
	c.ack(1, 1001, 8001)
	c.sends("")
	c.state(cc.Disorder)
	c.timer(TimerReorder, 27*ms)
	c.pass(27 * ms)
	c.state(cc.Recovery)
}
