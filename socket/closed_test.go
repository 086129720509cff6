package socket_test

import (
	"syscall"
	"testing"
	"time"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// Every call on a closed socket is EBADF.
func TestAClosedSocketIsEBADF(t *testing.T) {
	w := world.Pair(t)
	for _, c := range [][2]int{{socket.SOCK_STREAM, 0}, {socket.SOCK_DGRAM, 0}, {socket.SOCK_RAW, 253}, {socket.SOCK_RAW, socket.IPPROTO_RAW},
		{socket.SOCK_DGRAM, socket.IPPROTO_ICMP}} {
		k := open(t, w.Stacks[0], c[0], c[1])
		require.NoError(t, k.Close())
		b := make([]byte, 1)
		for name, call := range map[string]func() error{
			"bind":        func() error { return k.Bind(at("0.0.0.0:1")) },
			"listen":      func() error { return k.Listen(1) },
			"accept":      func() error { _, _, err := k.Accept(); return err },
			"connect":     func() error { return k.Connect(server) },
			"send":        func() error { _, err := k.Send(b, 0); return err },
			"sendto":      func() error { _, err := k.SendTo(b, 0, server); return err },
			"sendmsg":     func() error { _, err := k.SendMsg(&socket.Message{Data: b}, 0); return err },
			"recv":        func() error { _, err := k.Recv(b, 0); return err },
			"recvfrom":    func() error { _, _, err := k.RecvFrom(b, 0); return err },
			"recvmsg":     func() error { _, err := k.RecvMsg(&socket.Message{Data: b}, 0); return err },
			"shutdown":    func() error { return k.Shutdown(socket.SHUT_RDWR) },
			"close":       k.Close,
			"getsockname": func() error { _, err := k.Getsockname(); return err },
			"getpeername": func() error { _, err := k.Getpeername(); return err },
			"setsockopt":  func() error { return k.Setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1) },
			"getsockopt":  func() error { _, err := k.Getsockopt(socket.SOL_SOCKET, socket.SO_TYPE); return err },
			"ioctl":       func() error { _, err := k.Ioctl(socket.SIOCINQ); return err },
			"membership":  func() error { return k.Membership(socket.IP_ADD_MEMBERSHIP, at("239.0.0.1:0").Addr(), 2) },
			"bindlink":    func() error { return k.BindLink(socket.LinkAddr{}) },
			"linkname":    func() error { _, err := k.GetsocknameLink(); return err },
			"mreq":        func() error { return k.PacketMembership(socket.PACKET_ADD_MEMBERSHIP, socket.PacketMreq{}) },
			"statistics":  func() error { _, err := k.PacketStatistics(); return err },
			"attach":      func() error { return k.AttachFilter(nil) },
			"detach":      func() error { return k.DetachFilter() },
			"epoll_ctl":   func() error { return w.Stacks[0].NewPoller().Add(k, socket.POLLIN, nil) },
		} {
			require.Equal(t, syscall.EBADF, call(), "%s, type and protocol %v", name, c)
		}
		require.Equal(t, socket.POLLNVAL, k.Poll())
	}
}

// A sleeper is a call that sleeps, and its socket.
type sleeper struct {
	k    *socket.Socket
	call func() error
}

func sleepers(t *testing.T, w *world.World) map[string]sleeper {
	b := make([]byte, 1<<20)
	s := w.Stacks[1]
	_, conn := connect(t, w)
	_, full := connect(t, w)
	l := listen(t, s, 1)
	bound, unbound, ping := dgram(t, s), dgram(t, s), open(t, s, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
	require.NoError(t, bound.Bind(at("0.0.0.0:9")))
	dialing := stream(t, s)
	recv := func(k *socket.Socket) sleeper {
		return sleeper{k, func() error { _, err := k.Recv(b, 0); return err }}
	}
	return map[string]sleeper{
		"recv on a stream":         recv(conn),
		"send on a full stream":    {full, func() error { return fill(full, b) }},
		"accept":                   {l, func() error { _, _, err := l.Accept(); return err }},
		"recv on a datagram":       recv(bound),
		"recv without a port":      recv(unbound),
		"recv on a ping socket":    recv(ping),
		"recv on a raw socket":     recv(open(t, s, socket.SOCK_RAW, 253)),
		"connect to who is silent": {dialing, func() error { return dialing.Connect(at("10.0.0.99:1")) }},
	}
}

func fill(k *socket.Socket, b []byte) error {
	for {
		if _, err := k.Send(b, 0); err != nil {
			return err
		}
	}
}

// Close in another goroutine wakes every call that sleeps, and so does the end
// of the stack: EBADF.
func TestCloseWakesEveryCallThatSleeps(t *testing.T) {
	for how, end := range map[string]func(*ministack.Stack, *socket.Socket) error{
		"close of the socket": func(_ *ministack.Stack, k *socket.Socket) error { return k.Close() },
		"end of the stack":    func(s *ministack.Stack, _ *socket.Socket) error { return s.Close() },
	} {
		for name := range sleepers(t, world.Pair(t)) {
			t.Run(how+", "+name, func(t *testing.T) {
				w := world.Pair(t)
				call := sleepers(t, w)[name]
				var timer clock.Timer
				timer.Init(w.Clock, func(any) { require.NoError(t, end(w.Stacks[1], call.k)) }, nil)
				timer.Reset(w.Clock.Now().Add(time.Second))
				require.Equal(t, syscall.EBADF, call.call())
				require.Equal(t, syscall.EBADF, call.k.Close())
			})
		}
	}
}

func TestDeadlinesWakeWhoSleeps(t *testing.T) {
	w := world.Pair(t)
	c, _ := connect(t, w)
	now := w.Clock.Now()
	c.SetReadDeadline(now.Add(time.Second))
	_, err := c.Recv(make([]byte, 1), 0)
	require.Equal(t, syscall.EAGAIN, err)
	require.Equal(t, time.Second, w.Clock.Now().Sub(now))
	read, write := c.Deadlines()
	require.True(t, read)
	require.False(t, write)
	c.SetReadDeadline(0)
	read, _ = c.Deadlines()
	require.False(t, read)
}
