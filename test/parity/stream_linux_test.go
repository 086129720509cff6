package parity

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/socket"
)

// Stream sockets, both ends on the host's loopback device (B38 to B46, B49).

func (h *host) stream() calls { return h.socket(socket.AF_INET, socket.SOCK_STREAM, 0) }

// listener returns one on a port of the stack's choice.
func (h *host) listener(backlog int) (calls, netip.AddrPort) {
	l := h.stream()
	require.NoError(h.t, l.Bind(netip.AddrPortFrom(loopback, 0)))
	require.NoError(h.t, l.Listen(backlog))
	at, err := l.Getsockname()
	require.NoError(h.t, err)
	return l, at
}

// pair returns the two ends of a connection, the active one first.
func (h *host) pair() (a, b calls) {
	l, at := h.listener(5)
	a = h.stream()
	require.NoError(h.t, a.Connect(at))
	b = h.accepted(l)
	require.NoError(h.t, l.Close())
	return a, b
}

func (h *host) accepted(l calls) calls {
	c, _, err := l.accept()
	require.NoError(h.t, err)
	h.set(c, socket.SOL_SOCKET, socket.SO_RCVTIMEO, int(patience/time.Microsecond))
	h.t.Cleanup(func() { _ = c.Close() })
	return c
}

// becomes demands that the socket is ready for that, soon and for good.
func (h *host) becomes(s calls, want inet.Ready, why ...any) {
	h.t.Helper()
	var got inet.Ready
	for range 200 {
		if got = s.Poll(); got == want {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	require.Equal(h.t, want, got, why...)
}

func (h *host) sends(s calls, text string, flags int) {
	h.t.Helper()
	n, err := s.Send([]byte(text), flags)
	require.NoError(h.t, err)
	require.Equal(h.t, len(text), n)
}

func (h *host) reads(s calls, want string, flags int) {
	h.t.Helper()
	buf := make([]byte, 100)
	n, err := s.Recv(buf, flags)
	require.NoError(h.t, err)
	require.Equal(h.t, want, string(buf[:n]))
}

func (h *host) fails(want syscall.Errno, err error, why ...any) {
	h.t.Helper()
	require.Equal(h.t, error(want), err, why...)
}

func recvError(s calls, flags int) error {
	_, err := s.Recv(make([]byte, 10), flags)
	return err
}

func sendError(s calls, flags int) error {
	_, err := s.Send([]byte("x"), flags)
	return err
}

// B38: calls in the wrong order.
func TestB38CallsInTheWrongOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		l, at := h.listener(1)
		other := h.stream()
		h.fails(syscall.EADDRINUSE, other.Bind(at))
		h.fails(syscall.EINVAL, l.Bind(netip.AddrPortFrom(loopback, 0)), "bind twice")
		_, _, err := other.accept()
		h.fails(syscall.EINVAL, err, "accept without listen")
		require.NoError(t, other.Connect(at))
		h.fails(syscall.EINVAL, other.Listen(1), "listen on a connection")
		h.fails(syscall.EISCONN, l.Connect(at), "connect on a listener")
		h.fails(syscall.EISCONN, other.Connect(at))
		h.fails(syscall.EINVAL, other.Bind(netip.AddrPortFrom(loopback, 0)))
		require.NoError(t, l.Listen(2), "listen again changes the backlog")
	})
}

// B39: calls that want a connection.
func TestB39NotConnected(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.stream()
		h.fails(syscall.ENOTCONN, recvError(s, 0))
		h.fails(syscall.EPIPE, sendError(s, 0))
		h.fails(syscall.ENOTCONN, s.Shutdown(socket.SHUT_WR))
		_, err := s.Getpeername()
		h.fails(syscall.ENOTCONN, err)
		at, err := s.Getsockname()
		require.NoError(t, err)
		require.Equal(t, netip.AddrPortFrom(netip.IPv4Unspecified(), 0), at)
		require.NoError(t, s.Listen(1))
		at, err = s.Getsockname()
		require.NoError(t, err)
		require.GreaterOrEqual(t, at.Port(), uint16(32768))
		require.LessOrEqual(t, at.Port(), uint16(60999))
		h.fails(syscall.ENOTCONN, recvError(s, 0), "a listener")
		h.fails(syscall.EPIPE, sendError(s, 0))
	})
}

// B40: a connect that does not wait, and what poll says meanwhile.
func TestB40NonBlockingConnect(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		_, at := h.listener(5)
		s := h.stream()
		require.Equal(t, socket.POLLOUT|socket.POLLHUP, s.Poll(), "before it")
		s.SetNonblock(true)
		h.fails(syscall.EINPROGRESS, s.Connect(netip.AddrPortFrom(peerAddr, 9)))
		require.Zero(t, s.Poll(), "the SYN is on its way")
		h.fails(syscall.EALREADY, s.Connect(netip.AddrPortFrom(peerAddr, 9)))
		s = h.stream()
		s.SetNonblock(true)
		h.fails(syscall.EINPROGRESS, s.Connect(at))
		h.becomes(s, socket.POLLOUT)
		require.NoError(t, s.Connect(at), "once")
		h.fails(syscall.EISCONN, s.Connect(at))
		h.fails(syscall.EAGAIN, recvError(s, 0))

		s = h.stream()
		s.SetNonblock(true)
		h.fails(syscall.EINPROGRESS, s.Connect(netip.AddrPortFrom(loopback, 1)))
		h.becomes(s, socket.POLLIN|socket.POLLOUT|socket.POLLERR|socket.POLLHUP|socket.POLLRDHUP, "refused")
		for _, want := range []syscall.Errno{syscall.ECONNREFUSED, 0} {
			v, err := s.Getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
			require.NoError(t, err)
			require.Equal(t, int(want), v, "reading clears it")
		}
		require.Equal(t, socket.POLLIN|socket.POLLOUT|socket.POLLHUP|socket.POLLRDHUP, s.Poll())
	})
}

// B41: a closed port, and no route.
func TestB41ConnectFails(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		h.fails(syscall.ECONNREFUSED, h.stream().Connect(netip.AddrPortFrom(loopback, 1)))
		h.fails(syscall.ENETUNREACH, h.stream().Connect(netip.MustParseAddrPort("192.0.2.1:9")))
		s := h.stream()
		h.fails(syscall.ECONNREFUSED, s.Connect(netip.AddrPortFrom(loopback, 1)))
		h.fails(syscall.ECONNREFUSED, s.Connect(netip.AddrPortFrom(loopback, 1)), "and it may be tried again")
	})
}

// B42: half close, with what poll says on both sides.
func TestB42HalfClose(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		a, b := h.pair()
		require.Equal(t, socket.POLLOUT, a.Poll())
		h.sends(a, "last", 0)
		require.NoError(t, a.Shutdown(socket.SHUT_WR))
		require.Equal(t, socket.POLLOUT, a.Poll())
		h.becomes(b, socket.POLLIN|socket.POLLOUT|socket.POLLRDHUP)
		h.reads(b, "last", 0)
		h.reads(b, "", 0)
		require.Equal(t, socket.POLLIN|socket.POLLOUT|socket.POLLRDHUP, b.Poll())
		h.sends(b, "still", 0)
		h.reads(a, "still", 0)
		h.fails(syscall.EPIPE, sendError(a, 0))
		require.NoError(t, b.Shutdown(socket.SHUT_WR))
		h.becomes(a, socket.POLLIN|socket.POLLOUT|socket.POLLRDHUP|socket.POLLHUP, "both halves are over")
		h.becomes(b, socket.POLLIN|socket.POLLOUT|socket.POLLRDHUP|socket.POLLHUP)
		h.reads(a, "", 0)
	})
}

// Shutdown of the reading half is the socket's own affair.
func TestShutdownOfReading(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		a, b := h.pair()
		require.NoError(t, a.Shutdown(socket.SHUT_RD))
		require.Equal(t, socket.POLLIN|socket.POLLOUT|socket.POLLRDHUP, a.Poll())
		h.reads(a, "", 0)
		h.sends(b, "data", 0)
		time.Sleep(20 * time.Millisecond)
		h.reads(a, "data", 0)
		h.sends(a, "back", 0)
		h.reads(b, "back", 0)
		h.fails(syscall.EINVAL, a.Shutdown(3))
	})
}

// B43: resets, by linger, by unread data, and by sending to who has closed.
func TestB43Resets(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		reset := socket.POLLIN | socket.POLLOUT | socket.POLLERR | socket.POLLHUP | socket.POLLRDHUP
		a, b := h.pair()
		h.set(a, socket.SOL_SOCKET, socket.SO_LINGER, 0)
		require.NoError(t, a.Close())
		h.becomes(b, reset)
		h.fails(syscall.ECONNRESET, recvError(b, 0))
		h.reads(b, "", 0)
		h.fails(syscall.EPIPE, sendError(b, 0))
		require.Equal(t, reset&^socket.POLLERR, b.Poll())

		a, b = h.pair()
		h.sends(b, "unread", 0)
		h.becomes(a, socket.POLLIN|socket.POLLOUT)
		require.NoError(t, a.Close())
		h.becomes(b, reset)
		h.fails(syscall.ECONNRESET, recvError(b, 0))

		a, b = h.pair()
		require.NoError(t, a.Close())
		h.becomes(b, socket.POLLIN|socket.POLLOUT|socket.POLLRDHUP)
		h.sends(b, "first", 0)
		h.becomes(b, reset)
		h.fails(syscall.EPIPE, sendError(b, 0))

		a, b = h.pair()
		h.set(a, socket.SOL_SOCKET, socket.SO_LINGER, 0)
		require.NoError(t, a.Close())
		h.becomes(b, reset)
		h.fails(syscall.ECONNRESET, sendError(b, 0), "the error is told once")
		h.fails(syscall.EPIPE, sendError(b, 0))
	})
}

// SO_LINGER with a time waits for the peer's acknowledgement, which comes.
func TestLingerWaits(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		a, b := h.pair()
		h.set(a, socket.SOL_SOCKET, socket.SO_LINGER, 5)
		h.sends(a, "data", 0)
		require.NoError(t, a.Close())
		h.reads(b, "data", 0)
		h.reads(b, "", 0)
	})
}

// B44: a backlog of 1 completes two connections, the next wait without RST.
func TestB44TheBacklog(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		l, at := h.listener(1)
		var clients []calls
		for range 4 {
			s := h.stream()
			s.SetNonblock(true)
			h.fails(syscall.EINPROGRESS, s.Connect(at))
			clients = append(clients, s)
			time.Sleep(20 * time.Millisecond)
		}
		h.becomes(l, socket.POLLIN)
		var got []inet.Ready
		for _, s := range clients {
			got = append(got, s.Poll())
		}
		require.Equal(t, []inet.Ready{socket.POLLOUT, socket.POLLOUT, 0, 0}, got)
		h.accepted(l)
		h.accepted(l)
		l.SetNonblock(true)
		_, _, err := l.accept()
		h.fails(syscall.EAGAIN, err)
		require.Zero(t, l.Poll())
	})
}

// B45: who closed first keeps the port for a while.
func TestB45BindOverTimeWait(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		l := h.stream()
		h.set(l, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		require.NoError(t, l.Bind(netip.AddrPortFrom(loopback, 7001)))
		require.NoError(t, l.Listen(1))
		at := netip.AddrPortFrom(loopback, 7001)
		c := h.stream()
		require.NoError(t, c.Connect(at))
		s := h.accepted(l)
		require.NoError(t, s.Close())
		h.reads(c, "", 0)
		require.NoError(t, c.Close())
		require.NoError(t, l.Close())
		time.Sleep(20 * time.Millisecond)
		again := h.stream()
		h.fails(syscall.EADDRINUSE, again.Bind(at))
		h.set(again, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		require.NoError(t, again.Bind(at))
		require.NoError(t, again.Listen(1))
	})
}

// B46: peeking, queues, timeouts and sizes.
func TestB46QueuesAndTimeouts(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		a, b := h.pair()
		h.sends(a, "hello", 0)
		h.reads(b, "hello", socket.MSG_PEEK)
		inq, err := b.Ioctl(socket.SIOCINQ)
		require.NoError(t, err)
		require.Equal(t, 5, inq)
		require.Eventually(t, func() bool {
			out, err := a.Ioctl(socket.SIOCOUTQ)
			return err == nil && out == 0
		}, patience, time.Millisecond, "it is acknowledged")
		n, err := b.Recv(make([]byte, 3), socket.MSG_TRUNC)
		require.NoError(t, err)
		require.Equal(t, 3, n)
		h.reads(b, "lo", 0)
		h.set(b, socket.SOL_SOCKET, socket.SO_RCVTIMEO, 60_000)
		start := time.Now()
		h.fails(syscall.EAGAIN, recvError(b, 0))
		require.GreaterOrEqual(t, time.Since(start), 50*time.Millisecond)
		h.sends(a, "ab", 0)
		n, err = b.Recv(make([]byte, 5), socket.MSG_WAITALL)
		require.NoError(t, err)
		require.Equal(t, 2, n, "what there is when the time is over")
		h.set(b, socket.SOL_SOCKET, socket.SO_RCVBUF, 10000)
		v, err := b.Getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
		require.NoError(t, err)
		require.Equal(t, 20000, v)
	})
}

// B49: urgent data.
func TestB49UrgentData(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		a, b := h.pair()
		h.fails(syscall.EINVAL, recvError(b, socket.MSG_OOB), "none came")
		h.sends(a, "ab", 0)
		h.sends(a, "!", socket.MSG_OOB)
		h.sends(a, "cd", 0)
		h.becomes(b, socket.POLLIN|socket.POLLPRI|socket.POLLOUT)
		mark := func() int {
			v, err := b.Ioctl(socket.SIOCATMARK)
			require.NoError(t, err)
			return v
		}
		require.Zero(t, mark())
		h.reads(b, "ab", 0)
		require.Equal(t, 1, mark())
		h.reads(b, "!", socket.MSG_OOB|socket.MSG_PEEK)
		h.reads(b, "!", socket.MSG_OOB)
		h.becomes(b, socket.POLLIN|socket.POLLOUT)
		h.fails(syscall.EINVAL, recvError(b, socket.MSG_OOB), "once")
		h.reads(b, "cd", 0)
		require.Zero(t, mark())
		h.set(b, socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
		h.fails(syscall.EINVAL, recvError(b, socket.MSG_OOB))
		h.sends(a, "x?", socket.MSG_OOB)
		h.becomes(b, socket.POLLIN|socket.POLLPRI|socket.POLLOUT)
		h.reads(b, "x", 0)
		require.Equal(t, 1, mark())
		h.reads(b, "?", 0)
		require.Equal(t, socket.POLLOUT, b.Poll())
	})
}

// SO_RCVLOWAT: a read, and poll, wait for so much.
func TestRcvLowat(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		a, b := h.pair()
		v, err := b.Getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		h.set(b, socket.SOL_SOCKET, socket.SO_RCVLOWAT, 4)
		h.sends(a, "abc", 0)
		time.Sleep(30 * time.Millisecond)
		require.Equal(t, socket.POLLOUT, b.Poll())
		h.set(b, socket.SOL_SOCKET, socket.SO_RCVTIMEO, 50_000)
		h.reads(b, "abc", 0) // what there is when the time is over
		h.sends(a, "abcd", 0)
		h.becomes(b, socket.POLLIN|socket.POLLOUT)
		h.reads(b, "abcd", 0)
		h.set(b, socket.SOL_SOCKET, socket.SO_RCVLOWAT, 0)
		v, err = b.Getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		h.set(b, socket.SOL_SOCKET, socket.SO_RCVLOWAT, 100)
		h.sends(a, "end", 0)
		require.NoError(t, a.Close())
		h.becomes(b, socket.POLLIN|socket.POLLOUT|socket.POLLRDHUP, "the end counts")
		h.reads(b, "end", 0)
	})
}

// What poll says of datagram sockets.
func TestReadinessOfDatagramSockets(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.bound(9)
		require.Equal(t, socket.POLLOUT, s.Poll())
		h.datagram(9, "", nil)
		h.becomes(s, socket.POLLIN|socket.POLLOUT, "an empty one, too")
		h.reads(s, "", 0)
		require.Equal(t, socket.POLLOUT, s.Poll())
		require.NoError(t, s.Connect(netip.AddrPortFrom(peerAddr, 1)))
		require.NoError(t, s.Shutdown(socket.SHUT_RD))
		require.Equal(t, socket.POLLIN|socket.POLLOUT|socket.POLLRDHUP, s.Poll())
		h.reads(s, "", 0)
		require.NoError(t, s.Shutdown(socket.SHUT_WR))
		require.Equal(t, socket.POLLIN|socket.POLLOUT|socket.POLLRDHUP|socket.POLLHUP, s.Poll())
		h.fails(syscall.EPIPE, sendError(s, 0))
		other := h.dgram()
		h.fails(syscall.ENOTCONN, other.Shutdown(socket.SHUT_RD))
	})
}

// MSG_PEEK with MSG_WAITALL waits for all, and takes nothing.
func TestPeekingForAll(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		a, b := h.pair()
		h.sends(a, "ab", 0)
		go func() {
			time.Sleep(100 * time.Millisecond)
			_, _ = a.Send([]byte("cd"), 0)
		}()
		buf := make([]byte, 4)
		n, err := b.Recv(buf, socket.MSG_PEEK|socket.MSG_WAITALL)
		require.NoError(t, err)
		require.Equal(t, "abcd", string(buf[:n]))
		h.reads(b, "abcd", 0)
	})
}
