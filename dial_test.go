package ministack_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/tcp"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// A context that ends wakes a dial that waits for a neighbour who is not
// there, and its error says which end it was.
func TestADialEndsWithItsContext(t *testing.T) {
	a, _ := pair(t)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err := a.DialContext(ctx, "tcp", "10.0.0.77:80")
	require.ErrorIs(t, err, context.Canceled)
	_, err = a.DialContext(ctx, "tcp", "10.0.0.77:80")
	require.ErrorIs(t, err, context.Canceled, "before it began")
	ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err = a.DialContext(ctx, "tcp", "10.0.0.77:80")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	var ne net.Error
	require.True(t, errors.As(err, &ne) && ne.Timeout())
	n := 0
	a.TCPSockets(func(tcp.Entry) { n++ })
	require.Zero(t, n, "connections that are left of it")
}

func TestAddressesOfDialAndListen(t *testing.T) {
	w := world.Pair(t)
	s := w.Stacks[0]
	l, err := s.Listen("tcp4", ":http")
	require.NoError(t, err)
	require.Equal(t, "0.0.0.0:80", l.Addr().String())
	for _, address := range []string{"localhost:80", "127.0.0.1:http", "10.0.0.1:80", "[::ffff:10.0.0.1]:80"} {
		c, err := s.Dial("tcp", address)
		require.NoError(t, err, address)
		require.NoError(t, c.Close())
	}
	for _, bad := range []struct{ network, address, says string }{
		{"tcp", "example.com:80", "resolves no names"},
		{"tcp", "10.0.0.2", "missing port"},
		{"tcp", "10.0.0.2:nonesuch", "unknown port"},
		{"tcp", "10.0.0.2:65536", "unknown port"},
		{"tcp", "[2001:db8::1]:80", "not an IPv4 address"},
		{"tcp6", "10.0.0.2:80", "unknown network tcp6"},
		{"ip", "10.0.0.2:80", "unknown network ip"},
	} {
		_, err := s.Dial(bad.network, bad.address)
		var op *net.OpError
		require.ErrorAs(t, err, &op)
		require.ErrorContains(t, err, bad.says)
	}
	_, err = s.Listen("udp", ":80")
	require.ErrorContains(t, err, "unknown network udp")
	_, err = s.ListenPacket("tcp", ":80")
	require.ErrorContains(t, err, "unknown network tcp")
	_, err = s.Dial("tcp", "10.0.0.2:80")
	require.EqualError(t, err, "dial tcp 10.0.0.2:80: connect: connection refused", "as package net says it")
}

// On a virtual clock deadlines are on the stack's time of day.
func TestDeadlinesOnAVirtualClock(t *testing.T) {
	w := world.Pair(t)
	c, s := joined(t, w.Stacks[0], w.Stacks[1], world.Addr(1)+":0")
	began := w.Clock.Now()
	require.NoError(t, c.SetReadDeadline(w.Clock.Wall().Add(time.Hour)))
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Equal(t, time.Hour, w.Clock.Now().Sub(began))
	_, err = s.Write([]byte("late"))
	require.NoError(t, err)
	w.Clock.Run(time.Second)
	_, err = c.Read(make([]byte, 4))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "data does not excuse it")
	require.NoError(t, c.SetReadDeadline(time.Time{}))
	n, err := c.Read(make([]byte, 4))
	require.NoError(t, err)
	require.Equal(t, 4, n)
	require.NoError(t, c.SetWriteDeadline(time.Unix(1, 0)))
	_, err = c.Write([]byte("x"))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	l, err := w.Stacks[1].Listen("tcp", ":99")
	require.NoError(t, err)
	require.NoError(t, l.(*ministack.Listener).SetDeadline(w.Clock.Wall().Add(time.Minute)))
	_, err = l.Accept()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

// B42 through net.Conn: what one half does not send, the other may.
func TestHalvesOfAConnectionCloseAlone(t *testing.T) {
	w := world.Pair(t)
	c, s := joined(t, w.Stacks[0], w.Stacks[1], world.Addr(1)+":0")
	require.NoError(t, c.(*ministack.Conn).CloseWrite())
	_, err := c.Write([]byte("x"))
	require.ErrorIs(t, err, syscall.EPIPE)
	_, err = s.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	_, err = s.Write([]byte("answer"))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Equal(t, "answer", string(got))
}

// Config.KeepAlive is of every connection that is dialled or accepted.
func TestConfigMayAskForKeepAlive(t *testing.T) {
	s, err := ministack.New(ministack.Config{Clock: clock.NewVirtual(), KeepAlive: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second}})
	require.NoError(t, err)
	defer s.Close()
	a, b := joined(t, s, s, "127.0.0.1:0")
	for _, end := range []net.Conn{a, b} {
		idle, err := end.(*ministack.Conn).Socket().Getsockopt(socket.SOL_TCP, socket.TCP_KEEPIDLE)
		require.NoError(t, err)
		require.Equal(t, 15, idle)
		on, err := end.(*ministack.Conn).Socket().Getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
		require.NoError(t, err)
		require.Equal(t, 1, on)
	}
}

// Connections are made as package net makes them, but for keepalive, and can be
// changed.
func TestConnectionSettings(t *testing.T) {
	w := world.Pair(t)
	c, s := joined(t, w.Stacks[0], w.Stacks[1], world.Addr(1)+":0")
	option := func(c net.Conn, level, name int) int {
		v, err := c.(*ministack.Conn).Socket().Getsockopt(level, name)
		require.NoError(t, err)
		return v
	}
	for _, end := range []net.Conn{c, s} {
		require.Equal(t, 1, option(end, socket.SOL_TCP, socket.TCP_NODELAY))
		require.Equal(t, 0, option(end, socket.SOL_SOCKET, socket.SO_KEEPALIVE))
	}
	k := c.(*ministack.Conn)
	require.NoError(t, k.SetNoDelay(false))
	require.Equal(t, 0, option(c, socket.SOL_TCP, socket.TCP_NODELAY))
	require.NoError(t, k.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 15 * time.Second, Count: 3}))
	require.Equal(t, 60, option(c, socket.SOL_TCP, socket.TCP_KEEPIDLE))
	require.Equal(t, 15, option(c, socket.SOL_TCP, socket.TCP_KEEPINTVL))
	require.Equal(t, 3, option(c, socket.SOL_TCP, socket.TCP_KEEPCNT))
	require.NoError(t, k.SetKeepAlive(false))
	require.Equal(t, 0, option(c, socket.SOL_SOCKET, socket.SO_KEEPALIVE))
	require.NoError(t, k.SetReadBuffer(10000))
	require.Equal(t, 20000, option(c, socket.SOL_SOCKET, socket.SO_RCVBUF))
	require.NoError(t, k.SetWriteBuffer(10000))
	require.Equal(t, 20000, option(c, socket.SOL_SOCKET, socket.SO_SNDBUF))
	require.NoError(t, k.SetLinger(0)) // B43
	require.NoError(t, c.Close())
	_, err := s.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestPacketConnHasOnePeerOrAny(t *testing.T) {
	w := world.Pair(t)
	any, err := w.Stacks[1].ListenPacket("udp4", ":53")
	require.NoError(t, err)
	one, err := w.Stacks[0].Dial("udp", world.Addr(1)+":53")
	require.NoError(t, err)
	require.Equal(t, world.Addr(1)+":53", one.RemoteAddr().String())
	_, err = one.(net.PacketConn).WriteTo([]byte("x"), any.LocalAddr())
	require.ErrorIs(t, err, net.ErrWriteToConnected)
	_, err = any.WriteTo([]byte("x"), &net.TCPAddr{})
	require.ErrorIs(t, err, syscall.EINVAL)
	_, err = any.(net.Conn).Write([]byte("x"))
	require.ErrorIs(t, err, syscall.EDESTADDRREQ)
	_, err = one.Write([]byte("cut short"))
	require.NoError(t, err)
	b := make([]byte, 3)
	n, from, err := any.(*ministack.PacketConn).ReadFromUDPAddrPort(b)
	require.NoError(t, err)
	require.Equal(t, "cut", string(b[:n]), "B47: the rest is lost")
	require.Equal(t, one.LocalAddr().(*net.UDPAddr).AddrPort(), from)
	_, err = any.(*ministack.PacketConn).WriteToUDPAddrPort([]byte("ok"), from)
	require.NoError(t, err)
	n, err = one.Read(b)
	require.NoError(t, err)
	require.Equal(t, "ok", string(b[:n]))
}

// Nothing works on a stack that is closed, and everything says so.
func TestAClosedStackSaysSo(t *testing.T) {
	w := world.Pair(t)
	s := w.Stacks[0]
	c, _ := joined(t, s, w.Stacks[1], world.Addr(1)+":0")
	u, err := s.ListenPacket("udp", ":53")
	require.NoError(t, err)
	l, err := s.Listen("tcp", ":80")
	require.NoError(t, err)
	k, err := s.Socket(socket.AF_INET, socket.SOCK_STREAM, 0)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	d, _ := netdev.Pipe(1500)
	b := make([]byte, 1)
	for name, call := range map[string]func() error{
		"close":        s.Close,
		"attach":       func() error { _, err := s.Attach(d, ""); return err },
		"dial":         func() error { _, err := s.Dial("tcp", "127.0.0.1:80"); return err },
		"listen":       func() error { _, err := s.Listen("tcp", ":81"); return err },
		"listenpacket": func() error { _, err := s.ListenPacket("udp", ":81"); return err },
		"socket":       func() error { _, err := s.Socket(socket.AF_INET, socket.SOCK_DGRAM, 0); return err },
		"read":         func() error { _, err := c.Read(b); return err },
		"write":        func() error { _, err := c.Write(b); return err },
		"deadline":     func() error { return c.SetDeadline(time.Now()) },
		"readfrom":     func() error { _, _, err := u.ReadFrom(b); return err },
		"writeto":      func() error { _, err := u.WriteTo(b, u.LocalAddr()); return err },
		"accept":       func() error { _, err := l.Accept(); return err },
		"conn.close":   c.Close,
	} {
		require.ErrorIs(t, call(), net.ErrClosed, name)
	}
	require.Equal(t, syscall.EBADF, k.Bind(netip.AddrPort{}))
}

func TestConfigurationIsChecked(t *testing.T) {
	_, err := ministack.New(ministack.Config{Sysctl: map[string]string{"net.ipv4.nonesuch": "1"}})
	require.ErrorIs(t, err, syscall.ENOENT)
	_, err = ministack.New(ministack.Config{Sysctl: map[string]string{"net.ipv4.tcp_sack": "2"}})
	require.ErrorIs(t, err, syscall.EINVAL)
	s, err := ministack.New(ministack.Config{Sysctl: map[string]string{"net.ipv4.tcp_sack": "0"}})
	require.NoError(t, err)
	t.Cleanup(func() { closeAndCount(t, s) })
	v, err := s.Sysctl("net/ipv4/tcp_sack")
	require.NoError(t, err)
	require.Equal(t, "0", v)
	require.NoError(t, s.SetSysctl("net.ipv4.tcp_sack", "1"))
	require.Contains(t, strings.Join(s.Sysctls(), " "), "net.core.rmem_max")
	for _, err := range []error{
		s.AddAddr("eth9", netip.MustParsePrefix("10.0.0.1/24")),
		s.DelAddr("eth9", netip.MustParsePrefix("10.0.0.1/24")),
		s.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), netip.Addr{}, "eth9"),
	} {
		require.ErrorIs(t, err, syscall.ENODEV)
		require.ErrorContains(t, err, `"eth9"`)
	}
	require.ErrorIs(t, s.AddAddr("lo", netip.MustParsePrefix("127.0.0.1/8")), syscall.EEXIST)
	require.ErrorIs(t, s.DelAddr("lo", netip.MustParsePrefix("127.0.0.2/8")), syscall.EADDRNOTAVAIL)
	require.ErrorIs(t, s.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr("10.0.0.1"), ""), syscall.ENETUNREACH)
	require.ErrorIs(t, s.DelRoute(netip.MustParsePrefix("0.0.0.0/0"), netip.Addr{}, ""), syscall.ESRCH)
}
