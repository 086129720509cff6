package ministack_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"
	"net/netip"
)

// pair returns two stacks on the real clock, joined by a pipe.
func pair(t *testing.T) (a, b *ministack.Stack) {
	x, y := netdev.Pipe(1500)
	return on(t, x, world.Addr(0)), on(t, y, world.Addr(1))
}

func on(t *testing.T, d netdev.Driver, addr string) *ministack.Stack {
	s, err := ministack.New(ministack.Config{})
	require.NoError(t, err)
	_, err = s.Attach(d, "eth0")
	require.NoError(t, err)
	require.NoError(t, s.AddAddr("eth0", netip.MustParsePrefix(addr+"/24")))
	t.Cleanup(func() { closeAndCount(t, s) })
	return s
}

func closeAndCount(t *testing.T, s *ministack.Stack) {
	if err := s.Close(); err != nil {
		require.ErrorIs(t, err, net.ErrClosed)
	}
	n := s.Pool().Count()
	require.Zero(t, n.Live, "buffers that met no fate: %+v", n)
	require.Zero(t, n.Twice)
}

// connected returns both ends of a connection between two stacks.
func joined(t *testing.T, a, b *ministack.Stack, addr string) (c, s net.Conn) {
	l, err := b.Listen("tcp", addr)
	require.NoError(t, err)
	defer l.Close()
	c, err = a.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	s, err = l.Accept()
	require.NoError(t, err)
	return c, s
}

func TestConnIsANetConn(t *testing.T) {
	a, b := pair(t)
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		c, s := joined(t, a, b, world.Addr(1)+":0")
		return c, s, func() { _ = c.Close(); _ = s.Close() }, nil
	})
}

func TestConnIsANetConnOverLoopback(t *testing.T) {
	s, err := ministack.New(ministack.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { closeAndCount(t, s) })
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		c, d := joined(t, s, s, "127.0.0.1:0")
		return c, d, func() { _ = c.Close(); _ = d.Close() }, nil
	})
}

func TestHTTPServesAndFetches(t *testing.T) {
	a, b := pair(t)
	l, err := b.Listen("tcp", ":80")
	require.NoError(t, err)
	body := strings.Repeat("ministack ", 50_000)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	client := &http.Client{Transport: &http.Transport{DialContext: a.DialContext}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + world.Addr(1) + "/")
	require.NoError(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, body, string(got))
}

func TestErrorsUnwrapAsThoseOfPackageNet(t *testing.T) {
	a, b := pair(t)
	_, err := a.Dial("tcp", world.Addr(1)+":81")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	var op *net.OpError
	require.ErrorAs(t, err, &op)
	require.Equal(t, "dial", op.Op)
	_, err = a.Dial("tcp", "192.0.2.1:80")
	require.ErrorIs(t, err, syscall.ENETUNREACH)
	c, s := joined(t, a, b, world.Addr(1)+":0")
	require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	_, err = c.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	var ne net.Error
	require.True(t, errors.As(err, &ne) && ne.Timeout())
	require.NoError(t, c.Close())
	_, err = c.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = s.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, s.Close())
	_, err = b.Listen("tcp", "10.99.0.1:80")
	require.ErrorIs(t, err, syscall.EADDRNOTAVAIL)
	l, err := b.Listen("tcp", ":90")
	require.NoError(t, err)
	_, err = b.Listen("tcp", ":90")
	require.ErrorIs(t, err, syscall.EADDRINUSE, "B38")
	require.NoError(t, l.Close())
}

func TestCloseWakesEverybodyAndLeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	x, y := netdev.Pipe(1500)
	a, err := ministack.New(ministack.Config{})
	require.NoError(t, err)
	b, err := ministack.New(ministack.Config{})
	require.NoError(t, err)
	for s, d := range map[*ministack.Stack]netdev.Driver{a: x, b: y} {
		_, err := s.Attach(d, "eth0")
		require.NoError(t, err)
	}
	require.NoError(t, a.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24")))
	require.NoError(t, b.AddAddr("eth0", netip.MustParsePrefix("10.0.0.2/24")))
	c, s := joined(t, a, b, "10.0.0.2:0")
	u, err := a.ListenPacket("udp", ":53")
	require.NoError(t, err)
	l, err := b.Listen("tcp", ":1")
	require.NoError(t, err)
	woken := make(chan error, 4)
	go func() { _, err := c.Read(make([]byte, 1)); woken <- err }()
	go func() { _, err := s.Read(make([]byte, 1)); woken <- err }()
	go func() { _, _, err := u.ReadFrom(make([]byte, 1)); woken <- err }()
	go func() { _, err := l.Accept(); woken <- err }()
	for runtime.NumGoroutine() < before+4 {
		runtime.Gosched()
	}
	closeAndCount(t, a)
	closeAndCount(t, b)
	for range 4 {
		require.Error(t, <-woken)
	}
	for runtime.NumGoroutine() > before { // the last steps of goroutines that have been told to end
		runtime.Gosched()
	}
}

func TestUDPBetweenStacks(t *testing.T) {
	w := world.Pair(t)
	server, err := w.Stacks[1].ListenPacket("udp", ":53")
	require.NoError(t, err)
	client, err := w.Stacks[0].Dial("udp", world.Addr(1)+":53")
	require.NoError(t, err)
	for _, size := range []int{0, 1, 1472, 1473, 9000, 65507} { // B47
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i * 7)
		}
		_, err = client.Write(data)
		require.NoError(t, err)
		buf := make([]byte, 65536)
		n, from, err := server.ReadFrom(buf)
		require.NoError(t, err)
		require.Equal(t, data, buf[:n])
		_, err = server.WriteTo(buf[:n], from)
		require.NoError(t, err)
		n, err = client.Read(buf)
		require.NoError(t, err)
		require.Equal(t, data, buf[:n])
	}
	_, err = client.Write(make([]byte, 65508))
	require.ErrorIs(t, err, syscall.EMSGSIZE, "B47")
}

func TestAClosedUDPPortRefusesAConnectedSocketOnly(t *testing.T) { // B33, B47
	w := world.Pair(t)
	c, err := w.Stacks[0].Dial("udp", world.Addr(1)+":9")
	require.NoError(t, err)
	_, err = c.Write([]byte("x"))
	require.NoError(t, err)
	_, err = c.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	u, err := w.Stacks[0].ListenPacket("udp", ":0")
	require.NoError(t, err)
	_, err = u.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(world.Addr(1)+":9")))
	require.NoError(t, err)
	require.NoError(t, u.SetReadDeadline(w.Clock.Wall().Add(time.Second)))
	_, _, err = u.ReadFrom(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestPingSocketGetsItsOwnReplies(t *testing.T) { // B48, B32
	w := world.Pair(t)
	k, err := w.Stacks[0].Socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
	require.NoError(t, err)
	other, err := w.Stacks[0].Socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
	require.NoError(t, err)
	require.NoError(t, other.Bind(netip.MustParseAddrPort("0.0.0.0:77")))
	to := netip.AddrPortFrom(netip.MustParseAddr(world.Addr(1)), 0)
	for _, size := range []int{0, 56, 1473, 60000} {
		_, err = k.SendTo(append([]byte{8, 0, 0, 0, 0, 0, 0, 1}, make([]byte, size)...), 0, to)
		require.NoError(t, err)
		buf := make([]byte, 65536)
		n, from, err := k.RecvFrom(buf, 0)
		require.NoError(t, err)
		require.Equal(t, size+8, n)
		require.Equal(t, byte(0), buf[0], "echo reply")
		require.Equal(t, to.Addr(), from.Addr())
	}
	require.Zero(t, other.Poll()&1)
}
