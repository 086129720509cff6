package tcp

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/stat"
	"github.com/stretchr/testify/require"
)

// B40: a connect without patience is in progress, then pending, then reports
// success once, then EISCONN.
func TestConnectWithoutPatienceIsInProgress(t *testing.T) {
	w := newWorld(t)
	w.listen(1)
	to := netip.AddrPortFrom(w.b.addr, 80)
	c := w.a.m.NewSock()
	require.ErrorIs(t, c.Connect(to, hurried()), syscall.EINPROGRESS)
	require.ErrorIs(t, c.Connect(to, hurried()), syscall.EALREADY)
	w.clk.Run(10 * time.Millisecond)
	require.NoError(t, c.Connect(to, hurried()))
	require.ErrorIs(t, c.Connect(to, hurried()), syscall.EISCONN)
}

// B41: a closed port refuses; no route is unreachable. RFC 9293 3.10.1.
func TestConnectFailsAsLinuxDoes(t *testing.T) {
	w := newWorld(t)
	require.ErrorIs(t, w.a.m.NewSock().Connect(netip.AddrPortFrom(w.b.addr, 81), patient()), syscall.ECONNREFUSED)
	require.ErrorIs(t, w.a.m.NewSock().Connect(netip.MustParseAddrPort("10.9.9.9:80"), patient()), syscall.ENETUNREACH)
}

// RFC 6298 5.5, B46: the SYN is sent again six times with exponential backoff,
// after a linear phase of four as Linux has it (tcp_syn_linear_timeouts); then
// ETIMEDOUT.
func TestSynIsRetriedWithBackoffAndThenGivenUp(t *testing.T) {
	w := newWorld(t)
	w.lose = func(*wireSegment) bool { return true }
	w.watch()
	c := w.a.m.NewSock()
	require.ErrorIs(t, c.Connect(netip.AddrPortFrom(w.b.addr, 80), patient()), syscall.ETIMEDOUT)
	syns := w.segments(w.a)
	require.Len(t, syns, 11)
	for i, s := range syns {
		require.Equal(t, SYN, s.flags)
		require.Equal(t, syns[0].seq, s.seq)
		if i > 0 {
			require.GreaterOrEqual(t, s.at.Sub(syns[i-1].at), time.Second)
		}
	}
	require.Equal(t, uint64(1), w.a.env.Stat.Get(stat.TcpAttemptFails))
}

// RFC 9293 figure 8: both sides open at once and get one connection.
func TestSimultaneousOpen(t *testing.T) {
	w := newWorld(t)
	a, b := w.a.m.NewSock(), w.b.m.NewSock()
	require.NoError(t, a.Bind(netip.AddrPortFrom(w.a.addr, 1000)))
	require.NoError(t, b.Bind(netip.AddrPortFrom(w.b.addr, 2000)))
	require.ErrorIs(t, a.Connect(netip.AddrPortFrom(w.b.addr, 2000), hurried()), syscall.EINPROGRESS)
	require.ErrorIs(t, b.Connect(netip.AddrPortFrom(w.a.addr, 1000), hurried()), syscall.EINPROGRESS)
	w.clk.Run(100 * time.Millisecond)
	require.Equal(t, Established, a.State())
	require.Equal(t, Established, b.State())
	require.NoError(t, a.Connect(netip.AddrPortFrom(w.b.addr, 2000), hurried()))
	w.transfer(a, b, 100_000, time.Minute)
	w.transfer(b, a, 100_000, time.Minute)
}

// RFC 9293 figure 13: both sides close at once.
func TestSimultaneousClose(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	require.NoError(t, c.Shutdown(inet.ShutWrite))
	require.NoError(t, s.Shutdown(inet.ShutWrite))
	w.clk.Run(1500 * time.Microsecond)
	require.Equal(t, Closing, c.State())
	require.Equal(t, Closing, s.State())
	w.clk.Run(100 * time.Millisecond)
	require.Equal(t, Closed, c.State(), "a small entry waits in TIME-WAIT")
	require.Equal(t, Closed, s.State())
}

// RFC 7323, RFC 2018: what the peer does not offer is not used. RFC 2018 2, RFC 7323 2, 2.2, 3.2.
func TestOptionsAreUsedOnlyIfBothSidesOfferThem(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.b.env.Sysctl.Set("net.ipv4.tcp_timestamps", "0"))
	require.NoError(t, w.b.env.Sysctl.Set("net.ipv4.tcp_sack", "0"))
	require.NoError(t, w.b.env.Sysctl.Set("net.ipv4.tcp_window_scaling", "0"))
	w.keep = true
	c, s := w.connect()
	syn := w.segments(w.a)[0]
	require.True(t, syn.opts.hasTS && syn.opts.sackPerm && syn.opts.hasWScale && syn.opts.hasMSS)
	require.Equal(t, uint16(1460), syn.opts.mss)
	require.Equal(t, uint16(64240), syn.wnd, "Linux's first window")
	require.Equal(t, uint8(7), syn.opts.wscale)
	answer := w.segments(w.b)[0]
	require.False(t, answer.opts.hasTS || answer.opts.sackPerm || answer.opts.hasWScale)
	w.transfer(c, s, 500_000, time.Minute)
	w.transfer(s, c, 500_000, time.Minute)
	for _, seg := range w.seen[2:] {
		require.False(t, seg.opts.hasTS)
		require.Zero(t, seg.opts.nsack)
	}
}

// B39: calls on a socket that is not connected.
func TestCallsWithoutAConnection(t *testing.T) {
	w := newWorld(t)
	c := w.a.m.NewSock()
	var buf [1]byte
	_, err := c.Recv(buf[:], 0, hurried())
	require.ErrorIs(t, err, syscall.ENOTCONN)
	_, err = c.Send(buf[:], 0, hurried())
	require.ErrorIs(t, err, syscall.EPIPE)
	require.ErrorIs(t, c.Shutdown(inet.ShutWrite), syscall.ENOTCONN)
	_, err = c.Accept(hurried())
	require.ErrorIs(t, err, syscall.EINVAL, "B38")
}

// B38: a listener cannot connect, a connection cannot listen.
func TestListenersAndConnectionsDoNotMix(t *testing.T) {
	w := newWorld(t)
	l := w.listen(1)
	require.ErrorIs(t, l.Connect(netip.AddrPortFrom(w.a.addr, 5), hurried()), syscall.EISCONN)
	c, _ := w.connectTo(l)
	require.ErrorIs(t, c.Listen(1), syscall.EINVAL)
}
