package tcp

import (
	"testing"
	"time"

	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/stretchr/testify/require"
)

// swallow has the path lose what is larger than an MTU, and say nothing.
func (w *world) swallow(mtu int) {
	w.lose = func(s *wireSegment) bool { return len(s.raw)+20 > mtu }
}

// tcp_mtu_probing 1, RFC 4821 7.7: a connection into a black hole stands still
// until retransmissions have failed for a while (tcp_retries1), goes on with
// the base size, and finds the path's own. With 0 it never gets out.
func TestABlackHoleIsFoundAndPassed(t *testing.T) {
	for mode, passes := range map[string]bool{"0": false, "1": true} {
		w := newWorld(t, "net.ipv4.tcp_mtu_probing", mode)
		c, s := w.connect()
		w.swallow(1200)
		if !passes {
			w.pour(c, 30*time.Second)
			require.Zero(t, w.drain(s))
			continue
		}
		took := w.transfer(c, s, 4<<20, time.Minute)
		require.Greater(t, took, 2*time.Second)
		require.Less(t, took, 12*time.Second)
		require.LessOrEqual(t, c.snd.mss, 1200-40-lenTSPad)
		require.Greater(t, c.snd.mss, 1200-40-lenTSPad-9, "as close as tcp_probe_threshold")
		require.NotZero(t, w.a.get(stat.TcpExtTCPMTUPSuccess))
		require.NotZero(t, w.a.get(stat.TcpExtTCPMTUPFail))
	}
}

// RFC 4821 7.7: where the base size does not arrive either it is halved, down
// to tcp_mtu_probe_floor.
func TestTheBaseSizeIsHalvedDownToTheFloor(t *testing.T) {
	for floor, passes := range map[string]bool{"48": true, "400": false} {
		w := newWorld(t, "net.ipv4.tcp_mtu_probing", "1", "net.ipv4.tcp_mtu_probe_floor", floor)
		c, s := w.connect()
		w.swallow(340)
		w.send(c, 20_000, 2*time.Minute)
		require.Equal(t, passes, w.drain(s) > 0, "floor %s", floor)
	}
}

// tcp_mtu_probing 2, RFC 4821 7.2, RFC 8899 5.2: the search begins with the connection at the
// base size and reaches what the path takes, without a loss where it takes all.
func TestTheSearchReachesThePathMTU(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_mtu_probing", "2")
	c, s := w.connect()
	require.Equal(t, 1024, c.snd.mss)
	w.transfer(c, s, 4<<20, time.Minute)
	require.Greater(t, c.snd.mss, 1448-9)
	require.Zero(t, w.a.get(stat.TcpRetransSegs))
	require.Zero(t, w.a.get(stat.TcpExtTCPMTUPFail))
	require.Equal(t, 6, w.a.get(stat.TcpExtTCPMTUPSuccess), "halves of 1076 to 1500")
}

// RFC 4821 7.3: the loss of a probe alone is no congestion: the window stays,
// and what was lost is sent again in smaller segments.
func TestALostProbeIsNotCongestion(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_mtu_probing", "2", "net.ipv4.tcp_hystart", "0")
	c, s := w.connect()
	w.rate = 100_000_000
	w.swallow(1150)
	w.transfer(c, s, 2<<20, time.Minute)
	require.NotZero(t, w.a.get(stat.TcpExtTCPMTUPFail))
	require.Equal(t, cc.InfiniteSsthresh, c.tx.CC.Ssthresh, "still in slow start")
	require.Greater(t, c.tx.CC.Cwnd, 50)
	require.Zero(t, w.a.get(stat.TcpExtTCPSackRecovery))
	require.Zero(t, w.a.get(stat.TcpExtTCPTimeouts))
	require.Greater(t, c.snd.mss, 1150-40-lenTSPad-9)
}

// RFC 4821 7.3: after tcp_probe_interval the found size is doubted, and a path
// that has become better is used.
func TestABetterPathIsFoundLater(t *testing.T) {
	for interval, finds := range map[string]bool{"60": true, "600": false} {
		w := newWorld(t, "net.ipv4.tcp_mtu_probing", "2", "net.ipv4.tcp_probe_interval", interval)
		c, s := w.connect()
		w.swallow(1150)
		w.transfer(c, s, 2<<20, time.Minute)
		w.lose = nil
		w.clk.Run(70 * time.Second)
		w.transfer(c, s, 4<<20, time.Minute)
		require.Equal(t, finds, c.snd.mss > 1448-9, "interval %s: %d", interval, c.snd.mss)
	}
}

// RFC 1191 6.3: what a router says still counts, as the upper end.
func TestAReportedPathMTUBoundsTheSearch(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_mtu_probing", "2")
	c, s := w.connect()
	w.transfer(c, s, 2<<20, time.Minute)
	w.send(c, 10, 0)
	c.icmpError(c.snd.una, tooBig(1200), nil)
	require.Equal(t, 1200, c.mtu.high)
	w.swallow(1200)
	w.clk.Run(time.Second)
	w.drain(s)
	w.watch()
	w.transfer(c, s, 1<<20, time.Minute)
	for _, g := range w.segments(w.a) {
		require.LessOrEqual(t, len(g.raw)+20, 1200)
	}
}

// A socket that connects anew searches anew.
func TestDisconnectForgetsTheSearch(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_mtu_probing", "1")
	l := w.listen(1)
	c, _ := w.connectTo(l)
	c.mtu.on, c.mtu.low = true, 300
	require.NoError(t, c.Disconnect())
	_ = c.TakeError()
	require.NoError(t, c.Connect(at(w.b, 80), patient()))
	require.Equal(t, 1448, c.snd.mss)
	require.NoError(t, l.Close(nil))
}
