package tcp_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// attached returns a stack on a device whose queue is short.
func attached(t *testing.T, d netdev.Driver, addr string) *ministack.Stack {
	s, err := ministack.New(ministack.Config{Sysctl: map[string]string{"net.ipv4.tcp_limit_output_bytes": "100000"}})
	require.NoError(t, err)
	dev, err := s.Attach(d, "eth0")
	require.NoError(t, err)
	dev.SetTxQueueLen(250)
	require.NoError(t, s.AddAddr("eth0", netip.MustParsePrefix(addr)))
	return s
}

// Many connections, each with its 100,000 octets and a super-segment in it, share a device's
// queue, on the machine's clock, and do not overflow it.
func TestConnectionsThatShareADeviceDoNotOverflowItsQueue(t *testing.T) {
	const conns, each = 16, 5 << 20
	o := netdev.EndpointOptions{MTU: 16000, NoLink: true, Backpressure: true, Queue: 1}
	near, far := netdev.NewEndpoint(o), netdev.NewEndpoint(o)
	go carry(near, far)
	go carry(far, near)
	a, b := attached(t, near, "10.0.0.1/24"), attached(t, far, "10.0.0.2/24")
	l, err := b.Listen("tcp", ":7")
	require.NoError(t, err)
	var all sync.WaitGroup
	for range conns {
		c, err := a.Dial("tcp", "10.0.0.2:7")
		require.NoError(t, err)
		peer, err := l.Accept()
		require.NoError(t, err)
		all.Go(func() { sendAll(t, c, each) })
		all.Go(func() {
			n, err := io.Copy(io.Discard, peer)
			assert.NoError(t, err)
			assert.EqualValues(t, each, n)
			assert.NoError(t, peer.Close())
		})
	}
	all.Wait()
	require.Zero(t, a.Pool().Drops(skb.QdiscDrop))
	require.NoError(t, a.Close())
	require.NoError(t, b.Close())
	require.Zero(t, a.Pool().Count().Live+b.Pool().Count().Live, "buffers that met no fate")
}

// carry takes frames from one device to the other, one by one.
func carry(from, to *netdev.Endpoint) {
	p := make([]byte, 16000)
	for {
		n, err := from.Receive(context.Background(), p)
		if err != nil || to.Send(context.Background(), p[:n]) != nil {
			return
		}
	}
}

func sendAll(t *testing.T, c net.Conn, n int) {
	p := make([]byte, 100_000)
	for n > 0 {
		k, err := c.Write(p[:min(n, len(p))])
		if !assert.NoError(t, err) {
			break
		}
		n -= k
	}
	assert.NoError(t, c.Close())
}
