package rtx

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/tcp/cc"
)

// expire has the retransmission timeout come now, whatever the timer was for.
func (c *script) expire() {
	c.s.timer, c.s.timerAt = TimerRTO, c.now
	c.pass(0)
}

// What the first timeout of a run ends is counted (tcp_retransmit_timer).
func TestTimeoutsAreCountedByWhatTheyEnd(t *testing.T) {
	for name, run := range map[string]struct {
		sack bool
		play func(c *script)
		want Counters
	}{
		"open":            {true, func(c *script) {}, Counters{}},
		"disorder":        {true, func(c *script) { c.ack(1, 1001, 2001) }, Counters{SACKFailures: 1}},
		"disorder, Reno":  {false, func(c *script) { c.ack(1) }, Counters{RenoFailures: 1}},
		"recovery":        {true, func(c *script) { c.ack(1, 1001, 9001) }, Counters{SACKRecoveryFail: 1}},
		"recovery, Reno":  {false, func(c *script) { c.ack(1); c.ack(1); c.ack(1) }, Counters{RenoRecoveryFail: 1}},
		"loss, with news": {true, func(c *script) { c.expire(); c.pass(100 * ms); c.ack(1001); c.s.rto.retransmits = 0 }, Counters{LossFailures: 1}},
	} {
		c := newScript(t, Config{SACK: run.sack, NoTLP: true, NoFRTO: true})
		c.write(10000)
		c.pass(100 * ms)
		run.play(c)
		c.expire()
		c.state(cc.Loss)
		got := c.s.past().counters
		require.Equal(t, run.want, Counters{SACKFailures: got.SACKFailures, RenoFailures: got.RenoFailures,
			SACKRecoveryFail: got.SACKRecoveryFail, RenoRecoveryFail: got.RenoRecoveryFail, LossFailures: got.LossFailures}, name)
	}
}

// TCPDSACKRecvSegs counts segments, where TCPDSACKRecv counts reports.
func TestDuplicateSegmentsAreCounted(t *testing.T) {
	c := newScript(t, Config{SACK: true, NoTLP: true})
	c.write(10000)
	c.pass(100 * ms)
	c.log = nil
	c.ack(1, 2001, 10001)
	c.sends("1:2001")
	c.ack(10001)
	require.True(t, c.ack(10001, 1, 2001).DSACK)
	require.EqualValues(t, 1, c.s.past().counters.DSACKRecv)
	require.EqualValues(t, 2, c.s.past().counters.DSACKSegs)
}
