package socket_test

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// read reads without waiting.
func read(k *socket.Socket) (string, error) {
	buf := make([]byte, 1000)
	n, err := k.Recv(buf, socket.MSG_DONTWAIT)
	return string(buf[:n]), err
}

func requireRead(t testing.TB, k *socket.Socket, want string) {
	t.Helper()
	got, err := read(k)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func send(t testing.TB, k *socket.Socket, what string, flags int) {
	t.Helper()
	n, err := k.Send([]byte(what), flags)
	require.NoError(t, err)
	require.Equal(t, len(what), n)
}

func TestB38WrongOrderOfCalls(t *testing.T) {
	w := world.Pair(t)
	s := w.Stacks[1]
	l := listen(t, s, 1)
	other := stream(t, s)
	require.Equal(t, syscall.EADDRINUSE, other.Bind(at("0.0.0.0:80")))
	require.NoError(t, other.Bind(at("0.0.0.0:81")))
	require.Equal(t, syscall.EINVAL, other.Bind(at("0.0.0.0:82")), "bind twice")
	_, _, err := other.Accept()
	require.Equal(t, syscall.EINVAL, err, "accept on a socket that does not listen")
	require.Equal(t, syscall.EISCONN, l.Connect(at(world.Addr(0)+":80")))
	client := stream(t, w.Stacks[0])
	require.NoError(t, client.Connect(server))
	require.Equal(t, syscall.EINVAL, client.Listen(1), "listen on a connected one")
	u, v := dgram(t, s), dgram(t, s)
	require.NoError(t, u.Bind(at("0.0.0.0:80")), "UDP's ports are its own")
	require.Equal(t, syscall.EADDRINUSE, v.Bind(at("10.0.0.2:80")))
	require.Equal(t, syscall.EOPNOTSUPP, u.Listen(1))
	_, _, err = u.Accept()
	require.Equal(t, syscall.EOPNOTSUPP, err)
}

func TestB39NotConnected(t *testing.T) {
	w := world.Pair(t)
	k := stream(t, w.Stacks[0])
	_, err := k.Recv(make([]byte, 1), 0)
	require.Equal(t, syscall.ENOTCONN, err)
	_, err = k.Send([]byte("x"), 0)
	require.Equal(t, syscall.EPIPE, err)
	_, err = k.Getpeername()
	require.Equal(t, syscall.ENOTCONN, err)
	require.Equal(t, syscall.ENOTCONN, k.Shutdown(socket.SHUT_WR))
	require.NoError(t, k.Listen(1), "listen without bind")
	local, err := k.Getsockname()
	require.NoError(t, err)
	require.True(t, local.Port() >= 32768 && local.Port() <= 60999, "%v", local)
	_, err = k.Getpeername()
	require.Equal(t, syscall.ENOTCONN, err)
}

func TestB40NonBlockingConnect(t *testing.T) {
	w := world.Pair(t)
	listen(t, w.Stacks[1], 1)
	k := stream(t, w.Stacks[0])
	k.SetNonblock(true)
	require.Equal(t, syscall.EINPROGRESS, k.Connect(server))
	require.Equal(t, syscall.EALREADY, k.Connect(server))
	require.Zero(t, k.Poll()&socket.POLLOUT)
	w.Clock.Run(time.Millisecond)
	require.NotZero(t, k.Poll()&socket.POLLOUT)
	require.NoError(t, k.Connect(server))
	require.Equal(t, syscall.EISCONN, k.Connect(server))
	_, err := k.Recv(make([]byte, 1), 0)
	require.Equal(t, syscall.EAGAIN, err, "an empty socket")

	refused := stream(t, w.Stacks[0])
	refused.SetNonblock(true)
	require.Equal(t, syscall.EINPROGRESS, refused.Connect(at(world.Addr(1)+":81")))
	w.Clock.Run(time.Millisecond)
	require.NotZero(t, refused.Poll()&socket.POLLERR)
	for _, want := range []int{int(syscall.ECONNREFUSED), 0} { // SO_ERROR is cleared by reading
		got, err := refused.Getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestB41ConnectFails(t *testing.T) {
	w := world.Pair(t)
	require.Equal(t, syscall.ECONNREFUSED, stream(t, w.Stacks[0]).Connect(at(world.Addr(1)+":81")))
	require.Equal(t, syscall.ENETUNREACH, stream(t, w.Stacks[0]).Connect(at("192.0.2.1:80")))
	require.Equal(t, syscall.EHOSTUNREACH, stream(t, w.Stacks[0]).Connect(at("10.0.0.77:80")), "B29")
}

func TestB42HalfClose(t *testing.T) {
	w := world.Pair(t)
	c, s := connect(t, w)
	require.NoError(t, c.Shutdown(socket.SHUT_WR))
	_, err := c.Send([]byte("x"), 0)
	require.Equal(t, syscall.EPIPE, err)
	n, err := s.Recv(make([]byte, 1), 0)
	require.NoError(t, err)
	require.Zero(t, n)
	send(t, s, "still here", 0)
	w.Clock.Run(time.Millisecond)
	requireRead(t, c, "still here")
}

func TestB43Resets(t *testing.T) {
	w := world.Pair(t)
	c, s := connect(t, w)
	require.NoError(t, c.Setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 0))
	require.NoError(t, c.Close())
	w.Clock.Run(time.Millisecond)
	_, err := read(s)
	require.Equal(t, syscall.ECONNRESET, err)
	requireRead(t, s, "")
	_, err = s.Send([]byte("x"), 0)
	require.Equal(t, syscall.EPIPE, err)

	c, s = connect(t, w)
	send(t, s, "never read", 0)
	w.Clock.Run(time.Millisecond)
	require.NoError(t, c.Close(), "with unread data")
	w.Clock.Run(time.Millisecond)
	_, err = read(s)
	require.Equal(t, syscall.ECONNRESET, err)

	c, s = connect(t, w)
	require.NoError(t, c.Close())
	w.Clock.Run(time.Millisecond)
	send(t, s, "the first succeeds", 0)
	w.Clock.Run(100 * time.Millisecond)
	_, err = s.Send([]byte("the second"), 0)
	require.Equal(t, syscall.EPIPE, err)
}

func TestB45BindOverTimeWait(t *testing.T) {
	w := world.Pair(t)
	c, s := connect(t, w)
	require.NoError(t, s.Close())
	w.Clock.Run(time.Millisecond)
	require.NoError(t, c.Close())
	w.Clock.Run(time.Millisecond)
	again := stream(t, w.Stacks[1])
	require.Equal(t, syscall.EADDRINUSE, again.Bind(at("0.0.0.0:80")))
	require.NoError(t, again.Setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1))
	require.NoError(t, again.Bind(at("0.0.0.0:80")))
	require.NoError(t, again.Close())
	w.Clock.Run(61 * time.Second)
	require.NoError(t, stream(t, w.Stacks[1]).Bind(at("0.0.0.0:80")), "TIME-WAIT is over")
}

func TestB46QueuesPeekAndTimeouts(t *testing.T) {
	w := world.Pair(t)
	c, s := connect(t, w)
	send(t, c, "hello", 0)
	out, err := c.Ioctl(socket.SIOCOUTQ)
	require.NoError(t, err)
	require.Equal(t, 5, out)
	w.Clock.Run(100 * time.Millisecond)
	out, err = c.Ioctl(socket.SIOCOUTQ)
	require.NoError(t, err)
	require.Zero(t, out)
	in, err := s.Ioctl(socket.SIOCINQ)
	require.NoError(t, err)
	require.Equal(t, 5, in)
	buf := make([]byte, 10)
	n, err := s.Recv(buf, socket.MSG_PEEK)
	require.NoError(t, err)
	require.Equal(t, "hello", string(buf[:n]))
	requireRead(t, s, "hello")
	require.NoError(t, s.Setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 50_000))
	began := w.Clock.Now()
	_, err = s.Recv(buf, 0)
	require.Equal(t, syscall.EAGAIN, err)
	require.Equal(t, 50*time.Millisecond, w.Clock.Now().Sub(began))
	_, err = s.Ioctl(0x1234)
	require.Equal(t, syscall.ENOTTY, err)
}

func TestAcceptedSocketsInheritTheTimeouts(t *testing.T) {
	w := world.Pair(t)
	l := listen(t, w.Stacks[1], 1)
	require.NoError(t, l.Setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 70_000))
	_, _, err := l.Accept()
	require.Equal(t, syscall.EAGAIN, err)
	require.NoError(t, stream(t, w.Stacks[0]).Connect(server))
	s, _, err := l.Accept()
	require.NoError(t, err)
	got, err := s.Getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO)
	require.NoError(t, err)
	require.Equal(t, 70_000, got)
}

func TestB49UrgentData(t *testing.T) {
	w := world.Pair(t)
	c, s := connect(t, w)
	send(t, c, "ab", 0)
	send(t, c, "!", socket.MSG_OOB)
	send(t, c, "cd", 0)
	w.Clock.Run(100 * time.Millisecond)
	require.NotZero(t, s.Poll()&socket.POLLPRI)
	requireRead(t, s, "ab")
	mark, err := s.Ioctl(socket.SIOCATMARK)
	require.NoError(t, err)
	require.Equal(t, 1, mark)
	b := make([]byte, 1)
	_, err = s.Recv(b, socket.MSG_OOB)
	require.NoError(t, err)
	require.Equal(t, "!", string(b))
	requireRead(t, s, "cd")

	c, s = connect(t, w)
	require.NoError(t, s.Setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1))
	send(t, c, "!", socket.MSG_OOB)
	w.Clock.Run(100 * time.Millisecond)
	requireRead(t, s, "!")
}

// B48: only the socket's own identifier's replies, whatever identifier the
// user wrote.
func TestB48PingSockets(t *testing.T) {
	w := world.Pair(t)
	to := netip.AddrPortFrom(server.Addr(), 0)
	a := open(t, w.Stacks[0], socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
	b := open(t, w.Stacks[0], socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
	require.NoError(t, a.Bind(at("10.0.0.1:700")))
	require.Equal(t, syscall.EINVAL, a.Bind(at("10.0.0.1:701")))
	require.NoError(t, b.Setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0))
	require.Equal(t, syscall.EADDRINUSE, b.Bind(at("0.0.0.0:700")))
	require.Equal(t, syscall.EADDRNOTAVAIL, b.Bind(at("10.0.0.5:701")))
	require.NoError(t, b.Bind(at("0.0.0.0:701")))
	request := []byte{8, 0, 0, 0, 0x02, 0xbd, 0, 5, 'd', 'a', 't', 'a'} // identifier 701, b's
	_, err := a.SendTo(request, 0, to)
	require.NoError(t, err)
	w.Clock.Run(time.Millisecond)
	_, err = read(b)
	require.Equal(t, syscall.EAGAIN, err)
	require.NoError(t, a.Setsockopt(socket.SOL_IP, socket.IP_RECVTTL, 1))
	m := socket.Message{Data: make([]byte, 100)}
	n, err := a.RecvMsg(&m, 0)
	require.NoError(t, err)
	require.Equal(t, to, m.Addr)
	require.Equal(t, uint8(64), m.TTL)
	require.Equal(t, []byte{0, 0}, m.Data[:2], "an echo reply")
	require.Equal(t, []byte{0x02, 0xbc, 0, 5, 'd', 'a', 't', 'a'}, m.Data[4:n], "identifier 700")
	for _, bad := range [][]byte{{0, 0, 0, 0, 0, 0, 0, 0}, {8, 1, 0, 0, 0, 0, 0, 0}, {8, 0, 0}} {
		_, err = a.SendTo(bad, 0, to)
		require.Equal(t, syscall.EINVAL, err, "%v is no echo request", bad)
	}
	_, err = a.Send(request, 0)
	require.Equal(t, syscall.EDESTADDRREQ, err)
	require.NoError(t, a.Connect(to))
	send(t, a, string(request), 0)
	require.NoError(t, a.Connect(netip.AddrPort{}))
	_, err = a.Send(request, 0)
	require.Equal(t, syscall.EDESTADDRREQ, err)
	require.NoError(t, a.Close())
	require.NoError(t, open(t, w.Stacks[0], socket.SOCK_DGRAM, socket.IPPROTO_ICMP).Bind(at("0.0.0.0:700")), "free again")
}
