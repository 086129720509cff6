package rtx

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/tcp/cc"
)

// RFC 3042: each of the first two duplicate ACKs lets a new segment go. When
// it turns out to be reordering, slow start goes on where it was.
func TestLimitedTransmitWithoutSACK(t *testing.T) {
	c := newScript(t, Config{})
	c.write(15000)
	c.sends("1:10001")
	c.pass(110 * ms)
	require.True(t, c.ack(1).Duplicate)
	c.sends("10001:11001")
	c.state(cc.Disorder)
	c.pass(10 * ms)
	c.ack(1)
	c.sends("11001:12001")
	c.pass(10 * ms)
	c.ack(3001)
	c.sends("12001:14001")
	c.state(cc.Open)
	c.window(11, cc.InfiniteSsthresh)
	c.pass(20 * ms)
	c.ack(5001)
	c.sends("14001:15001")
	c.ack(15001)
	c.counts(0, 0, 0, 0)
}

// RFC 6582 3.2: the third duplicate ACK retransmits the first segment, each
// partial ACK the next hole, and the full ACK ends recovery at ssthresh.
func TestNewRenoRetransmitsOneHoleForEachPartialAck(t *testing.T) {
	c := newScript(t, Config{Algorithm: cc.NewReno()})
	c.write(10000)
	c.sends("1:10001")
	c.pass(100 * ms)
	c.ack(1)
	c.ack(1)
	c.sends("")
	c.ack(1) // RFC 5681 3.2 step 2
	c.sends("1:1001")
	c.state(cc.Recovery)
	require.Equal(t, 5, c.s.CC.Ssthresh)
	for range 3 {
		c.ack(1)
	}
	c.sends("")
	c.pass(100 * ms)
	c.ack(3001) // partial: 3001 is lost too
	c.state(cc.Recovery)
	c.sends("3001:4001")
	c.pass(100 * ms)
	c.ack(10001)
	// RFC 6582 3.2 step 3: held until something above is acknowledged.
	c.state(cc.Recovery)
	c.write(1000)
	c.pass(100 * ms)
	c.ack(11001)
	c.state(cc.Open)
	c.counts(0, 0, 0, 0)
	require.Equal(t, 5, c.s.CC.Ssthresh)
}

// RFC 6582 4: duplicate ACKs for the retransmissions of an episode do not
// start another.
func TestDuplicateAcksAfterRecoveryDoNotStartAnother(t *testing.T) {
	c := newScript(t, Config{Algorithm: cc.NewReno()})
	c.write(20000)
	c.pass(100 * ms)
	for range 5 {
		c.ack(1)
	}
	c.state(cc.Recovery)
	end := int(c.s.CC.HighSeq.Uint32())
	c.pass(100 * ms)
	c.ack(end)
	c.log = nil
	ssthresh := c.s.CC.Ssthresh
	for range 4 {
		c.ack(end)
	}
	require.Equal(t, ssthresh, c.s.CC.Ssthresh)
	for _, r := range c.log {
		require.False(t, r.Start.Before(c.s.CC.SndUna))
		require.Equal(t, WhyNone, r.Why, "only new data is sent")
	}
}

// More duplicate ACKs than segments that could cause them: the path reorders,
// and dupthresh follows.
func TestDuplicateAcksBeyondTheFlightRaiseDupthresh(t *testing.T) {
	c := newScript(t, Config{Reordering: 6})
	c.write(5000)
	c.pass(100 * ms)
	for range 6 {
		c.ack(1)
	}
	c.counts(5, 4, 0, 0)
	require.Equal(t, 5, c.s.Info(c.now).Reordering)
	require.NotZero(t, c.s.Info(c.now).ReordSeen)
}

// Duplicate ACKs that receive offload made one of count as many.
func TestMergedDuplicateAcksCountAsMany(t *testing.T) {
	c := newScript(t, Config{})
	c.write(10000)
	c.pass(100 * ms)
	c.log = nil
	c.input(&Ack{Merged: 3}, 1)
	c.state(cc.Recovery)
	c.sends("1:1001")
}

// RFC 5681 2: data, a window update or an advance make an ACK no duplicate.
func TestWhatIsNoDuplicateAck(t *testing.T) {
	c := newScript(t, Config{})
	c.write(10000)
	c.pass(100 * ms)
	for range 4 {
		require.False(t, c.input(&Ack{Data: true}, 1).Duplicate)
		require.False(t, c.input(&Ack{WindowUpdate: true}, 1).Duplicate)
	}
	require.False(t, c.ack(1001).Duplicate)
	c.state(cc.Open)
	c.counts(9, 0, 0, 0)
}
