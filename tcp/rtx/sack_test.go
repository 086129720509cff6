package rtx

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/seq"
)

// RFC 2018 4, RFC 2883: blocks that cannot be meant seriously are ignored and
// counted, the others of the same option are used.
func TestSenselessBlocksAreIgnored(t *testing.T) {
	for _, tc := range []struct {
		name       string
		start, end int
	}{
		{"beyond what was sent", 5001, 10002},
		{"reversed", 4001, 3001},
		{"empty", 3001, 3001},
		{"starts at the ACK", 1001, 3001},
		{"starts beyond what was sent", 20001, 3001},
		{"straddles the ACK", 501, 3001},
		{"old, and nothing to undo", 1, 501},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newScript(t, Config{SACK: true})
			c.write(10000)
			c.pass(100 * ms)
			res := c.ack(1001, tc.start, tc.end, 6001, 7001)
			require.Equal(t, 1, res.Sacked)
			c.counts(9+c.extra(), 1, 0, 0)
			require.EqualValues(t, 1, c.s.Info(c.now).Counters.SACKDiscard)
		})
	}
}

// extra returns the segments sent beyond the first ten.
func (c *script) extra() int { return (c.s.CC.SndNxt.Sub(seq.New(1)) - 10000) / 1000 }

// RFC 2018 3: at most four blocks fit; more are not looked at.
func TestFourBlocksAreUsed(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoDupThresh: true})
	c.s.CC.Cwnd = 20
	c.write(20000)
	c.pass(100 * ms)
	require.Equal(t, 4, c.ack(1, 2001, 3001, 4001, 5001, 6001, 7001, 8001, 9001, 10001, 11001).Sacked)
}

// Without SACK on the connection, blocks mean nothing.
func TestBlocksWithoutSACKAreIgnored(t *testing.T) {
	c := newScript(t, Config{})
	c.write(10000)
	c.pass(100 * ms)
	require.Zero(t, c.ack(1, 2001, 5001).Sacked)
	c.counts(10, 1, 0, 0) // a duplicate ACK
}

// An ACK that was overtaken by another still says what arrived.
func TestOldAckWithBlocksIsUsed(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(10000)
	c.pass(100 * ms)
	c.ack(3001)
	sackedBefore := c.s.CC.SackedOut
	res := c.ack(1001, 6001, 8001)
	require.Equal(t, 2, res.Sacked)
	require.Equal(t, sackedBefore+2, c.s.CC.SackedOut)
	require.False(t, res.Advanced)
	require.Zero(t, c.input(&Ack{}, 1001).Delivered)
}

// Older than any window the peer ever offered, it says nothing.
func TestTooOldAckIsIgnored(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.wnd = 4000
	for una := 1; una <= 12001; una += 4000 {
		c.write(4000)
		c.pass(100 * ms)
		c.ack(una + 4000)
	}
	c.write(4000)
	require.Zero(t, c.ack(12000, 18001, 19001).Sacked)
	require.Equal(t, 1, c.ack(12001, 18001, 19001).Sacked)
}

// An ACK of what was never sent changes nothing.
func TestAckBeyondWhatWasSentIsIgnored(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(10000)
	c.ack(10002)
	c.counts(10, 0, 0, 0)
	require.False(t, c.last.Advanced)
}

// RFC 2883 4.2: a duplicate above the ACK is reported inside the second block.
func TestDSACKOfOutOfOrderData(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(6000)
	c.pass(100 * ms)
	c.log = nil
	c.ack(1, 2001, 6001)
	c.sends("1:2001")
	c.counts(6, 4, 2, 2)
	require.Equal(t, 2, c.s.undo.retrans)
	c.pass(100 * ms)
	c.stall = true
	res := c.ack(1, 1001, 2001, 1001, 6001) // 2 came twice, 1 is lost again
	require.True(t, res.DSACK)
	require.Equal(t, 1, res.Sacked)
	require.Equal(t, 1, c.s.undo.retrans)
	require.EqualValues(t, 1, c.s.Info(c.now).Counters.DSACKOfoRecv)
	require.Equal(t, WhyNone, res.Undo)
}

// RFC 2883 5: more duplicates than were ever retransmitted, or larger than any
// window, are the network's doing or a lie.
func TestUnbelievableDSACKsAreIgnored(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(10000)
	c.pass(100 * ms)
	c.ack(4001)
	require.False(t, c.ack(4001, 1, 1001).DSACK, "nothing was retransmitted")
	c = recover3(t, Config{})
	c.wnd = 500
	require.False(t, c.ack(4001, 1, 1001).DSACK, "larger than the window")
	require.EqualValues(t, 1, c.s.Info(c.now).Counters.DSACKIgnored)
}

// A single segment that was covered in part is not delivered.
func TestPartOfASegmentIsNotDelivered(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(10000)
	c.pass(100 * ms)
	c.ack(1, 2501, 4001)
	c.counts(10+c.extra(), 1, 0, 0)
	c.ack(1, 2501, 4501)
	c.counts(10+c.extra(), 1, 0, 0)
	c.ack(1, 2001, 5001)
	require.Equal(t, 3, c.s.CC.SackedOut)
}

// When all of it is acknowledged, the clock of the first segment is gone too.
func TestOldestSent(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	_, ok := c.s.OldestSent()
	require.False(t, ok)
	start := c.now
	c.write(1000)
	c.pass(50 * ms)
	c.write(1000)
	at, ok := c.s.OldestSent()
	require.True(t, ok)
	require.Equal(t, start, at)
	c.pass(50 * ms)
	c.ack(1001)
	at, _ = c.s.OldestSent()
	require.Equal(t, start.Add(50*ms), at)
}

// Calls that come when there is nothing to do are harmless.
func TestNothingOutstanding(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	_, ok := c.s.TailProbe()
	require.False(t, ok)
	_, ok = c.s.NextRetransmit(seq.New(0), 10)
	require.False(t, ok)
	c.s.ProbeRetransmitted(c.now, Range{})
	c.s.Retransmitted(c.now, Range{})
	c.s.Unreachable(c.now)
	require.False(t, c.s.LoseAll(c.now).Retransmit)
	c.timer(TimerNone, 0)
	c.state(cc.Open)
}

func TestNamesForTraces(t *testing.T) {
	require.Equal(t, "rack eifel reorder", WhyRACK.String()+" "+WhyEifel.String()+" "+WhyReorder.String())
	require.Equal(t, "none rto tlp reorder", TimerNone.String()+" "+TimerRTO.String()+" "+
		TimerTLP.String()+" "+TimerReorder.String())
}
