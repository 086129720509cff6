package tcp

import (
	"net/netip"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/slankdev/ministack/stat"
	"github.com/stretchr/testify/require"
)

// waitAtClient makes a connection that the client closes first, so that its
// TIME-WAIT is the client's, and returns the names.
func (w *world) waitAtClient(l *Conn) (local, peer netip.AddrPort) {
	c, s := w.connectTo(l)
	local, peer = c.Names()
	require.NoError(w.t, c.Close(nil))
	w.clk.Run(100 * time.Millisecond)
	require.NoError(w.t, s.Close(nil))
	w.clk.Run(100 * time.Millisecond)
	require.Len(w.t, w.waiting(w.a), 1)
	return local, peer
}

func (w *world) waiting(h *host) (all []*timeWait) {
	for t := h.m.waiting.first; t != nil; t = t.next {
		all = append(all, t)
	}
	return all
}

// again connects between the same names.
func (w *world) again(local, peer netip.AddrPort) (*Conn, error) {
	c := w.a.m.NewSock()
	c.Options.ReuseAddr = true
	require.NoError(w.t, c.Bind(local))
	return c, c.Connect(peer, patient())
}

// RFC 6191 2: who opens actively may take names out of TIME-WAIT where
// timestamps tell the incarnations apart: tcp_tw_reuse, which is for loopback
// by default (2), after tcp_tw_reuse_delay.
func TestNamesInTimeWaitAreReused(t *testing.T) {
	for _, c := range []struct {
		name     string
		settings []string
		loopback bool
		wait     time.Duration
		reused   bool
	}{
		{"default, another host", nil, false, 2 * time.Second, false},
		{"default, loopback", nil, true, 2 * time.Second, true},
		{"never", []string{"net.ipv4.tcp_tw_reuse", "0"}, true, 2 * time.Second, false},
		{"always", []string{"net.ipv4.tcp_tw_reuse", "1"}, false, 2 * time.Second, true},
		{"too soon", []string{"net.ipv4.tcp_tw_reuse", "1"}, false, 700 * time.Millisecond, false},
		{"sooner", []string{"net.ipv4.tcp_tw_reuse", "1", "net.ipv4.tcp_tw_reuse_delay", "500"}, false, 700 * time.Millisecond, true},
		{"without timestamps", []string{"net.ipv4.tcp_tw_reuse", "1", "net.ipv4.tcp_timestamps", "0"}, false, 2 * time.Second, false},
	} {
		w := newWorld(t, c.settings...)
		if c.loopback {
			w.a.addr, w.b.addr = netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
		}
		l := w.listen(1)
		l.Options.ReuseAddr = true
		local, peer := w.waitAtClient(l)
		last := w.waiting(w.a)[0].sndNxt
		w.clk.Run(c.wait)
		k, err := w.again(local, peer)
		require.NoError(t, l.Close(nil))
		if !c.reused {
			require.ErrorIs(t, err, syscall.EADDRNOTAVAIL, c.name)
			require.Zero(t, w.a.env.Stat.Get(stat.TcpExtTWRecycled), c.name)
			continue
		}
		require.NoError(t, err, c.name)
		require.Equal(t, uint64(1), w.a.env.Stat.Get(stat.TcpExtTWRecycled), c.name)
		require.Equal(t, last.Add(65537), k.snd.iss, "%s: beyond what the old one could have sent", c.name) // RFC 9293 3.4.3
	}
}

// A connection whose port is chosen for it gets one that waits in TIME-WAIT, too,
// and the old use of the port goes (RFC 6191 2).
func TestAChosenPortComesOutOfTimeWait(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_tw_reuse", "1", "net.ipv4.ip_local_port_range", "40000 40000")
	local, peer := w.waitAtClient(w.listen(1))
	w.clk.Run(2 * time.Second)
	c := w.a.m.NewSock()
	require.NoError(t, c.Connect(peer, patient()))
	again, _ := c.Names()
	require.Equal(t, local, again)
	require.Empty(t, w.waiting(w.a))
	require.Equal(t, 1, w.a.m.ports.count(local.Port()))
}

// RFC 1337 3: a reset ends TIME-WAIT, unless tcp_rfc1337 forbids it.
func TestAResetInTimeWait(t *testing.T) {
	for forbidden, left := range map[string]int{"0": 0, "1": 1} {
		w := newWorld(t, "net.ipv4.tcp_rfc1337", forbidden)
		l := w.listen(1)
		local, peer := w.waitAtClient(l)
		k := new(Conn)
		k.Local, k.Peer = local, peer
		raw := make([]byte, HeaderLen)
		Header(raw).encode(&fields{src: peer.Port(), dst: local.Port(), seq: w.waiting(w.a)[0].rcvNxt, flags: RST})
		w.a.inject(peer, local, seal(raw, k))
		require.Len(t, w.waiting(w.a), left, "tcp_rfc1337 = %s", forbidden)
		require.NoError(t, l.Close(nil))
	}
}

// tcp_max_tw_buckets: beyond it there is no TIME-WAIT.
func TestTimeWaitIsBounded(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_max_tw_buckets", "2")
	l := w.listen(5)
	for range 3 {
		c, s := w.connectTo(l)
		w.closeBoth(c, s)
	}
	require.Len(t, w.waiting(w.a), 2)
	require.Equal(t, uint64(1), w.a.env.Stat.Get(stat.TcpExtTCPTimeWaitOverflow))
	require.NoError(t, l.Close(nil))
}

// tcp_fin_timeout, or TCP_LINGER2, bounds FIN-WAIT-2 of a socket that was
// closed; RFC 9293 3.6 has no bound.
func TestFinWait2OfAnOrphanEnds(t *testing.T) {
	for _, c := range []struct {
		linger2, finTimeout int
		lasts               time.Duration
		id                  stat.ID
	}{
		{0, 60, 60 * time.Second, stat.TcpExtTW},
		{0, 20, 20 * time.Second, stat.TcpExtTW},
		{3, 60, 3 * time.Second, stat.TcpExtTWKilled},
		{90, 60, 90 * time.Second, stat.TcpExtTW}, // the first 30 s as a whole connection
	} {
		w := newWorld(t, "net.ipv4.tcp_fin_timeout", strconv.Itoa(c.finTimeout))
		k, _ := w.connect()
		require.NoError(t, k.SetOption(OptLinger2, c.linger2))
		names := tuple{k.Local, k.Peer}
		began := w.clk.Now()
		require.NoError(t, k.Close(nil))
		gone := func() bool { return w.a.m.demux.lookup(&names) == nil }
		require.True(t, w.clk.RunUntil(gone, 5*time.Minute))
		require.InDelta(t, c.lasts.Seconds(), w.clk.Now().Sub(began).Seconds(), 0.1)
		require.Equal(t, uint64(1), w.a.env.Stat.Get(c.id))
	}
}

// TCP_LINGER2 -1: no FIN-WAIT-2 without a user at all.
func TestNegativeLinger2Resets(t *testing.T) {
	w := newWorld(t)
	k, s := w.connect()
	require.NoError(t, k.SetOption(OptLinger2, -1))
	require.NoError(t, k.Close(nil))
	w.clk.Run(time.Second)
	require.Equal(t, Closed, s.State())
	require.Equal(t, uint64(1), w.a.env.Stat.Get(stat.TcpExtTCPAbortOnData))
}

// count is how many users a port has.
func (p *ports) count(port uint16) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for u := p.uses(port); u != nil; u = u.next {
		n += int(u.refs)
	}
	return n
}
