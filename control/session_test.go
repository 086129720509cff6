package control

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/socket"
)

func TestASocketOfTheStackIsAClients(t *testing.T) {
	c, _, b := world(t)
	s, err := c.Socket(context.Background(), SocketRequest{Domain: socket.AF_INET, Type: socket.SOCK_DGRAM,
		Device: "eth0", Bind: netip.MustParseAddrPort("10.9.0.1:7000")})
	require.NoError(t, err)
	p, err := b.ListenPacket("udp", "10.9.0.2:7001")
	require.NoError(t, err)
	defer p.Close()

	before := time.Now()
	n, err := s.Send(&Message{Addr: netip.MustParseAddrPort("10.9.0.2:7001"), Data: []byte("there")})
	require.NoError(t, err)
	require.Equal(t, 5, n)
	buf := make([]byte, 100)
	n, from, err := p.ReadFrom(buf)
	require.NoError(t, err)
	require.Equal(t, "there", string(buf[:n]))

	_, err = p.WriteTo([]byte("and back"), from)
	require.NoError(t, err)
	m, err := s.Recv()
	require.NoError(t, err)
	require.Equal(t, "and back", string(m.Data))
	require.Equal(t, netip.MustParseAddrPort("10.9.0.2:7001"), m.Addr)
	require.WithinRange(t, m.Wall, before.Add(-time.Second), time.Now().Add(time.Second))

	_, err = s.Send(&Message{Addr: netip.MustParseAddrPort("10.9.0.255:1"), Data: []byte("x")})
	require.ErrorIs(t, err, syscall.EACCES)
	require.NoError(t, s.Close())
	_, err = s.Recv()
	require.ErrorIs(t, err, io.EOF)
}

func TestASocketThatCannotBeHadIsAnErrno(t *testing.T) {
	c, _, _ := world(t)
	for _, x := range []struct {
		q    SocketRequest
		want syscall.Errno
	}{
		{SocketRequest{Domain: 99, Type: socket.SOCK_DGRAM}, syscall.EAFNOSUPPORT},
		{SocketRequest{Domain: socket.AF_INET, Type: socket.SOCK_DGRAM, Device: "nope"}, syscall.ENODEV},
		{SocketRequest{Domain: socket.AF_INET, Type: socket.SOCK_DGRAM, Bind: netip.MustParseAddrPort("10.9.0.9:1")}, syscall.EADDRNOTAVAIL},
		{SocketRequest{Domain: socket.AF_INET, Type: socket.SOCK_DGRAM, Options: []Option{{socket.SOL_SOCKET, 9999, 1}}}, syscall.ENOPROTOOPT},
	} {
		_, err := c.Socket(context.Background(), x.q)
		require.True(t, errors.Is(err, x.want), "%+v: %v", x.q, err)
	}
}

func TestMessagesCrossWhole(t *testing.T) {
	m := Message{Addr: netip.MustParseAddrPort("10.0.0.1:2"), Link: socket.LinkAddr{Protocol: 0x800, HaLen: 6}, Data: make([]byte, 65535)}
	p, err := m.encode()
	require.NoError(t, err)
	require.LessOrEqual(t, len(p), maxFrame)
	back, err := decodeMessage(p)
	require.NoError(t, err)
	require.Equal(t, &m, back)
	for _, cut := range [][]byte{nil, {1}, {0, 9, 'x'}, {0, 1, 'x'}} {
		_, err := decodeMessage(cut)
		require.Error(t, err)
	}
}
