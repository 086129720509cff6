package tcp

import (
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/stat"
	"github.com/stretchr/testify/require"
)

// Options and settings by what they do on the wire; what they take and return
// is held against the kernel's in test/wire.

// SO_REUSEPORT (socket(7)): connections are shared out evenly among the
// listeners of a port, and what belongs to one connection goes to one listener.
func TestListenersOfAPortShareItsConnections(t *testing.T) {
	const listeners, conns = 4, 400
	w := newWorld(t)
	var all [listeners]*Conn
	for i := range all {
		all[i] = w.b.m.NewSock()
		all[i].Options.ReusePort = true
		require.NoError(t, all[i].Bind(at(w.b, 80)))
		require.NoError(t, all[i].Listen(conns))
	}
	for range conns {
		require.NoError(t, w.a.m.NewSock().Connect(at(w.b, 80), patient()))
	}
	w.clk.Run(time.Second)
	total := 0
	for i, l := range all {
		n := len(l.listener.accept)
		require.InDelta(t, conns/listeners, n, 40, "listener %d", i)
		total += n
	}
	require.Equal(t, conns, total)
	for _, l := range all {
		require.NoError(t, l.Close(nil))
	}
}

// tcp_abort_on_overflow: a connection that finds no room in the accept queue is
// reset, or left to try again (RFC 9293 3.10.7.2).
func TestAnOverflowIsSilentOrResets(t *testing.T) {
	for setting, resets := range map[string]int{"0": 0, "1": 1} {
		w := newWorld(t, "net.ipv4.tcp_abort_on_overflow", setting)
		l := w.listen(2)
		for range 2 {
			require.NoError(t, w.a.m.NewSock().Connect(at(w.b, 80), patient()))
		}
		w.clk.Run(time.Second)
		w.lose = func(s *wireSegment) bool { return s.from == w.a && s.flags == ACK }
		for range 2 { // there is room for one, and both are half-open before it is taken
			require.Error(t, w.a.m.NewSock().Connect(at(w.b, 80), hurried()))
		}
		w.clk.Run(100 * time.Millisecond)
		w.lose = nil
		w.clk.Run(3 * time.Second)
		require.Equal(t, resets, w.b.get(stat.TcpOutRsts), "tcp_abort_on_overflow = %s", setting)
		require.NoError(t, l.Close(nil))
	}
}

// TCP_WINDOW_CLAMP: no window is larger (RFC 9293 3.8.6).
func TestTheWindowStaysBelowItsClamp(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	require.NoError(t, s.SetOption(OptWindowClamp, 20_000))
	w.transfer(c, s, 100_000, time.Minute) // what was offered before is not taken back
	w.watch()
	w.transfer(c, s, 1<<20, time.Minute)
	for _, g := range w.segments(w.b) {
		require.LessOrEqual(t, int(g.wnd)<<s.rcv.wscale, 20_000+1<<s.rcv.wscale)
	}
}

// TCP_NOTSENT_LOWAT, by the option and by the setting: a user who writes while
// the socket is writable leaves so much waiting unsent, and no more. A send that
// does not ask still fills the last super-segment, as on Linux.
func TestWhatWaitsUnsentIsBounded(t *testing.T) {
	for _, setting := range []string{"4294967295", "10000"} {
		w := newWorld(t, "net.ipv4.tcp_notsent_lowat", setting)
		c, _ := w.connect()
		if setting != "10000" {
			require.NoError(t, c.SetOption(OptNotSentLowat, 10_000))
		}
		w.lose = func(s *wireSegment) bool { return true }
		for c.Poll()&inet.PollOut != 0 {
			_, err := c.Send(make([]byte, 1000), 0, hurried())
			require.NoError(t, err)
		}
		waits := c.sendq.end.Sub(c.snd.nxt)
		require.GreaterOrEqual(t, waits, 10_000)
		require.Less(t, waits, 11_000)
		for {
			if _, err := c.Send(make([]byte, 1000), 0, hurried()); err != nil {
				break
			}
		}
		require.Less(t, c.sendq.end.Sub(c.snd.nxt), 10_000+c.sizeGoal())
	}
}

// MSG_MORE (send(2)) holds a small segment back for what follows, as TCP_CORK
// does, but for this call only.
func TestMoreToComeHoldsSmallSegments(t *testing.T) {
	w := newWorld(t)
	c, _ := w.connect()
	require.NoError(t, c.SetOption(OptNoDelay, 1))
	w.watch()
	_, err := c.Send(make([]byte, 100), inet.MsgMore, hurried())
	require.NoError(t, err)
	require.Empty(t, w.segments(w.a))
	w.send(c, 100, 0)
	require.Len(t, w.segments(w.a), 1)
	require.Len(t, w.segments(w.a)[0].payload, 200)
}

// IP_MTU_DISCOVER (ip(7)): only IP_PMTUDISC_DONT lets routers fragment (RFC
// 1191 3).
func TestDontFragmentFollowsPathMTUDiscovery(t *testing.T) {
	for value, df := range map[uint8]bool{inet.PMTUDont: false, inet.PMTUWant: true, inet.PMTUDo: true, inet.PMTUProbe: true} {
		w := newWorld(t)
		c, _ := w.connect()
		c.Options.MTUDiscover = value
		w.send(c, 100, 0)
		require.Equal(t, df, c.networkHeader(0).DF, "IP_MTU_DISCOVER = %d", value)
	}
}

// tcp_slow_start_after_idle (RFC 2861 2, RFC 5681 4.1).
func TestTheWindowAfterIdleness(t *testing.T) {
	for setting, restarts := range map[string]bool{"1": true, "0": false} {
		w := newWorld(t, "net.ipv4.tcp_slow_start_after_idle", setting)
		c, s := w.connect()
		w.transfer(c, s, 1<<20, time.Minute)
		before := c.tx.CC.Cwnd
		w.clk.Run(time.Minute)
		w.send(c, 100, 0)
		require.Greater(t, before, 20)
		require.Equal(t, restarts, c.tx.CC.Cwnd < before, "from %d to %d", before, c.tx.CC.Cwnd)
	}
}

// tcp_pacing_ss_ratio and tcp_pacing_ca_ratio: percents of a window each round
// trip.
func TestPacingFollowsItsRatios(t *testing.T) {
	for _, ratio := range []int{120, 200, 400} {
		text := strconv.Itoa(ratio)
		w := newWorld(t, "net.ipv4.tcp_pacing_ss_ratio", text, "net.ipv4.tcp_pacing_ca_ratio", text)
		c, s := w.connect()
		w.transfer(c, s, 300_000, time.Minute)
		st := &c.tx.CC
		want := float64(ratio) / 100 * float64(max(st.Cwnd, st.PacketsOut)*st.MSS) / c.tx.RTT.SRTT().Seconds()
		require.InEpsilon(t, want, float64(st.PacingRate), 0.25, "%d %%", ratio)
	}
}

// tcp_rto_min_us and tcp_rto_max_ms (RFC 6298 2.4, 2.5).
func TestTheStackBoundsTimeouts(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_rto_min_us", "20000", "net.ipv4.tcp_rto_max_ms", "1000")
	c, s := w.connect()
	w.transfer(c, s, 200_000, time.Minute)
	w.clk.Run(time.Second)
	waits := w.retries(c, 8)
	require.Less(t, waits[0], 150*time.Millisecond)
	require.Equal(t, time.Second, waits[7])
}

// What TCP_INFO counts of disorder: segments that came out of order, D-SACKs,
// retransmissions, reordering seen.
func TestInfoCountsDisorder(t *testing.T) {
	w := newWorld(t)
	w.rate = 100_000_000
	c, s := w.connect()
	n := 0
	w.late = func(g *wireSegment) time.Duration {
		n++
		switch {
		case g.from == w.a && n%500 == 0:
			return 10 * time.Millisecond // is taken for lost
		case g.from == w.a && n%70 == 0:
			return 400 * time.Microsecond
		}
		return 0
	}
	w.transfer(c, s, 4<<20, time.Minute)
	w.clk.Run(time.Second)
	theirs, ours := s.Info(), c.Info()
	require.NotZero(t, theirs.RcvOooPack)
	require.NotZero(t, ours.ReordSeen)
	require.NotZero(t, ours.DSACKDups)
	require.Equal(t, uint64(4<<20)+ours.BytesRetrans, ours.BytesSent)
	require.Equal(t, uint64(4<<20), theirs.BytesReceived)
	require.NotZero(t, ours.DeliveryRate)
	require.Equal(t, uint64(4<<20), ours.BytesAcked-1, "the SYN counts, too")
}

// tcp_max_syn_backlog: without cookies its last quarter is for peers that are
// known (RFC 4987 3.2).
func TestTheLastQuarterOfTheBacklogIsForKnownPeers(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_syncookies", "0", "net.ipv4.tcp_max_syn_backlog", "8")
	l := w.listen(100)
	known := netip.MustParseAddr("10.7.7.7")
	syn := func(from netip.Addr, port uint16) {
		k := new(Conn)
		k.Local, k.Peer = at(w.b, 80), netip.AddrPortFrom(from, port)
		raw := make([]byte, HeaderLen)
		Header(raw).encode(&fields{src: port, dst: 80, flags: SYN, window: 1000})
		w.b.inject(k.Peer, k.Local, seal(raw, k))
	}
	for i := range 20 {
		syn(netip.AddrFrom4([4]byte{10, 8, 0, byte(i)}), 1000)
	}
	require.Len(t, l.listener.requests, 7, "what is left is not less than a quarter")
	m := w.b.m.metricsFor(known)
	m.srtt, m.updated = time.Millisecond, w.clk.Now()
	syn(known, 1000)
	require.Len(t, l.listener.requests, 8)
	require.NoError(t, l.Close(nil))
}
