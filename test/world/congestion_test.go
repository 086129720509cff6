package world_test

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/slankdev/ministack/trace"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the snapshots in testdata anew")

// flow is a bulk transfer from stack 0 to stack 1.
type flow struct {
	send, recv *socket.Socket
	received   int
}

// race runs flows with the congestion controls given over one link for a time,
// and keeps their windows. The link has no ARP, whose probes would have to pass
// the full queue as well.
func race(t *testing.T, link string, d time.Duration, controls ...string) ([]*flow, string) {
	w := world.PairOver(t, netdev.PipeOptions{NoLink: true}, func(side int, drv netdev.Driver, clk clock.Clock) netdev.Driver {
		if side == 1 {
			return drv
		}
		o, err := netdev.ParseImpairment(link)
		require.NoError(t, err)
		return netdev.Impair(drv, clk, o)
	})
	for _, s := range w.Stacks {
		require.NoError(t, s.SetSysctl("net.ipv4.tcp_rmem", "4096 33554432 67108864"))
		require.NoError(t, s.SetSysctl("net.ipv4.tcp_wmem", "4096 65536 33554432"))
	}
	var flows []*flow
	for i, name := range controls {
		flows = append(flows, open(t, w, uint16(1000+i), name))
	}
	var log strings.Builder
	const every = 500 * time.Millisecond
	for step := time.Duration(0); step < d; step += every {
		fmt.Fprintf(&log, "%6.1f s", step.Seconds())
		for _, f := range flows {
			i := f.send.Conn().Info()
			fmt.Fprintf(&log, "  %-6s cwnd %5d lost %5d received %9d", i.Congestion, i.Cwnd, i.LostTotal, f.received)
		}
		log.WriteByte('\n')
		run(w, every, flows...)
	}
	return flows, log.String()
}

// run lets flows run for a time. Each event is followed by the users' reads and
// writes: were they made at intervals, the flow that is served first would have
// its segments first in the queue, and the larger share.
func run(w *world.World, d time.Duration, flows ...*flow) {
	w.Clock.RunUntil(func() bool {
		for _, f := range flows {
			f.pump()
		}
		return false
	}, d)
}

func open(t *testing.T, w *world.World, port uint16, control string) *flow {
	l, err := w.Stacks[1].Socket(socket.AF_INET, socket.SOCK_STREAM, 0)
	require.NoError(t, err)
	require.NoError(t, l.SetsockoptString(socket.SOL_TCP, socket.TCP_CONGESTION, control))
	to := netip.AddrPortFrom(netip.MustParseAddr(world.Addr(1)), port)
	require.NoError(t, l.Bind(to))
	require.NoError(t, l.Listen(1))
	c, err := w.Stacks[0].Socket(socket.AF_INET, socket.SOCK_STREAM, 0)
	require.NoError(t, err)
	require.NoError(t, c.SetsockoptString(socket.SOL_TCP, socket.TCP_CONGESTION, control))
	require.NoError(t, c.Connect(to))
	s, _, err := l.Accept()
	require.NoError(t, err)
	c.SetNonblock(true)
	s.SetNonblock(true)
	return &flow{send: c, recv: s}
}

var block = make([]byte, 1<<18)

// pump writes and reads all that goes now.
func (f *flow) pump() {
	f.write(1 << 30)
	f.read()
}

// write writes up to n octets, and returns how many went.
func (f *flow) write(n int) (sent int) {
	for sent < n {
		k, err := f.send.Send(block[:min(n-sent, len(block))], 0)
		if k == 0 || err != nil {
			break
		}
		sent += k
	}
	return sent
}

// read reads what is there.
func (f *flow) read() {
	for {
		n, err := f.recv.Recv(block, 0)
		if n == 0 || err != nil {
			return
		}
		f.received += n
	}
}

// goodput in Mbit/s.
func (f *flow) goodput(d time.Duration) float64 { return float64(f.received) * 8 / 1e6 / d.Seconds() }

// keep compares a run with the one that is kept: changes show in review.
func keep(t *testing.T, name, log string) {
	path := filepath.Join("testdata", name+".txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(log), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), log, "run with -update if the change is meant")
}

// seeds is how many seeds a claim is tried with; one where time is short.
func seeds(most int) int {
	if testing.Short() {
		return 1
	}
	return most
}

// long skips what carries millions of packets.
func long(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: millions of packets")
	}
}

// draft-ietf-ccwg-bbr 1: random loss that is no congestion does not stop BBR.
// CUBIC, which takes it for congestion, gets next to nothing.
func TestBBRFillsALossyPath(t *testing.T) {
	long(t)
	const d = 30 * time.Second
	const payload = 100 * 1448.0 / 1500 // what the link carries besides headers
	const path = "rate=100mbit,delay=50ms,loss=1%%,limit=1000,seed=%d"
	for seed := 1; seed <= 3; seed++ {
		flows, log := race(t, fmt.Sprintf(path, seed), d, "bbr")
		t.Logf("seed %d: %.1f Mbit/s", seed, flows[0].goodput(d))
		require.Greater(t, flows[0].goodput(d), 0.9*payload)
		if seed == 1 {
			keep(t, "bbr-1-percent-lost", log)
		}
	}
	flows, _ := race(t, fmt.Sprintf(path, 1), d, "cubic")
	require.Less(t, flows[0].goodput(d), 0.1*payload)
}

// RFC 9438 5.4 to 5.6: two flows of CUBIC share a bottleneck alike.
func TestTwoCubicFlowsShare(t *testing.T) {
	long(t)
	const d = 300 * time.Second
	for seed := 1; seed <= 4; seed++ {
		flows, log := race(t, fmt.Sprintf("rate=20mbit,delay=20ms,limit=100,jitter=1ms,seed=%d", seed), d, "cubic", "cubic")
		a, b := flows[0].goodput(d), flows[1].goodput(d)
		t.Logf("seed %d: %.1f and %.1f Mbit/s", seed, a, b)
		require.Greater(t, a+b, 18.0)
		require.GreaterOrEqual(t, min(a, b), 0.8*max(a, b))
		if seed == 1 {
			keep(t, "cubic-cubic", log)
		}
	}
}

// RFC 9438 4.3: where the product of bandwidth and delay is small CUBIC takes
// what Reno would, as long as both meet the same loss: of a short queue that
// overflows, and at random. (Where acknowledgements come in clumps CUBIC meets
// more of it, since it leaves the queue fuller. Without jitter the two fall into
// step, and one of them loses the same race each time.)
func TestCubicIsFriendlyToRenoOnASmallPath(t *testing.T) {
	long(t)
	const d = 120 * time.Second
	for seed := 1; seed <= seeds(4); seed++ {
		for kind, path := range map[string]string{
			"overflow": "rate=10mbit,delay=5ms,limit=20,jitter=1ms,seed=%d",
			"random":   "rate=10mbit,delay=5ms,loss=1%%,seed=%d",
		} {
			flows, log := race(t, fmt.Sprintf(path, seed), d, "cubic", "reno")
			a, b := flows[0].goodput(d), flows[1].goodput(d)
			t.Logf("%s, seed %d: %.1f and %.1f Mbit/s", kind, seed, a, b)
			require.Greater(t, a+b, 9.0)
			require.GreaterOrEqual(t, min(a, b), 0.8*max(a, b))
			if seed == 1 {
				keep(t, "cubic-reno-"+kind, log)
			}
		}
	}
}

// RFC 8257 3.3: DCTCP keeps the queue near the mark, and the link full.
func TestDCTCPKeepsTheQueueShort(t *testing.T) {
	const d = 10 * time.Second
	flows, log := race(t, "rate=100mbit,delay=1ms,limit=1000,mark=20,seed=1", d, "dctcp")
	i := flows[0].send.Conn().Info()
	t.Logf("%.1f Mbit/s, srtt %v, %d marked", flows[0].goodput(d), i.SRTT, i.DeliveredCE)
	require.Greater(t, flows[0].goodput(d), 90.0)
	require.Positive(t, i.DeliveredCE)
	require.Less(t, i.SRTT, 6*time.Millisecond)
	keep(t, "dctcp", log)
}

// RFC 9406: HyStart++ leaves slow start before a deep queue is full; with loss
// alone as the sign it overflows. RFC 9406 4.2, 4.3.
func TestHystartPlusDoesNotOverflowADeepQueue(t *testing.T) {
	lost := map[string]uint32{}
	for _, mode := range []string{"0", "2"} {
		const link = "rate=100mbit,delay=50ms,limit=5000,seed=1"
		w := world.Pair(t, func(side int, drv netdev.Driver, clk clock.Clock) netdev.Driver {
			if side == 1 {
				return drv
			}
			o, err := netdev.ParseImpairment(link)
			require.NoError(t, err)
			return netdev.Impair(drv, clk, o)
		})
		for _, s := range w.Stacks {
			require.NoError(t, s.SetSysctl("net.ipv4.tcp_hystart", mode))
			require.NoError(t, s.SetSysctl("net.ipv4.tcp_rmem", "4096 33554432 67108864"))
			require.NoError(t, s.SetSysctl("net.ipv4.tcp_wmem", "4096 65536 33554432"))
		}
		f := open(t, w, 80, "cubic")
		run(w, 3*time.Second, f)
		lost[mode] = f.send.Conn().Info().LostTotal
	}
	t.Logf("lost %v", lost)
	require.Positive(t, lost["0"])
	require.Zero(t, lost["2"])
}

// SO_MAX_PACING_RATE spreads the segments of a window evenly.
func paces(t *testing.T) []*trace.Tracer {
	w := world.PairOver(t, netdev.PipeOptions{NoLink: true})
	tr := watch(w)
	f := open(t, w, 80, "cubic")
	const rate = 1_000_000 // octets a second
	require.NoError(t, f.send.Setsockopt(socket.SOL_SOCKET, socket.SO_MAX_PACING_RATE, rate))
	got, err := f.send.Getsockopt(socket.SOL_SOCKET, socket.SO_MAX_PACING_RATE)
	require.NoError(t, err)
	require.Equal(t, rate, got)
	for range 400 {
		f.pump()
		w.Clock.Run(5 * time.Millisecond)
	}
	require.InEpsilon(t, 2*rate, f.received, 0.05, "in two seconds")
	return tr
}

func TestPacingKeepsTheRate(t *testing.T) { paces(t) }
