// Package idle_test measures what many connections cost: memory, goroutines and
// timers of one that does nothing, and the work of making and ending one.
package idle_test

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
	"github.com/stretchr/testify/require"
)

var (
	many = flag.Int("conns", 500_000, "how many connections BenchmarkIdleMany holds")
	heap = flag.String("heap", "", "write a heap profile of the idle connections to this file")
)

// cost is what a process holds, after a garbage collection.
type cost struct {
	bytes, objects, goroutines int
}

func costs() cost {
	runtime.GC()
	runtime.GC() // the second empties what the first left in the pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return cost{int(m.HeapAlloc), int(m.HeapObjects), runtime.NumGoroutine()}
}

// report says what n connections hold beside what was there before.
func (before cost) report(b *testing.B, n int) {
	now := costs()
	each := func(was, is int) float64 { return float64(is-was) / float64(n) }
	b.ReportMetric(each(before.bytes, now.bytes), "B/conn")
	b.ReportMetric(each(before.objects, now.objects), "objects/conn")
	b.ReportMetric(float64(now.goroutines-before.goroutines), "goroutines")
	b.ReportMetric(0, "ns/op")
	if *heap != "" {
		f, err := os.Create(*heap)
		require.NoError(b, err)
		require.NoError(b, pprof.Lookup("heap").WriteTo(f, 0))
		require.NoError(b, f.Close())
	}
}

var stackAddr = netip.MustParseAddr("10.0.0.1")

// besideGhost returns a stack, and the ghost at the other end of its link.
func besideGhost(tb testing.TB) (*ministack.Stack, *ghost) {
	mine, far := netdev.PipeWith(netdev.PipeOptions{NoLink: true, Queue: 8192})
	s, err := ministack.New(ministack.Config{})
	require.NoError(tb, err)
	_, err = s.Attach(mine, "eth0")
	require.NoError(tb, err)
	require.NoError(tb, s.AddAddr("eth0", netip.PrefixFrom(stackAddr, 24)))
	require.NoError(tb, s.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), netip.Addr{}, "eth0"))
	g := newGhost(far)
	tb.Cleanup(func() {
		require.NoError(tb, s.Close())
		require.NoError(tb, far.Close())
	})
	return s, g
}

// accepted has the stack accept n connections, each with a byte both ways.
func accepted(tb testing.TB, s *ministack.Stack, g *ghost, n int) []net.Conn {
	l, err := s.Listen("tcp", ":"+strconv.Itoa(ghostPort))
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = l.Close() })
	answers := newGhost(g.drv)
	go answers.serve()
	conns := make([]net.Conn, 0, n)
	for len(conns) < n {
		wave := min(n-len(conns), 512)
		g.open(len(conns), wave, stackAddr)
		for range wave {
			c, err := l.Accept()
			require.NoError(tb, err)
			conns = append(conns, c)
			exchange(tb, c, c)
		}
	}
	return conns
}

// exchange has a byte go through.
func exchange(tb testing.TB, w io.Writer, r io.Reader) {
	var p [1]byte
	_, err := w.Write([]byte{'a'})
	require.NoError(tb, err)
	_, err = io.ReadFull(r, p[:])
	require.NoError(tb, err)
}

// dialled has the stack dial n connections, each with a byte both ways.
func dialled(tb testing.TB, s *ministack.Stack, g *ghost, n int) []net.Conn {
	go g.serve()
	conns := make([]net.Conn, 0, n)
	for i := range n {
		to := client(i / 20000 * 50000).Addr()
		c, err := s.Dial("tcp", fmt.Sprintf("%v:%d", to, ghostPort))
		require.NoError(tb, err)
		conns = append(conns, c)
		exchange(tb, c, c)
	}
	return conns
}

// settled waits until nothing is under way: delayed acknowledgements and their
// timers are over.
func settled() { time.Sleep(500 * time.Millisecond) }

// An accepted connection and a dialled one, each without its peer.
func BenchmarkIdle(b *testing.B) {
	for _, side := range []struct {
		name string
		make func(testing.TB, *ministack.Stack, *ghost, int) []net.Conn
	}{{"accepted", accepted}, {"dialled", dialled}} {
		for _, n := range []int{1000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", side.name, n), func(b *testing.B) {
				for range b.N {
					s, g := besideGhost(b)
					before := costs()
					conns := side.make(b, s, g, n)
					settled()
					before.report(b, n)
					runtime.KeepAlive(conns)
				}
			})
		}
	}
}

// Half a million connections of one stack (-conns): the memory of the process is
// shown as the system counts it.
func BenchmarkIdleMany(b *testing.B) {
	if testing.Short() || flag.Lookup("test.bench").Value.String() == "." {
		b.Skip("it takes a minute and a gigabyte: ask for it by name")
	}
	for range b.N {
		s, g := besideGhost(b)
		before, start := costs(), time.Now()
		conns := accepted(b, s, g, *many)
		took := time.Since(start)
		settled()
		b.ReportMetric(float64(rss())/1e6, "peak-MB-RSS")
		before.report(b, *many)
		b.ReportMetric(took.Seconds(), "s")
		gc := time.Now()
		runtime.GC()
		b.ReportMetric(float64(time.Since(gc).Milliseconds()), "ms/GC")
		runtime.KeepAlive(conns)
	}
}

// rss is the most memory that the process ever had, in bytes; 0 where the system
// does not tell.
func rss() int {
	p, _ := os.ReadFile("/proc/self/status") // only Linux has it
	for line := range strings.Lines(string(p)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kb), "kB")))
			return n * 1024
		}
	}
	return 0
}
