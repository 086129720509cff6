package rtx

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/tcp/cc"
)

// RFC 1191 6.5: segments that are too large for the path are sent again, cut
// anew, at once; the window in segments stays.
func TestPathMTUResendsSmallerWithoutReduction(t *testing.T) {
	for _, sack := range []bool{true, false} {
		c := newScript(t, Config{SACK: sack, MSS: 1460})
		c.write(14600)
		c.sends("1:14601")
		c.pass(50 * ms)
		act := c.s.PathMTU(c.now, 1160)
		require.True(t, act.Retransmit)
		require.Equal(t, WhyPMTU, act.Why)
		c.retransmit()
		c.sends("1:10781") // ten segments: the first half ends with a short one
		require.Equal(t, 10, c.s.CC.Cwnd)
		checkInvariants(t, &c.s)
		c.pass(100 * ms)
		c.ack(10781)
		c.sends("10781:14601")
		c.pass(100 * ms)
		c.ack(14601)
		if sack { // else held, RFC 6582
			c.state(cc.Open)
		}
		require.Equal(t, cc.InfiniteSsthresh, c.s.CC.Ssthresh)
	}
}

// Segments that fit are left alone.
func TestPathMTUSparesWhatFits(t *testing.T) {
	c := newScript(t, Config{SACK: true, MSS: 1000})
	c.gso = 1
	c.write(3500)
	act := c.s.PathMTU(c.now, 1000)
	require.False(t, act.Retransmit)
	c.state(cc.Open)
	c.s.PathMTU(c.now, 600)
	c.counts(4, 0, 3, 0)
}

// A smaller segment size recounts a range only when it is sent again.
func TestSetMSSAppliesToRetransmissions(t *testing.T) {
	c := newScript(t, Config{SACK: true, MSS: 1000, NoTLP: true})
	c.write(4000)
	c.s.SetMSS(400)
	c.counts(4, 0, 0, 0)
	c.log = nil
	c.pass(300 * ms)
	c.sends("1:401")
	require.Equal(t, 10, c.s.CC.PacketsOut)
	c.pass(50 * ms)
	c.ack(401)
	c.sends("401:1201")
	checkInvariants(t, &c.s)
}

// Small segments that were sent one by one leave as one when they are sent
// again, FIN included; what is SACKed stays out.
func TestRetransmissionCollapsesSmallSegments(t *testing.T) {
	c := newScript(t, Config{SACK: true, MSS: 1000, NoTLP: true})
	for range 5 {
		c.write(200)
	}
	c.finish()
	c.counts(6, 0, 0, 0)
	c.log = nil
	c.pass(300 * ms)
	require.Len(t, c.log, 1)
	require.Equal(t, "1:1002", c.log[0].rangeString())
	require.Equal(t, PSH|FIN, c.log[0].Flags)
	c.counts(1, 0, 1, 1)

	c = newScript(t, Config{SACK: true, MSS: 1000, NoTLP: true})
	for range 5 {
		c.write(200)
	}
	c.pass(100 * ms)
	c.ack(1, 601, 801)
	c.log = nil
	c.pass(300 * ms)
	require.Equal(t, "1:601", c.log[0].rangeString())

	c = newScript(t, Config{SACK: true, MSS: 1000, NoTLP: true, NoCollapse: true})
	c.write(200)
	c.write(200)
	c.log = nil
	c.pass(300 * ms)
	require.Equal(t, "1:201", c.log[0].rangeString())
}

// The peer's window bounds retransmissions, except for the first segment,
// which serves as a probe when the window was closed.
func TestRetransmissionsRespectThePeersWindow(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoTLP: true, NoFRTO: true})
	c.write(10000)
	c.log = nil
	c.wnd = 0
	c.pass(300 * ms)
	c.sends("1:1001")
	c.wnd = 1500
	c.pass(100 * ms)
	c.ack(1001)
	c.sends("1001:2501")
	c.wnd = 2500
	c.s.CC.Cwnd = 10
	c.pass(100 * ms)
	c.ack(2501)
	require.Equal(t, []int{2000, 500}, []int{c.log[0].Len(), c.log[1].Len()}, "full segments apart from the rest")
	c.log = nil
	c.wnd = 1 << 20
	c.pass(100 * ms)
	c.ack(5001)
	c.sends("5001:10001")
}

// What was acknowledged of a segment is not sent again.
func TestPartlyAcknowledgedSegmentIsTrimmed(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoTLP: true})
	c.write(3000)
	c.pass(100 * ms)
	c.ack(1501)
	c.counts(2, 0, 0, 0)
	c.ack(1501)
	c.log = nil
	c.pass(400 * ms)
	c.sends("1501:2501")
	c.ack(1801)
	c.pass(600 * ms)
	c.sends("1801:2501")
}
