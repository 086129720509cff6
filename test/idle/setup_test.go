package idle_test

import (
	"net/netip"
	"testing"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
	"github.com/stretchr/testify/require"
)

// pair returns two stacks joined by a pipe, 10.0.0.1 and 10.0.0.2.
func pair(tb testing.TB) (a, b *ministack.Stack) {
	left, right := netdev.Pipe(1500)
	stack := func(drv netdev.Driver, addr string) *ministack.Stack {
		s, err := ministack.New(ministack.Config{})
		require.NoError(tb, err)
		_, err = s.Attach(drv, "eth0")
		require.NoError(tb, err)
		require.NoError(tb, s.AddAddr("eth0", netip.MustParsePrefix(addr)))
		tb.Cleanup(func() { require.NoError(tb, s.Close()) })
		return s
	}
	return stack(left, "10.0.0.1/24"), stack(right, "10.0.0.2/24")
}

// Connect, a request and its answer, close: one at a time, the peer closes
// last. What is allocated is of both stacks.
func BenchmarkConnectRequestClose(b *testing.B) {
	c, s := pair(b)
	l, err := s.Listen("tcp", ":80")
	require.NoError(b, err)
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		p := make([]byte, 64)
		for {
			k, err := l.Accept()
			if err != nil {
				return
			}
			n, _ := k.Read(p)
			_, _ = k.Write(p[:n])
			_ = k.Close()
		}
	}()
	require.NoError(b, c.SetSysctl("net.ipv4.tcp_max_tw_buckets", "1000"))
	p := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		k, err := c.Dial("tcp", "10.0.0.2:80")
		require.NoError(b, err)
		_, err = k.Write(p[:32])
		require.NoError(b, err)
		for n := 0; n < 32; {
			m, err := k.Read(p)
			require.NoError(b, err)
			n += m
		}
		require.NoError(b, k.Close())
	}
}
