package ministack_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/test/world"
)

func addr(side int) netip.Addr { return netip.MustParseAddr(world.Addr(side)) }

// B48: what is written is an echo request, what is read are the replies to it.
func TestAPingIsAnswered(t *testing.T) {
	s := world.Pair(t).Stacks[0]
	for _, local := range []netip.Addr{{}, addr(0), netip.IPv4Unspecified()} {
		p, err := s.DialPing(t.Context(), local, addr(1))
		require.NoError(t, err)
		require.Equal(t, world.Addr(1), p.RemoteAddr().String())
		_, err = p.Write([]byte{8, 0, 0, 0, 0, 0, 0, 7, 'x'})
		require.NoError(t, err)
		buf := make([]byte, 16)
		n, from, err := p.ReadFrom(buf)
		require.NoError(t, err)
		require.Equal(t, world.Addr(1), from.String())
		require.Equal(t, []byte{0, 7, 'x'}, buf[6:n])
		require.NoError(t, p.Close())
	}
}

func TestAPingWithoutAPeer(t *testing.T) {
	w := world.Pair(t)
	p, err := w.Stacks[0].ListenPing(netip.Addr{})
	require.NoError(t, err)
	require.Nil(t, p.RemoteAddr())
	request := []byte{8, 0, 0, 0, 0, 0, 0, 1}
	_, err = p.Write(request)
	require.ErrorIs(t, err, syscall.EDESTADDRREQ)
	_, err = p.WriteTo(request, &net.UDPAddr{})
	require.ErrorIs(t, err, syscall.EINVAL)
	_, err = p.WriteTo([]byte{13, 0, 0, 0, 0, 0, 0, 1}, &net.IPAddr{IP: addr(1).AsSlice()})
	require.ErrorIs(t, err, syscall.EINVAL, "not an echo request")
	_, err = p.WriteTo(request, &net.IPAddr{IP: addr(1).AsSlice()})
	require.NoError(t, err)
	n, err := p.Read(make([]byte, 16))
	require.NoError(t, err)
	require.Equal(t, 8, n)
	require.NoError(t, p.SetDeadline(w.Clock.Wall().Add(time.Second)))
	_, err = p.Read(make([]byte, 16))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	_, err = p.WriteToAddr(request, addr(1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, p.Close())
	_, err = p.Read(make([]byte, 16))
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestPingsThatCannotBe(t *testing.T) {
	s := world.Pair(t).Stacks[0]
	for _, c := range []struct {
		local, peer netip.Addr
		want        error
	}{
		{netip.Addr{}, netip.MustParseAddr("192.0.2.1"), syscall.ENETUNREACH},
		{addr(1), addr(1), syscall.EADDRNOTAVAIL},
		{netip.IPv6Loopback(), addr(1), syscall.EAFNOSUPPORT},
		{netip.Addr{}, netip.IPv6Loopback(), syscall.EAFNOSUPPORT},
	} {
		p, err := s.DialPing(t.Context(), c.local, c.peer)
		require.ErrorIs(t, err, c.want)
		require.Nil(t, p)
	}
	_, err := s.DialPing(t.Context(), netip.Addr{}, netip.Addr{})
	require.True(t, errors.As(err, new(*net.AddrError)))
	_, err = s.ListenPing(addr(1))
	require.EqualError(t, err, "listen ping 10.0.0.2: listen: cannot assign requested address")
	require.NoError(t, s.SetSysctl("net.ipv4.ping_group_range", "1 0"))
	_, err = s.ListenPing(netip.Addr{})
	require.ErrorIs(t, err, syscall.EACCES)
}
