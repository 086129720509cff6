package udp_test

import (
	"context"
	"net/netip"
	"sync"
	"syscall"
	"testing"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/socket"
	"github.com/stretchr/testify/require"
)

// narrow is a stack whose device holds one frame until it is taken.
func narrow(t testing.TB, c clock.Clock) (*ministack.Stack, *netdev.Endpoint) {
	s, err := ministack.New(ministack.Config{Clock: c})
	require.NoError(t, err)
	e := netdev.NewEndpoint(netdev.EndpointOptions{NoLink: true, Backpressure: true, Queue: 1})
	_, err = s.Attach(e, "eth0")
	require.NoError(t, err)
	require.NoError(t, s.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24")))
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.NoError(t, e.Close())
		require.Zero(t, s.Pool().Count().Live, "buffers that met no fate")
	})
	return s, e
}

// take takes a frame that is there.
func take(t testing.TB, e *netdev.Endpoint) int {
	n, err := e.Receive(context.Background(), make([]byte, 1500))
	require.NoError(t, err)
	return n
}

// fill sends until the socket takes no more, and returns how many it took.
func fill(t testing.TB, k *socket.Socket) int {
	for n := 0; ; n++ {
		require.Less(t, n, 1000, "the send buffer has no end")
		if _, err := k.SendTo([]byte("x"), socket.MSG_DONTWAIT, peer); err != nil {
			require.Equal(t, syscall.EAGAIN, err)
			return n
		}
	}
}

// SO_SNDBUF (socket(7)): what the device has not taken is the socket's, and
// holds it back; what it has taken is not.
func TestASendBufferFillsWhileTheDeviceIsBusy(t *testing.T) {
	s, e := narrow(t, clock.NewVirtual())
	k := open(t, s, "")
	require.NoError(t, k.Setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20000))
	sent := fill(t, k)
	require.Greater(t, sent, 4)
	queued, err := k.Ioctl(socket.SIOCOUTQ)
	require.NoError(t, err)
	limit, err := k.Getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
	require.NoError(t, err)
	require.GreaterOrEqual(t, queued, limit)
	require.Zero(t, k.Poll()&inet.PollOut)

	told := 0
	w := k.Waiters().Add(inet.PollOut, func(inet.Ready) { told++ })
	defer w.Remove()
	for range sent {
		take(t, e)
	}
	require.Equal(t, 1, told, "once half of the buffer was free")
	require.NotZero(t, k.Poll()&inet.PollOut)
	queued, err = k.Ioctl(socket.SIOCOUTQ)
	require.NoError(t, err)
	require.Zero(t, queued)
}

// A datagram that was cut, by UDP_SEGMENT or into fragments, is the socket's
// until its last piece has left.
func TestThePiecesOfADatagramStayCharged(t *testing.T) {
	for _, size := range []int{1000, 0} {
		s, e := narrow(t, clock.NewVirtual())
		k := open(t, s, "")
		require.NoError(t, k.Setsockopt(socket.SOL_UDP, socket.UDP_SEGMENT, size))
		_, err := k.SendTo(make([]byte, 5000), 0, peer)
		require.NoError(t, err)
		pieces := 0
		for queued := 1; queued > 0; pieces++ {
			take(t, e)
			queued, err = k.Ioctl(socket.SIOCOUTQ)
			require.NoError(t, err)
		}
		require.Equal(t, map[int]int{1000: 5, 0: 4}[size]-1, pieces, "the link holds the last piece")
		take(t, e)
	}
}

// A corked datagram (UDP_CORK, udp(7)) that finds no room is lost whole.
func TestACorkedDatagramNeedsRoomToo(t *testing.T) {
	s, e := narrow(t, clock.NewVirtual())
	k := open(t, s, "")
	require.NoError(t, k.Setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20000))
	for n := fill(t, k); n > 0; n-- {
		_, err := k.SendTo([]byte("x"), socket.MSG_DONTWAIT|socket.MSG_MORE, peer)
		require.Equal(t, syscall.EAGAIN, err)
		defer take(t, e)
	}
}

// Senders that are faster than the device wait for it, and for each other.
func TestSendersThatShareADeviceLoseNothing(t *testing.T) {
	const senders, each = 4, 500
	s, e := narrow(t, clock.NewReal())
	var all sync.WaitGroup
	for range senders {
		k := open(t, s, "")
		all.Go(func() {
			for range each {
				if _, err := k.SendTo(make([]byte, 10), 0, peer); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range senders * each {
		take(t, e)
	}
	all.Wait()
}
