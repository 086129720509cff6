package wire

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/socket"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// stream is a TCP socket of the kernel's or of the stack's, for the same calls
// on both.
type stream interface {
	set(level, name, value int) error
	get(level, name int) (int, error)
	close()
}

type kernelStream int

func (k kernelStream) set(level, name, value int) error {
	return unix.SetsockoptInt(int(k), level, name, value)
}

func (k kernelStream) get(level, name int) (int, error) {
	return unix.GetsockoptInt(int(k), level, name)
}

func (k kernelStream) close() { _ = unix.Close(int(k)) }

type stackStream struct{ *socket.Socket }

func (s stackStream) set(level, name, value int) error { return s.Setsockopt(level, name, value) }

func (s stackStream) get(level, name int) (int, error) { return s.Getsockopt(level, name) }

func (s stackStream) close() { _ = s.Close() }

// host makes streams in a given state.
type host interface {
	fresh() stream
	listening() stream
	// acceptFrom connects to a listener and returns the accepted end.
	acceptFrom(l stream) stream
	// connected returns both ends of a connection over the loopback device.
	connected() (client, server stream)
}

type kernelHost struct{ t *testing.T }

func (h kernelHost) socket() int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(h.t, err)
	return fd
}

func (h kernelHost) fresh() stream { return kernelStream(h.socket()) }

func (h kernelHost) listen() (int, *unix.SockaddrInet4) {
	fd := h.socket()
	require.NoError(h.t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(h.t, unix.Listen(fd, 5))
	a, err := unix.Getsockname(fd)
	require.NoError(h.t, err)
	return fd, a.(*unix.SockaddrInet4)
}

func (h kernelHost) listening() stream {
	fd, _ := h.listen()
	return kernelStream(fd)
}

func (h kernelHost) acceptFrom(l stream) stream {
	fd := int(l.(kernelStream))
	at, err := unix.Getsockname(fd)
	require.NoError(h.t, err)
	c := h.socket()
	defer unix.Close(c)
	require.NoError(h.t, unix.Connect(c, at))
	s, _, err := unix.Accept(fd)
	require.NoError(h.t, err)
	return kernelStream(s)
}

func (h kernelHost) connected() (client, server stream) {
	l, at := h.listen()
	defer unix.Close(l)
	c := h.socket()
	require.NoError(h.t, unix.Connect(c, at))
	s, _, err := unix.Accept(l)
	require.NoError(h.t, err)
	return kernelStream(c), kernelStream(s)
}

type stackHost struct {
	t *testing.T
	s *ministack.Stack
}

func (h stackHost) socket() *socket.Socket {
	k, err := h.s.Socket(socket.AF_INET, socket.SOCK_STREAM, 0)
	require.NoError(h.t, err)
	return k
}

func (h stackHost) fresh() stream { return stackStream{h.socket()} }

func (h stackHost) listen() *socket.Socket {
	k := h.socket()
	require.NoError(h.t, k.Bind(netip.MustParseAddrPort("127.0.0.1:0")))
	require.NoError(h.t, k.Listen(5))
	return k
}

func (h stackHost) listening() stream { return stackStream{h.listen()} }

func (h stackHost) acceptFrom(l stream) stream {
	k := l.(stackStream)
	at, err := k.Getsockname()
	require.NoError(h.t, err)
	c := h.socket()
	defer c.Close()
	require.NoError(h.t, c.Connect(at))
	s, _, err := k.Accept()
	require.NoError(h.t, err)
	return stackStream{s}
}

func (h stackHost) connected() (client, server stream) {
	l := h.listen()
	defer l.Close()
	at, err := l.Getsockname()
	require.NoError(h.t, err)
	c := h.socket()
	require.NoError(h.t, c.Connect(at))
	s, _, err := l.Accept()
	require.NoError(h.t, err)
	return stackStream{c}, stackStream{s}
}

// inState makes a stream for a case, and what has to be closed in the end.
func inState(h host, state string) (stream, func()) {
	switch state {
	case "fresh":
		s := h.fresh()
		return s, s.close
	case "listening":
		s := h.listening()
		return s, s.close
	}
	c, s := h.connected()
	end := func() { c.close(); s.close() }
	if state == "accepted" {
		return s, end
	}
	return c, end
}

// numbers are the values tried of every option: the edges of each.
var numbers = []int{-1 << 31, -1, 0, 1, 2, 3, 87, 88, 127, 128, 255, 256, 536, 999, 1000, 1448, 4000, 20000, 32767, 32768, 40000,
	65535, 65536, 120000, 120001, 200000, 200001, 1 << 20, 1<<31 - 1}

func outcome(s stream, name, value int) string {
	err := s.set(socket.SOL_TCP, name, value)
	got, gerr := s.get(socket.SOL_TCP, name)
	return fmt.Sprintf("set: %s, get: %d %s", errName(err), got, errName(gerr))
}

func errName(err error) string {
	if e, ok := err.(syscall.Errno); ok && e != 0 {
		return unix.ErrnoName(e)
	}
	return "ok"
}

// Options that are a number: the stack's and the kernel's sockets take and
// refuse the same values, with the same errno, and read back the same, before a
// connection, as a listener, and on both sides of a connection (B46).
func TestNumbersOfTCPAreTheKernels(t *testing.T) {
	k, m := bothHosts(t)
	for _, name := range []int{
		socket.TCP_NODELAY, socket.TCP_MAXSEG, socket.TCP_CORK, socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT,
		socket.TCP_SYNCNT, socket.TCP_LINGER2, socket.TCP_DEFER_ACCEPT, socket.TCP_WINDOW_CLAMP, socket.TCP_QUICKACK,
		socket.TCP_THIN_LINEAR_TIMEOUTS, socket.TCP_USER_TIMEOUT, socket.TCP_FASTOPEN, socket.TCP_NOTSENT_LOWAT,
		socket.TCP_FASTOPEN_CONNECT, socket.TCP_FASTOPEN_NO_COOKIE, socket.TCP_RTO_MAX_MS, socket.TCP_RTO_MIN_US, socket.TCP_DELACK_MAX_US,
	} {
		for _, state := range []string{"fresh", "listening", "connected", "accepted"} {
			compareNumbers(t, k, m, name, state)
		}
	}
}

func compareNumbers(t *testing.T, k, m host, name int, state string) {
	if known := kernelKnows(k, name); !known {
		t.Logf("this kernel has no option %d", name)
		return
	}
	for _, v := range numbers {
		if inJiffies(name, v) {
			continue
		}
		theirs, end := inState(k, state)
		ours, finish := inState(m, state)
		want, got := outcome(theirs, name, v), outcome(ours, name, v)
		if want != got {
			t.Errorf("option %d of a %s socket set to %d\n  kernel: %s\n  stack:  %s", name, state, v, want, got)
		}
		end()
		finish()
	}
}

func kernelKnows(k host, name int) bool {
	s := k.fresh()
	defer s.close()
	_, err := s.get(socket.SOL_TCP, name)
	return err == nil
}

// inJiffies reports whether the kernel rounds a value up to its ticks, which
// are one to ten milliseconds, and with it where the allowed ones begin.
func inJiffies(name, v int) bool {
	switch name {
	case socket.TCP_RTO_MIN_US, socket.TCP_DELACK_MAX_US:
		return v > 0 && v%20000 != 0 && v < 200000
	case socket.TCP_RTO_MAX_MS:
		return v > 1000 && v%20 != 0 && v < 120000
	}
	return false
}

func bothHosts(t *testing.T) (kernelHost, stackHost) {
	ip(t, "link set lo up")
	s, err := ministack.New(ministack.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return kernelHost{t}, stackHost{t, s}
}

// What a listener was told counts for the connections that it accepts, or does
// not, as with the kernel.
func TestAcceptedStreamsInheritAsTheKernels(t *testing.T) {
	k, m := bothHosts(t)
	for _, c := range []struct{ level, name, value int }{
		{socket.SOL_TCP, socket.TCP_NODELAY, 1}, {socket.SOL_TCP, socket.TCP_CORK, 1}, {socket.SOL_TCP, socket.TCP_KEEPIDLE, 11},
		{socket.SOL_TCP, socket.TCP_KEEPINTVL, 12}, {socket.SOL_TCP, socket.TCP_KEEPCNT, 13}, {socket.SOL_TCP, socket.TCP_SYNCNT, 3},
		{socket.SOL_TCP, socket.TCP_LINGER2, 14}, {socket.SOL_TCP, socket.TCP_WINDOW_CLAMP, 40000}, {socket.SOL_TCP, socket.TCP_QUICKACK, 0},
		{socket.SOL_TCP, socket.TCP_THIN_LINEAR_TIMEOUTS, 1}, {socket.SOL_TCP, socket.TCP_USER_TIMEOUT, 5000},
		{socket.SOL_TCP, socket.TCP_NOTSENT_LOWAT, 9000}, {socket.SOL_TCP, socket.TCP_FASTOPEN_NO_COOKIE, 1},
		{socket.SOL_TCP, socket.TCP_RTO_MIN_US, 40000}, {socket.SOL_TCP, socket.TCP_RTO_MAX_MS, 4000},
		{socket.SOL_TCP, socket.TCP_DELACK_MAX_US, 40000}, {socket.SOL_TCP, socket.TCP_DEFER_ACCEPT, 0},
		{socket.SOL_TCP, socket.TCP_MAXSEG, 500}, {socket.SOL_TCP, socket.TCP_FASTOPEN, 3},
		{socket.SOL_SOCKET, socket.SO_REUSEADDR, 1}, {socket.SOL_SOCKET, socket.SO_REUSEPORT, 1}, {socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1},
		{socket.SOL_SOCKET, socket.SO_OOBINLINE, 1}, {socket.SOL_SOCKET, socket.SO_RCVBUF, 30000}, {socket.SOL_SOCKET, socket.SO_SNDBUF, 30000},
		{socket.SOL_SOCKET, socket.SO_MAX_PACING_RATE, 70000}, {socket.SOL_IP, socket.IP_TOS, 0x28}, {socket.SOL_IP, socket.IP_TTL, 33},
		{socket.SOL_IP, socket.IP_MTU_DISCOVER, 2}, {socket.SOL_IP, socket.IP_RECVERR, 1},
	} {
		var seen []string
		for _, h := range []host{k, m} {
			l := h.listening()
			err := l.set(c.level, c.name, c.value)
			s := h.acceptFrom(l)
			got, gerr := s.get(c.level, c.name)
			seen = append(seen, fmt.Sprintf("set: %s, accepted: %d %s", errName(err), got, errName(gerr)))
			s.close()
			l.close()
		}
		if seen[0] != seen[1] {
			t.Errorf("level %d option %d set to %d\n  kernel: %s\n  stack:  %s", c.level, c.name, c.value, seen[0], seen[1])
		}
	}
}
