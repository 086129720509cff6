package tcp

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tcp_allowed_congestion_control: what a socket may choose; the stack's own
// always, and what it has already.
func TestOnlyAllowedCongestionControlsMayBeChosen(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_allowed_congestion_control", "reno bbr")
	c := w.a.m.NewSock()
	require.Equal(t, "cubic", c.Congestion())
	require.NoError(t, c.SetCongestion("cubic"))
	require.ErrorIs(t, c.SetCongestion("dctcp"), syscall.EPERM)
	require.ErrorIs(t, c.SetCongestion("nonesuch"), syscall.ENOENT)
	require.NoError(t, c.SetCongestion("bbr"))
	require.NoError(t, c.SetCongestion("cubic"))
	set := w.a.env.Sysctl
	require.NoError(t, set.Set("net.ipv4.tcp_congestion_control", "dctcp"))
	require.Equal(t, "dctcp", w.a.m.NewSock().Congestion())
	require.NoError(t, c.SetCongestion("dctcp"), "it is the stack's own now")
	require.ErrorIs(t, set.Set("net.ipv4.tcp_allowed_congestion_control", "reno nonesuch"), syscall.ENOENT)
	require.Error(t, set.Set("net.ipv4.tcp_congestion_control", "nonesuch"))
	require.Error(t, set.Set("net.ipv4.tcp_available_congestion_control", "reno"))
}

// tcp_reflect_tos: the answer has the SYN's type of service, its ECN field
// excepted.
func TestTheTypeOfServiceIsReflected(t *testing.T) {
	for reflect, want := range map[string]uint8{"0": 0x10, "1": 0x28} {
		w := newWorld(t, "net.ipv4.tcp_reflect_tos", reflect)
		l := w.listen(1)
		l.Options.TOS = 0x10
		w.tos = 0x2a
		_, s := w.connectTo(l)
		require.Equal(t, want, s.Options.TOS)
		require.NoError(t, l.Close(nil))
	}
}

// tcp_pingpong_thresh: so many answers in a row before acknowledgements wait
// for them (RFC 9293 3.8.6.3).
func TestAnswersMakeAConnectionInteractive(t *testing.T) {
	for setting, after := range map[string]int{"1": 1, "3": 3} {
		w := newWorld(t, "net.ipv4.tcp_pingpong_thresh", setting)
		c, s := w.connect()
		s.ack.pingpong = 0
		rounds := 0
		for ; !s.interactive(); rounds++ {
			w.send(c, 10, 2*time.Millisecond)
			w.send(s, 10, 2*time.Millisecond)
		}
		require.Equal(t, after, rounds)
	}
}

// tcp_min_rtt_wlen: how long the least round trip is remembered.
func TestTheLeastRoundTripIsForgotten(t *testing.T) {
	for setting, forgets := range map[string]bool{"5": true, "300": false} {
		w := newWorld(t, "net.ipv4.tcp_min_rtt_wlen", setting)
		c, s := w.connect()
		w.transfer(c, s, 10_000, time.Minute)
		w.delay = 20 * time.Millisecond
		for range 12 {
			w.clk.Run(time.Second)
			w.transfer(c, s, 10_000, time.Minute)
		}
		require.Equal(t, forgets, c.tx.RTT.MinRTT() > 30*time.Millisecond, "window %s s: %v", setting, c.tx.RTT.MinRTT())
	}
}

// tcp_retrans_collapse: small segments are sent again as one.
func TestSmallSegmentsAreSentAgainAsOne(t *testing.T) {
	for setting, want := range map[string]int{"1": 30, "0": 10} {
		w := newWorld(t, "net.ipv4.tcp_retrans_collapse", setting, "net.ipv4.tcp_early_retrans", "0")
		c, _ := w.connect()
		require.NoError(t, c.SetOption(OptNoDelay, 1))
		w.lose = func(*wireSegment) bool { return true }
		for range 3 {
			w.send(c, 10, 0)
		}
		w.watch()
		w.clk.Run(300 * time.Millisecond)
		require.NotEmpty(t, w.segments(w.a))
		require.Len(t, w.segments(w.a)[0].payload, want)
	}
}
