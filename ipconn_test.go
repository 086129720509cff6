package ministack_test

import (
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// echoRequest is an ICMP message, its checksum right.
var echoRequest = []byte{8, 0, 0xf7, 0xfe, 0, 0, 0, 1}

// net.IPConn: what is written follows the IP header, and so does what ReadFrom
// gives; Read gives the header too.
func TestIPConnHasTheWaysOfPackageNet(t *testing.T) {
	w := world.Pair(t)
	l, err := w.Stacks[0].ListenPacket("ip4:icmp", "10.0.0.1")
	require.NoError(t, err)
	require.Equal(t, &net.IPAddr{IP: net.IP{10, 0, 0, 1}}, l.LocalAddr())
	c, err := w.Stacks[0].Dial("ip4:1", "10.0.0.2")
	require.NoError(t, err)
	require.Equal(t, "10.0.0.2", c.RemoteAddr().String())
	_, err = c.Write(echoRequest)
	require.NoError(t, err)
	buf := make([]byte, 100)
	n, from, err := l.ReadFrom(buf)
	require.NoError(t, err)
	require.Equal(t, []byte{0, 0, 0xff, 0xfe, 0, 0, 0, 1}, buf[:n], "the reply")
	require.Equal(t, "10.0.0.2", from.String())
	n, err = c.Read(buf)
	require.NoError(t, err)
	require.Equal(t, 28, n)
	require.Equal(t, byte(0x45), buf[0])

	_, err = l.WriteTo(echoRequest, &net.IPAddr{IP: net.IPv4(10, 0, 0, 2)})
	require.NoError(t, err)
	_, _, err = l.ReadFrom(buf)
	require.NoError(t, err)
	require.NoError(t, l.SetReadDeadline(w.Clock.Wall().Add(time.Second)))
	_, _, err = l.ReadFrom(buf)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, l.Close())
	_, _, err = l.ReadFrom(buf)
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestWhatAnIPConnRefuses(t *testing.T) {
	s := world.Pair(t).Stacks[0]
	for _, c := range []struct{ network, address string }{
		{"ip4", "10.0.0.1"}, {"ip6:icmp", "10.0.0.1"}, {"ip4:nonesuch", "10.0.0.1"}, {"ip4:icmp", "10.0.0.1:1"},
		{"ip4:0", "10.0.0.1"}, {"ip4:icmp", "10.0.0.2"}, {"ip4:263", ""},
	} {
		_, err := s.ListenPacket(c.network, c.address)
		require.Error(t, err, c)
		var op *net.OpError
		require.ErrorAs(t, err, &op)
	}
	_, err := s.Listen("ip4:icmp", "10.0.0.1")
	require.Equal(t, net.UnknownNetworkError("ip4:icmp"), err.(*net.OpError).Err)
	l, err := s.ListenPacket("ip:UDP", "")
	require.NoError(t, err)
	_, err = l.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(10, 0, 0, 2)})
	require.ErrorIs(t, err, syscall.EINVAL)
	_, err = l.WriteTo([]byte("x"), &net.IPAddr{})
	require.ErrorIs(t, err, syscall.EINVAL)
	c, err := s.Dial("ip4:253", "10.0.0.2")
	require.NoError(t, err)
	_, err = c.(net.PacketConn).WriteTo([]byte("x"), c.RemoteAddr())
	require.ErrorIs(t, err, net.ErrWriteToConnected)
	_, err = s.Dial("ip4:253", "192.0.2.1")
	require.ErrorIs(t, err, syscall.ENETUNREACH)
}
