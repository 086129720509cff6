package tcp

import (
	"syscall"
	"testing"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/stat"
	"github.com/stretchr/testify/require"
)

// later runs fn after a while.
func later(w *world, d time.Duration, fn func()) {
	t := new(clock.Timer)
	t.Init(w.clk, func(any) { fn() }, nil)
	t.Reset(w.clk.Now().Add(d))
}

// tcp_max_orphans: of connections that were closed with data under way so many
// live on, and one too many is reset. RFC 9293 3.10.4.
func TestOrphansAreBounded(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_max_orphans", "2")
	l := w.listen(5)
	var all []*Conn
	for range 3 {
		c, _ := w.connectTo(l)
		all = append(all, c)
	}
	w.lose = func(s *wireSegment) bool { return s.from == w.a && len(s.payload) > 0 }
	for i, c := range all {
		w.send(c, 100, 0)
		require.Equal(t, min(i, 2), w.a.m.Memory().Orphans)
		require.NoError(t, c.Close(nil))
	}
	require.Equal(t, FinWait1, all[0].State())
	require.Equal(t, FinWait1, all[1].State())
	require.Equal(t, Closed, all[2].State())
	require.Equal(t, 1, w.a.get(stat.TcpExtTCPAbortOnMemory))
	require.Equal(t, 1, w.a.get(stat.TcpOutRsts))
	w.lose = nil
	w.clk.Run(time.Minute)
	require.Zero(t, w.a.m.Memory().Orphans)
	require.NoError(t, l.Close(nil))
}

// An orphan without an answer counts twice when its timer fires, four times if
// an ICMP error came: the limit ends those first (tcp_out_of_resources).
func TestAnOrphanWithoutProgressCountsMore(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_max_orphans", "2")
	l := w.listen(5)
	well, _ := w.connectTo(l)
	bad, _ := w.connectTo(l)
	w.lose = func(s *wireSegment) bool { return s.from == w.a && len(s.payload) > 0 }
	for _, c := range []*Conn{well, bad} {
		w.send(c, 100, 0)
		require.NoError(t, c.Close(nil))
	}
	bad.SetSoftError(syscall.EHOSTUNREACH)
	w.clk.Run(time.Second)
	require.Equal(t, FinWait1, well.State())
	require.Equal(t, Closed, bad.State())
	require.Equal(t, 1, w.a.get(stat.TcpExtTCPAbortOnMemory))
	require.NoError(t, l.Close(nil))
}

// tcp_orphan_retries: 0 means 8 for a path that was alive lately; RFC 9293
// 3.8.3.
func TestOrphansGiveUpSooner(t *testing.T) {
	for setting, want := range map[string]float64{"0": 102.2, "2": 1.4, "5": 12.6} {
		w := newWorld(t, "net.ipv4.tcp_orphan_retries", setting)
		c, _ := w.connect()
		w.lose = func(s *wireSegment) bool { return true }
		w.send(c, 100, 0)
		began := w.clk.Now()
		require.NoError(t, c.Close(nil))
		require.True(t, w.clk.RunUntil(func() bool { return c.State() == Closed }, time.Hour))
		took := w.clk.Now().Sub(began).Seconds()
		require.Greater(t, took, want)
		require.Less(t, took, 2*want+1, "at the next timeout")
	}
}
