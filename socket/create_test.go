package socket_test

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// stream and dgram return new sockets.
func stream(t testing.TB, s *ministack.Stack) *socket.Socket {
	return open(t, s, socket.SOCK_STREAM, 0)
}
func dgram(t testing.TB, s *ministack.Stack) *socket.Socket { return open(t, s, socket.SOCK_DGRAM, 0) }

func open(t testing.TB, s *ministack.Stack, typ, protocol int) *socket.Socket {
	t.Helper()
	k, err := s.Socket(socket.AF_INET, typ, protocol)
	require.NoError(t, err)
	return k
}

// server is where listen listens.
var server = at(world.Addr(1) + ":80")

// listen listens on port 80, with SO_REUSEADDR as servers have it.
func listen(t testing.TB, s *ministack.Stack, backlog int) *socket.Socket {
	t.Helper()
	l := stream(t, s)
	require.NoError(t, l.Setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1))
	require.NoError(t, l.Bind(at("0.0.0.0:80")))
	require.NoError(t, l.Listen(backlog))
	return l
}

// connect returns both ends of a connection between the stacks of a pair.
func connect(t testing.TB, w *world.World) (client, served *socket.Socket) {
	t.Helper()
	l := listen(t, w.Stacks[1], 1)
	client = stream(t, w.Stacks[0])
	require.NoError(t, client.Connect(server))
	served, from, err := l.Accept()
	require.NoError(t, err)
	local, err := client.Getsockname()
	require.NoError(t, err)
	require.Equal(t, local, from)
	require.NoError(t, l.Close())
	return client, served
}

// B1: which sockets there are, and what the others are refused with.
func TestSocketIsMadeOrRefusedAsLinuxDoes(t *testing.T) {
	w := world.Pair(t)
	for _, c := range []struct {
		domain, typ, protocol int
		want                  error
	}{
		{socket.AF_INET, socket.SOCK_STREAM, 0, nil},
		{socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, nil},
		{socket.AF_INET, socket.SOCK_DGRAM, 0, nil},
		{socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP, nil},
		{socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP, nil},
		{socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0, nil},
		{socket.AF_INET, socket.SOCK_RAW, 0, syscall.EPROTONOSUPPORT},
		{socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_UDP, syscall.EPROTONOSUPPORT},
		{socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_TCP, syscall.EPROTONOSUPPORT},
		{socket.AF_INET, socket.SOCK_STREAM, -1, syscall.EINVAL},
		{socket.AF_INET, socket.SOCK_STREAM, 263, syscall.EINVAL},
		{socket.AF_INET, socket.SOCK_STREAM, 262, syscall.EPROTONOSUPPORT},
		{socket.AF_INET, 5, 0, syscall.ESOCKTNOSUPPORT},
		{socket.AF_INET, 11, 0, syscall.EINVAL},
		{socket.AF_INET, -1, 0, syscall.EINVAL},
		{10, socket.SOCK_STREAM, 0, syscall.EAFNOSUPPORT},
		{socket.AF_UNSPEC, socket.SOCK_STREAM, 0, syscall.EAFNOSUPPORT},
	} {
		k, err := w.Stacks[0].Socket(c.domain, c.typ, c.protocol)
		why := fmt.Sprintf("socket(%d, %#x, %d)", c.domain, c.typ, c.protocol)
		if c.want != nil {
			require.Equal(t, c.want, err, why)
			continue
		}
		require.NoError(t, err, why)
		require.NoError(t, k.Close())
	}
}

func TestSOCK_NONBLOCKIsAnEmptySocketsEAGAIN(t *testing.T) {
	w := world.Pair(t)
	k := open(t, w.Stacks[0], socket.SOCK_DGRAM|socket.SOCK_NONBLOCK, 0)
	_, err := k.Recv(make([]byte, 1), 0)
	require.Equal(t, syscall.EAGAIN, err)
}

// B48: permission for ping sockets is as configured.
func TestPingSocketsNeedPermission(t *testing.T) {
	w := world.Pair(t)
	s := w.Stacks[0]
	require.NoError(t, open(t, s, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).Close())
	require.NoError(t, s.SetSysctl("net.ipv4.ping_group_range", "1 0"))
	_, err := s.Socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
	require.Equal(t, syscall.EACCES, err)
}
