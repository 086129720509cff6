package rtx

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/tcp/cc"
)

// probing is a connection with a probe of 1500 octets at the head of what is
// under way, and smaller segments behind it.
func probing(t *testing.T) *script {
	c := newScript(t, Config{SACK: true, NoTLP: true, InitialWindow: 20})
	require.True(t, c.s.MayProbeMTU())
	nxt := c.s.CC.SndNxt
	r := Range{Start: nxt, End: nxt.Add(1500), MSS: 1500}
	c.sent(r)
	c.s.MTUProbeSent(r)
	require.Equal(t, 19, c.s.CC.Cwnd, "it stands for two")
	require.False(t, c.s.MayProbeMTU(), "one at a time")
	c.write(5000)
	c.pass(100 * ms)
	c.log = nil
	return c
}

// RFC 4821 7.6.1: a probe that arrived lets segments grow; the window keeps its
// octets.
func TestAProbeThatArrivedGrowsSegments(t *testing.T) {
	c := probing(t)
	require.Equal(t, MTUProbeWorked, c.ack(1501).MTUProbe)
	before := c.s.CC.Cwnd
	c.s.GrowMSS(1500, 1040, 1540)
	require.Equal(t, 1500, c.s.MSS())
	require.Equal(t, before*1040/1540, c.s.CC.Cwnd)
	require.Equal(t, MTUProbeNone, c.ack(2501).MTUProbe, "it is told once")
}

// RFC 4821 7.2, 7.3: one that alone is lost is sent again in pieces, without a
// reduction.
func TestAProbeThatIsLostCostsNothing(t *testing.T) {
	c := probing(t)
	res := c.ack(1, 1501, 6501)
	require.Equal(t, MTUProbeFailed, res.MTUProbe)
	c.state(cc.Loss)
	c.window(20, cc.InfiniteSsthresh)
	c.sends("1:1501")
	require.Equal(t, 2, c.s.CC.RetransOut, "two segments")
	c.pass(100 * ms)
	c.ack(6501)
	c.state(cc.Open)
	require.Equal(t, cc.InfiniteSsthresh, c.s.CC.Ssthresh)
}

// A loss before the probe is a loss like any other, and ends the probing.
func TestALossBeforeTheProbeIsCongestion(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoTLP: true, InitialWindow: 20})
	c.write(1000)
	nxt := c.s.CC.SndNxt
	r := Range{Start: nxt, End: nxt.Add(1500), MSS: 1500}
	c.sent(r)
	c.s.MTUProbeSent(r)
	c.write(5000)
	c.pass(100 * ms)
	require.Equal(t, MTUProbeNone, c.ack(1, 1001, 7501).MTUProbe)
	c.state(cc.Recovery)
	require.False(t, c.s.probing())
}
