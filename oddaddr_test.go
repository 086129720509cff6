package ministack_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// oddAddrs are addresses that programs pass by mistake or malice.
var oddAddrs = []netip.AddrPort{
	{},
	netip.AddrPortFrom(netip.Addr{}, 80),
	netip.MustParseAddrPort("0.0.0.0:0"),
	netip.MustParseAddrPort("0.0.0.0:80"),
	netip.MustParseAddrPort("10.0.0.2:0"),
	netip.MustParseAddrPort("10.0.0.1:0"),
	netip.MustParseAddrPort("224.0.0.1:80"),
	netip.MustParseAddrPort("239.255.255.255:0"),
	netip.MustParseAddrPort("255.255.255.255:80"),
	netip.MustParseAddrPort("10.0.0.255:80"),
	netip.MustParseAddrPort("240.0.0.1:80"),
	netip.MustParseAddrPort("127.0.0.1:0"),
	netip.MustParseAddrPort("[::]:80"),
	netip.MustParseAddrPort("[::1]:80"),
	netip.MustParseAddrPort("[fe80::1%eth0]:80"),
	netip.MustParseAddrPort("[ff02::1]:80"),
	netip.MustParseAddrPort("[2001:db8::1]:0"),
	netip.MustParseAddrPort("[::ffff:10.0.0.2]:80"),
	netip.MustParseAddrPort("[::ffff:0.0.0.0]:0"),
	netip.MustParseAddrPort("[::ffff:224.0.0.1]:80"),
}

// oddStack is a stack with a link; a silent peer ends connects by a time-out on
// the virtual clock.
func oddStack(t *testing.T) *ministack.Stack {
	w := world.Pair(t)
	require.NoError(t, w.Stacks[0].SetSysctl("net.ipv4.tcp_syn_retries", "1"))
	return w.Stacks[0]
}

// netLike demands what package net gives: an *net.OpError, which unwraps to an
// errno or to what package net calls it by.
func netLike(t *testing.T, err error, call string, a any) {
	var op *net.OpError
	require.ErrorAs(t, err, &op, "%s %v", call, a)
	var errno syscall.Errno
	var addr *net.AddrError
	var dns *net.DNSError
	var unknown net.UnknownNetworkError
	known := asAny(err, &errno) || asAny(err, &addr) || asAny(err, &dns) || asAny(err, &unknown)
	require.True(t, known, "%s %v: %#v", call, a, op.Err)
}

func TestNoCallPanicsOnOddAddresses(t *testing.T) {
	s := oddStack(t)
	for _, a := range oddAddrs {
		text := a.String()
		for _, network := range []string{"tcp", "tcp4", "udp", "udp4", "tcp6", "ip", ""} {
			if c, err := s.Dial(network, text); err != nil {
				netLike(t, err, "dial "+network, text)
			} else {
				require.NoError(t, c.Close())
			}
			if c, err := s.DialFrom(context.Background(), network, text, "10.0.0.2:9"); err != nil {
				netLike(t, err, "dialfrom "+network, text)
			} else {
				require.NoError(t, c.Close())
			}
			if l, err := s.Listen(network, text); err != nil {
				netLike(t, err, "listen "+network, text)
			} else {
				require.NoError(t, l.Close())
			}
			if p, err := s.ListenPacket(network, text); err != nil {
				netLike(t, err, "listenpacket "+network, text)
			} else {
				require.NoError(t, p.Close())
			}
		}
	}
}

func TestNoSocketCallPanicsOnOddAddresses(t *testing.T) {
	s := oddStack(t)
	kinds := []struct{ typ, protocol int }{
		{socket.SOCK_STREAM, 0}, {socket.SOCK_DGRAM, 0}, {socket.SOCK_DGRAM, socket.IPPROTO_ICMP}, {socket.SOCK_RAW, 200},
	}
	for _, a := range oddAddrs {
		for _, kind := range kinds {
			for call, f := range map[string]func(*socket.Socket) error{
				"bind":    func(k *socket.Socket) error { return k.Bind(a) },
				"connect": func(k *socket.Socket) error { return k.Connect(a) },
				"sendto":  func(k *socket.Socket) error { _, err := k.SendTo([]byte("\x08\x00odd addr"), 0, a); return err },
				"sendmsg": func(k *socket.Socket) error {
					_, err := k.SendMsg(&socket.Message{Data: []byte("\x08\x00odd addr"), Addr: a}, 0)
					return err
				},
				"both": func(k *socket.Socket) error {
					_ = k.Bind(a) // the error is looked at above
					return k.Connect(a)
				},
			} {
				k, err := s.Socket(socket.AF_INET, kind.typ, kind.protocol)
				require.NoError(t, err)
				if err := f(k); err != nil {
					require.IsType(t, syscall.Errno(0), err, "%s %v", call, a)
				}
				_, _ = k.Getsockname()
				_, _ = k.Getpeername() // ENOTCONN or not: no panic
				require.NoError(t, k.Close())
			}
		}
	}
}

func TestNoPacketConnCallPanicsOnOddAddresses(t *testing.T) {
	s := oddStack(t)
	p, err := s.ListenPacket("udp", ":0")
	require.NoError(t, err)
	for _, a := range oddAddrs {
		if _, err := p.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(a)); err != nil {
			netLike(t, err, "writeto", a)
		}
		if _, err := p.(*ministack.PacketConn).WriteToUDPAddrPort([]byte("x"), a); err != nil {
			netLike(t, err, "writetoudpaddrport", a)
		}
	}
	_, err = p.(*ministack.PacketConn).WriteToUDPAddrPort([]byte("x"), netip.MustParseAddrPort("[::ffff:10.0.0.2]:80"))
	require.NoError(t, err)
	for _, a := range []net.Addr{nil, (*net.UDPAddr)(nil), &net.UDPAddr{}, &net.UDPAddr{IP: net.IP{1, 2, 3}}, &net.TCPAddr{}, &net.UDPAddr{Port: -1}, &net.UDPAddr{Port: 1 << 20}} {
		_, err := p.WriteTo([]byte("x"), a)
		netLike(t, err, "writeto", a)
	}
	require.NoError(t, p.Close())
}

func TestNoConfigurationPanicsOnOddAddresses(t *testing.T) {
	s := oddStack(t)
	for _, a := range oddAddrs {
		for _, bits := range []int{-1, 0, 8, 32, 33, 64, 128, 200} {
			p := netip.PrefixFrom(a.Addr(), bits)
			_ = s.DelAddr("eth0", p)
			if s.AddAddr("lo", p) == nil {
				require.True(t, p.IsValid() && p.Addr().Is4(), "%v", p)
				require.NoError(t, s.DelAddr("lo", p))
			}
			for _, dev := range []string{"", "eth0", "nonesuch"} {
				if s.AddRoute(p, a.Addr(), dev) == nil {
					require.NoError(t, s.DelRoute(p, a.Addr(), dev))
				}
				if s.AddRoute(p, netip.Addr{}, dev) == nil {
					require.NoError(t, s.DelRoute(p, netip.Addr{}, dev))
				}
			}
		}
	}
	require.NoError(t, s.AddAddr("eth0", netip.MustParsePrefix("10.0.0.77/24")))
}

func TestOddDeadlinesDoNotPanic(t *testing.T) {
	s := oddStack(t)
	p, err := s.ListenPacket("udp", ":0")
	require.NoError(t, err)
	for _, at := range []time.Time{{}, time.Unix(0, 0), time.Unix(1<<40, 0), time.Unix(-1<<40, 0)} {
		require.NoError(t, p.SetDeadline(at))
	}
}

func asAny(err error, target any) bool { return errors.As(err, target) }
