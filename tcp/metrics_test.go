package tcp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/slankdev/ministack/tcp/cc"
	"github.com/stretchr/testify/require"
)

// closeBoth ends a connection in order, from c's side first.
func (w *world) closeBoth(c, s *Conn) {
	require.NoError(w.t, c.Close(nil))
	w.clk.Run(time.Second)
	require.NoError(w.t, s.Close(nil))
	w.clk.Run(time.Second)
}

// RFC 9040 3.1: the next connection's first RTO covers the round trip that the
// last one saw, though its own SYN was faster (tcp_init_metrics).
func TestTheNextConnectionBeginsWithTheRoundTripOfTheLast(t *testing.T) {
	w := newWorld(t)
	l := w.listen(16)
	w.delay = 200 * time.Millisecond
	c, s := w.connectTo(l)
	w.transfer(c, s, 1000, time.Minute)
	w.closeBoth(c, s)
	require.Len(t, w.a.m.Metrics(), 1)
	known := w.a.m.Metrics()[0]
	require.Equal(t, w.b.addr, known.Peer)
	require.InDelta(t, 400, known.SRTT.Milliseconds(), 45)
	require.GreaterOrEqual(t, known.RTTVar, known.SRTT/2, "of the first connection it is a guess")

	w.delay = time.Millisecond
	c, _ = w.connectTo(l)
	require.Less(t, c.tx.RTT.SRTT(), 10*time.Millisecond, "the estimate is the handshake's")
	require.InDelta(t, 3*known.SRTT.Seconds(), c.tx.RTT.RTO().Seconds(), 0.01, "RTT + max(2*RTT, RTO.min)")
	w.send(c, 10, time.Second)
	require.Less(t, c.tx.RTT.RTO(), 300*time.Millisecond, "until data was measured")
	c.Abort()
	require.NoError(t, l.Close(nil))
}

// tcp_no_metrics_save: nothing is kept.
func TestMetricsCanBeSwitchedOff(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_no_metrics_save", "1")
	c, s := w.connect()
	w.closeBoth(c, s)
	require.Empty(t, w.a.m.Metrics())
	require.Empty(t, w.b.m.Metrics())
}

// tcp_update_metrics: a connection that ends by a reset teaches nothing.
func TestAnAbortedConnectionLeavesNoMetrics(t *testing.T) {
	w := newWorld(t)
	c, _ := w.connect()
	c.Abort()
	w.clk.Run(time.Second)
	require.Empty(t, w.a.m.Metrics())
	require.Empty(t, w.b.m.Metrics())
}

// tcp_no_ssthresh_metrics_save = 0: slow start ends where the last connection
// left congestion avoidance. By default it does not.
func TestTheSlowStartThresholdIsRememberedWhereAsked(t *testing.T) {
	for setting, want := range map[string]int{"0": 20, "1": cc.InfiniteSsthresh} {
		w := newWorld(t, "net.ipv4.tcp_no_ssthresh_metrics_save", setting)
		l := w.listen(16)
		c, s := w.connectTo(l)
		w.transfer(c, s, 1000, time.Minute)
		c.tx.CC.Ssthresh, c.tx.CC.Cwnd = 15, 40 // congestion avoidance
		w.closeBoth(c, s)
		c, _ = w.connectTo(l)
		require.Equal(t, want, c.tx.CC.Ssthresh, "the larger of half the window and the threshold")
		require.Equal(t, 40/2, w.a.m.Metrics()[0].Cwnd, "halfway to the new figure")
		c.Abort()
		require.NoError(t, l.Close(nil))
	}
}

// tcp_update_metrics: a longer round trip is taken at once, a shorter one by
// an eighth; the deviation likewise by a quarter.
func TestSavedRoundTripsRatherStayLong(t *testing.T) {
	const ms = time.Millisecond
	p := pathMetrics{srtt: 80 * ms, rttvar: 40 * ms}
	p.saveRTT(160*ms, 10*ms)
	require.Equal(t, 160*ms, p.srtt)
	require.Equal(t, 80*ms, p.rttvar, "the jump is a deviation, too")
	p.saveRTT(80*ms, 10*ms)
	require.Equal(t, 150*ms, p.srtt)
	p.saveRTT(146*ms, 40*ms)
	require.Equal(t, 70*ms, p.rttvar)
}

// TCP_METRICS_TIMEOUT: figures of more than an hour ago say nothing.
func TestMetricsGrowStale(t *testing.T) {
	w := newWorld(t)
	l := w.listen(16)
	w.delay = 200 * time.Millisecond
	c, s := w.connectTo(l)
	w.transfer(c, s, 1000, time.Minute)
	w.closeBoth(c, s)
	w.delay = time.Millisecond
	w.clk.Run(time.Hour + time.Minute)
	c, _ = w.connectTo(l)
	require.Less(t, c.tx.RTT.RTO(), 300*time.Millisecond)
	c.Abort()
	require.NoError(t, l.Close(nil))
}

// The cache is bounded: who was asked for least recently goes first.
func TestMetricsForgetThePeerUsedLeastRecently(t *testing.T) {
	w := newWorld(t)
	m := w.a.m
	peer := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}) }
	first := m.metricsFor(peer(0))
	first.fastOpenCookie = []byte("cookie")
	for i := 1; i < maxMetrics; i++ {
		m.metricsFor(peer(i))
	}
	require.Same(t, first, m.metricsFor(peer(0)), "used again")
	m.metricsFor(peer(maxMetrics))
	require.Len(t, m.Metrics(), maxMetrics)
	require.NotNil(t, m.metrics.known(peer(0)))
	require.Nil(t, m.metrics.known(peer(1)))
	require.Equal(t, []byte("cookie"), m.fastOpenOf(peer(0)).cookie)
	m.ForgetMetrics(peer(0))
	require.Nil(t, m.metrics.known(peer(0)))
	m.ForgetMetrics(netip.Addr{})
	require.Empty(t, m.Metrics())
}
