package rtx

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/seq"
)

// newActive is a connection that has just sent its SYN.
func newActive(t *testing.T, cfg Config) *script {
	cfg.MSS, cfg.Algorithm = 1000, cc.NewCubic()
	c := &script{t: t, now: clock.Time(time.Second), wnd: 1 << 20, gso: 64}
	c.s.Init(c.now, cfg, seq.New(0))
	c.sent(Range{Start: seq.New(0), End: seq.New(1), Flags: SYN})
	c.log = nil
	return c
}

// RFC 6298 5.5 with Linux's net.ipv4.tcp_syn_linear_timeouts = 4: a second
// five times, then doubled.
func TestSYNIsRetransmittedLinearlyThenExponentially(t *testing.T) {
	c := newActive(t, Config{})
	var waits []time.Duration
	for range 8 {
		kind, at := c.s.NextTimer()
		require.Equal(t, TimerRTO, kind)
		waits = append(waits, at.Sub(c.now))
		c.pass(at.Sub(c.now))
		c.sends("0:1")
	}
	s := time.Second
	require.Equal(t, []time.Duration{s, s, s, s, s, 2 * s, 4 * s, 8 * s}, waits)
	require.Equal(t, 8, c.s.Retransmits())
	first, ok := c.s.FirstRetransmit()
	require.True(t, ok)
	require.Equal(t, clock.Time(time.Second), first, "the handshake began with the first SYN")
}

// RFC 6298 3 (Karn): a SYN that was repeated gives no sample, and the RTO is
// 3 s then (5.7). With timestamps it does give one (RFC 7323 4).
func TestRepeatedSYNGivesASampleOnlyByTimestamp(t *testing.T) {
	for _, ts := range []bool{false, true} {
		c := newActive(t, Config{})
		c.pass(time.Second)
		c.pass(80 * ms)
		c.s.Negotiate(true, ts)
		c.tsAck(c.now.Add(-80*ms), 1)
		c.s.Established(c.now)
		if ts {
			require.Equal(t, 80*ms, c.last.RTT)
			require.Equal(t, 280*ms, c.s.RTT.RTO())
		} else {
			require.Negative(t, c.last.RTT)
			require.Equal(t, 3*time.Second, c.s.RTT.RTO())
		}
	}
}

// RFC 3522: the SYN-ACK that echoes the first SYN shows that repeating it was
// needless; the window is the initial one.
func TestSpuriousSYNTimeoutKeepsTheInitialWindow(t *testing.T) {
	c := newActive(t, Config{})
	start := c.now
	c.pass(2500 * ms) // two retransmissions
	c.s.Negotiate(true, true)
	c.tsAck(start, 1)
	c.s.Established(c.now)
	c.window(10, cc.InfiniteSsthresh)
	c.state(cc.Open)
}

// RFC 7413 4.2.1: the SYN-ACK left the SYN's data out. It is sent again at
// once, and congestion is not to blame.
func TestDataOfTheSYNIsRetransmittedAtOnce(t *testing.T) {
	c := newActive(t, Config{SACK: true})
	c.sent(Range{Start: seq.New(1), End: seq.New(501)})
	c.counts(2, 0, 0, 0)
	c.log = nil
	c.pass(50 * ms)
	require.True(t, c.ack(1).SynAcked)
	c.s.Established(c.now)
	act := c.s.LoseAll(c.now)
	require.True(t, act.Retransmit)
	c.retransmit()
	c.sends("1:501")
	c.window(10, cc.InfiniteSsthresh)
	c.pass(50 * ms)
	c.ack(501)
	c.state(cc.Open)
	c.counts(0, 0, 0, 0)
}

// The flags of what was sent come back with its retransmission: PSH and FIN
// belong to the last octet.
func TestRetransmissionsKeepTheirFlags(t *testing.T) {
	c := newScript(t, Config{SACK: true})
	c.write(2500)
	c.finish()
	c.counts(4, 0, 0, 0)
	c.pass(100 * ms)
	c.log = nil
	c.pass(time.Minute) // the timer fires again and again
	require.Zero(t, c.log[len(c.log)-1].Flags)
	c.log = nil
	for una := 1001; una <= 2001; una += 1000 {
		c.pass(50 * ms)
		c.ack(una)
	}
	require.Equal(t, []Flags{PSH, FIN}, []Flags{c.log[0].Flags, c.log[1].Flags})
	require.Equal(t, []int{1500, 0}, []int{c.log[0].Len(), c.log[1].Len()})
	c.ack(2502)
	c.counts(0, 0, 0, 0)
	require.True(t, c.last.AllAcked)
	c.timer(TimerNone, 0)
}
