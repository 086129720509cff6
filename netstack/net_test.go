package netstack_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
	"golang.zx2c4.com/wireguard/tun"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netstack"
)

// What a program that uses wireguard's netstack calls, with the types that it
// sees; where that package returns gVisor's connections the interfaces of
// package net stand for them.
func TestTheNamesOfWireguardsNetstackAreThere(t *testing.T) {
	var n *netstack.Net
	for _, f := range []struct{ want, have any }{
		{func([]netip.Addr, []netip.Addr, int) (tun.Device, *netstack.Net, error) { return nil, nil, nil }, netstack.CreateNetTUN},
		{func(string, string) (net.Conn, error) { return nil, nil }, n.Dial},
		{func(context.Context, string, string) (net.Conn, error) { return nil, nil }, n.DialContext},
		{func(context.Context, netip.AddrPort) (*ministack.Conn, error) { return nil, nil }, n.DialContextTCPAddrPort},
		{func(context.Context, *net.TCPAddr) (*ministack.Conn, error) { return nil, nil }, n.DialContextTCP},
		{func(netip.AddrPort) (*ministack.Conn, error) { return nil, nil }, n.DialTCPAddrPort},
		{func(*net.TCPAddr) (*ministack.Conn, error) { return nil, nil }, n.DialTCP},
		{func(netip.AddrPort) (*ministack.Listener, error) { return nil, nil }, n.ListenTCPAddrPort},
		{func(*net.TCPAddr) (*ministack.Listener, error) { return nil, nil }, n.ListenTCP},
		{func(_, _ netip.AddrPort) (*ministack.PacketConn, error) { return nil, nil }, n.DialUDPAddrPort},
		{func(_, _ *net.UDPAddr) (*ministack.PacketConn, error) { return nil, nil }, n.DialUDP},
		{func(netip.AddrPort) (*ministack.PacketConn, error) { return nil, nil }, n.ListenUDPAddrPort},
		{func(*net.UDPAddr) (*ministack.PacketConn, error) { return nil, nil }, n.ListenUDP},
		{func(_, _ netip.Addr) (*netstack.PingConn, error) { return nil, nil }, n.DialPingAddr},
		{func(_, _ *netstack.PingAddr) (*netstack.PingConn, error) { return nil, nil }, n.DialPing},
		{func(netip.Addr) (*netstack.PingConn, error) { return nil, nil }, n.ListenPingAddr},
		{func(*netstack.PingAddr) (*netstack.PingConn, error) { return nil, nil }, n.ListenPing},
		{func(string) ([]string, error) { return nil, nil }, n.LookupHost},
		{func(context.Context, string) ([]string, error) { return nil, nil }, n.LookupContextHost},
		{func(netip.Addr) *netstack.PingAddr { return nil }, netstack.PingAddrFromAddr},
	} {
		require.IsType(t, f.want, f.have)
	}
}

// echo serves TCP connections until the listener ends.
func echo(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_, _ = io.Copy(c, c)
		}()
	}
}

func roundTrip(t *testing.T, c net.Conn) {
	t.Helper()
	_, err := c.Write([]byte("over the tunnel"))
	require.NoError(t, err)
	buf := make([]byte, 64)
	n, err := io.ReadAtLeast(c, buf, len("over the tunnel"))
	require.NoError(t, err)
	require.Equal(t, "over the tunnel", string(buf[:n]))
	require.NoError(t, c.Close())
}

func TestEveryWayToDialAndListenTCP(t *testing.T) {
	a, b := pair(t)
	for i, listen := range []func(port uint16) (*ministack.Listener, error){
		func(p uint16) (*ministack.Listener, error) { return b.ListenTCPAddrPort(at(addrB, p)) },
		func(p uint16) (*ministack.Listener, error) { return b.ListenTCPAddrPort(at(netip.Addr{}, p)) },
		func(p uint16) (*ministack.Listener, error) {
			return b.ListenTCPAddrPort(at(netip.IPv6Unspecified(), p))
		},
		func(p uint16) (*ministack.Listener, error) { return b.ListenTCP(&net.TCPAddr{Port: int(p)}) },
	} {
		to := at(addrB, uint16(8000+i))
		l, err := listen(to.Port())
		require.NoError(t, err)
		go echo(l)
		for _, dial := range []func() (net.Conn, error){
			func() (net.Conn, error) { return a.DialContextTCPAddrPort(t.Context(), to) },
			func() (net.Conn, error) { return a.DialContextTCP(t.Context(), net.TCPAddrFromAddrPort(to)) },
			func() (net.Conn, error) { return a.DialTCPAddrPort(to) },
			func() (net.Conn, error) { return a.DialTCP(net.TCPAddrFromAddrPort(to)) },
			func() (net.Conn, error) { return a.Dial("tcp", to.String()) },
		} {
			c, err := dial()
			require.NoError(t, err)
			roundTrip(t, c)
		}
	}
	l, err := b.ListenTCP(nil)
	require.NoError(t, err)
	require.NotZero(t, l.Addr().(*net.TCPAddr).Port)
}

func TestErrorsAreThoseOfPackageNet(t *testing.T) {
	a, _ := pair(t)
	_, err := a.DialTCPAddrPort(at(addrB, 81))
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.ErrorAs(t, err, new(*net.OpError))

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = a.DialContextTCPAddrPort(ctx, netip.MustParseAddrPort("192.0.2.1:80"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	var ne net.Error
	require.True(t, errors.As(err, &ne) && ne.Timeout())

	for _, dial := range []func() (net.Conn, error){
		func() (net.Conn, error) { return a.DialTCP(nil) },
		func() (net.Conn, error) { return a.DialTCPAddrPort(netip.AddrPort{}) },
		func() (net.Conn, error) { return a.DialTCPAddrPort(netip.MustParseAddrPort("[2001:db8::1]:80")) },
		func() (net.Conn, error) { return a.DialUDPAddrPort(at(addrB, 1), at(addrB, 2)) },
		func() (net.Conn, error) { return a.DialPingAddr(addrB, addrB) },
		func() (net.Conn, error) { return a.DialPingAddr(netip.Addr{}, netip.IPv6Loopback()) },
		func() (net.Conn, error) { return a.Dial("tcp6", "10.1.0.2:80") },
		func() (net.Conn, error) { return a.Dial("tcp", "10.1.0.2") },
		func() (net.Conn, error) { return a.Dial("ping", "") },
	} {
		c, err := dial()
		require.Error(t, err)
		require.True(t, c == nil || !isSet(c), "a connection beside the error %v", err)
	}
}

// isSet reports whether an interface holds more than a nil pointer.
func isSet(c net.Conn) bool {
	switch c := c.(type) {
	case *ministack.Conn:
		return c != nil
	case *ministack.PacketConn:
		return c != nil
	case *netstack.PingConn:
		return c != nil
	}
	return true
}

func TestDatagrams(t *testing.T) {
	a, b := pair(t)
	s, err := b.ListenUDPAddrPort(at(addrB, 7))
	require.NoError(t, err)
	require.NoError(t, s.SetReadDeadline(time.Now().Add(-time.Second)))
	_, _, err = s.ReadFrom(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, s.SetReadDeadline(time.Time{}))

	c, err := a.DialUDP(&net.UDPAddr{Port: 4000}, &net.UDPAddr{IP: addrB.AsSlice(), Port: 7})
	require.NoError(t, err)
	require.Equal(t, "10.1.0.1:4000", c.LocalAddr().String())
	_, err = c.Write([]byte("ping"))
	require.NoError(t, err)
	buf := make([]byte, 16)
	n, from, err := s.ReadFrom(buf)
	require.NoError(t, err)
	require.Equal(t, "10.1.0.1:4000", from.String())
	_, err = s.WriteTo(buf[:n], from)
	require.NoError(t, err)
	n, err = c.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "ping", string(buf[:n]))

	_, err = b.ListenUDP(&net.UDPAddr{IP: addrB.AsSlice(), Port: 7})
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	_, err = b.ListenTCP(&net.TCPAddr{IP: addrA.AsSlice(), Port: 7})
	require.ErrorIs(t, err, syscall.EADDRNOTAVAIL)

	free, err := a.DialUDPAddrPort(netip.AddrPort{}, netip.AddrPort{})
	require.NoError(t, err)
	require.Nil(t, free.RemoteAddr())
	_, err = free.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(at(addrB, 7)))
	require.NoError(t, err)
}

// request is an echo request as one hands it to a ping socket (RFC 792).
func request(seq byte) []byte { return []byte{8, 0, 0, 0, 0, 0, 0, seq, 'h', 'i'} }

func TestPings(t *testing.T) {
	a, _ := pair(t)
	dialled, err := a.Dial("ping4", addrB.String())
	require.NoError(t, err)
	require.Equal(t, "ping4", dialled.RemoteAddr().Network())
	require.Equal(t, addrB.String(), dialled.RemoteAddr().String())
	_, err = dialled.Write(request(1))
	require.NoError(t, err)
	buf := make([]byte, 64)
	n, err := dialled.Read(buf)
	require.NoError(t, err)
	require.Equal(t, []byte{0, 0}, buf[:2], "an echo reply")
	require.Equal(t, []byte{0, 1, 'h', 'i'}, buf[6:n])
	require.Equal(t, "ping", netstack.PingAddr{}.Network())
	require.Equal(t, addrA.String(), dialled.LocalAddr().String(), "what the route chose")
	require.NoError(t, dialled.SetReadDeadline(time.Now().Add(time.Millisecond)))
	_, err = dialled.Read(buf)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, dialled.Close())
	_, err = dialled.Read(buf)
	require.ErrorIs(t, err, net.ErrClosed)

	both, err := a.DialPing(netstack.PingAddrFromAddr(addrA), netstack.PingAddrFromAddr(addrB))
	require.NoError(t, err)
	require.Equal(t, addrB, both.RemoteAddr().(netstack.PingAddr).Addr())
	require.Equal(t, addrA.String(), both.LocalAddr().String())
	_, err = both.Write(request(2))
	require.NoError(t, err)
	_, err = both.Read(buf)
	require.NoError(t, err)
	_, err = a.ListenPingAddr(addrB)
	require.ErrorIs(t, err, syscall.EADDRNOTAVAIL)

	p, err := a.DialPing(nil, nil)
	require.NoError(t, err)
	require.Equal(t, "ping", p.RemoteAddr().Network())
	for i, to := range []net.Addr{netstack.PingAddrFromAddr(addrB), *netstack.PingAddrFromAddr(addrB),
		&net.IPAddr{IP: addrB.AsSlice()}, &net.UDPAddr{IP: addrB.AsSlice()}} {
		_, err := p.WriteTo(request(byte(i)), to)
		require.NoError(t, err)
		n, from, err := p.ReadFrom(buf)
		require.NoError(t, err)
		require.Equal(t, []byte{byte(i), 'h', 'i'}, buf[7:n])
		require.Equal(t, netstack.PingAddrFromAddr(addrB), from)
	}
	for _, bad := range []net.Addr{nil, (*netstack.PingAddr)(nil), (*net.IPAddr)(nil), (*net.UDPAddr)(nil), &net.TCPAddr{}, &netstack.PingAddr{}} {
		_, err := p.WriteTo(request(9), bad)
		require.ErrorIs(t, err, syscall.EINVAL)
	}
	_, err = p.Write(request(9))
	require.ErrorIs(t, err, syscall.EDESTADDRREQ)
}

// nameServer answers every question with addresses.
func nameServer(t *testing.T, n *netstack.Net, addrs ...netip.Addr) {
	p, err := n.ListenUDPAddrPort(at(addrB, 53))
	require.NoError(t, err)
	go func() {
		buf := make([]byte, 1500)
		for {
			size, from, err := p.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if err := m.Unpack(buf[:size]); err != nil {
				t.Errorf("question: %v", err)
				return
			}
			m.Response, m.Additionals = true, nil
			for _, a := range addrs {
				m.Answers = append(m.Answers, dnsmessage.Resource{
					Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET},
					Body:   &dnsmessage.AResource{A: a.As4()}})
			}
			if b, err := m.Pack(); err == nil {
				_, _ = p.WriteTo(b, from)
			}
		}
	}()
}

func TestANameIsDialled(t *testing.T) {
	a, b := pair(t)
	nameServer(t, b, netip.MustParseAddr("127.0.0.1"), addrB) // the first refuses
	l, err := b.ListenTCPAddrPort(at(addrB, 80))
	require.NoError(t, err)
	go echo(l)
	addrs, err := a.LookupHost("www.example.com")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"127.0.0.1", addrB.String()}, addrs)
	c, err := a.DialContext(t.Context(), "tcp", "www.example.com:80")
	require.NoError(t, err)
	roundTrip(t, c)
	p, err := a.Dial("ping", "www.example.com")
	require.NoError(t, err)
	require.NoError(t, p.Close())
}

func TestAddressesOfANet(t *testing.T) {
	_, _, err := netstack.CreateNetTUN([]netip.Addr{netip.MustParseAddr("fd00::1")}, nil, 1420)
	require.ErrorIs(t, err, syscall.EAFNOSUPPORT)
	_, _, err = netstack.CreateNetTUN([]netip.Addr{addrA, addrA}, nil, 1420)
	require.ErrorIs(t, err, syscall.EEXIST)
	_, _, err = netstack.CreateNetTUN([]netip.Addr{addrA}, nil, 0)
	require.ErrorIs(t, err, syscall.EINVAL)

	d, n := create(t, netip.MustParseAddr("::ffff:10.1.0.1"), addrB)
	l, err := n.ListenTCPAddrPort(at(addrB, 80))
	require.NoError(t, err)
	go echo(l)
	c, err := n.DialTCPAddrPort(at(addrB, 80))
	require.NoError(t, err, "to itself")
	roundTrip(t, c)
	require.NoError(t, d.Close())
}
