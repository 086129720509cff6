package rtx

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/tcp/cc"
)

// RFC 2018 8: the ACK stops short of what was SACKed. Half a round trip later
// all SACKs are forgotten and everything is sent again.
func TestRenegingForgetsAllSACKs(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoFRTO: true})
	c.write(10000)
	c.pass(100 * ms)
	c.ack(1, 1001, 4001, 6001, 7001)
	c.log = nil
	c.pass(100 * ms)
	c.ack(1001)
	c.timer(TimerRTO, 50*ms)
	c.counts(9, 4, c.s.CC.LostOut, c.s.CC.RetransOut)
	c.pass(50 * ms)
	c.state(cc.Loss)
	require.Equal(t, WhyReneging, c.action.Why)
	c.counts(9, 0, 9, 1)
	require.EqualValues(t, 1, c.s.Info(c.now).Counters.SACKReneging)
	c.log = nil
	c.pass(100 * ms)
	c.ack(2001)
	c.sends("2001:4001")
	c.pass(100 * ms)
	c.ack(10001)
	c.state(cc.Open)
}

// It may be that only ACKs were reordered: an ACK that does cover what was
// SACKed arrives in time, and nothing happens.
func TestOvertakenAcksAreNotReneging(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(10000)
	c.pass(100 * ms)
	c.ack(1, 1001, 4001)
	c.ack(1001)
	c.timer(TimerRTO, 50*ms)
	c.pass(10 * ms)
	c.ack(4001)
	c.pass(30 * ms)
	require.Zero(t, c.s.Info(c.now).Counters.SACKReneging)
	c.ack(10001)
	c.state(cc.Open)
}
