package parity

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// netCalls are package net's functions, or ours of the same names.
type netCalls struct {
	listen func(network, address string) (net.PacketConn, error)
	dial   func(network, address string) (net.Conn, error)
}

func (h *host) net() netCalls {
	if h.stack == nil {
		return netCalls{net.ListenPacket, net.Dial}
	}
	return netCalls{h.stack.ListenPacket, h.stack.Dial}
}

// B6: net.IPConn: ReadFrom leaves the IP header out, Read does not.
func TestIPConn(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		l, err := h.net().listen("ip4:253", hostAddr.String())
		require.NoError(t, err)
		defer l.Close()
		c, err := h.net().dial("ip4:253", peerAddr.String())
		require.NoError(t, err)
		defer c.Close()
		for _, s := range []net.Addr{l.LocalAddr(), c.LocalAddr()} {
			require.Equal(t, "ip "+hostAddr.String(), s.Network()+" "+s.String())
		}
		require.Equal(t, peerAddr.String(), c.RemoteAddr().String())
		require.NoError(t, l.SetReadDeadline(time.Now().Add(patience)))
		require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
		h.tell(experiment, "data")
		buf := make([]byte, 100)
		n, from, err := l.ReadFrom(buf)
		require.NoError(t, err)
		require.Equal(t, "data", string(buf[:n]))
		require.Equal(t, peerAddr.String(), from.String())
		n, err = c.Read(buf)
		require.NoError(t, err)
		require.Equal(t, "data", string(buf[20:n]))

		_, err = c.Write([]byte("there"))
		require.NoError(t, err)
		require.Equal(t, "there", string(ipOf(h.expect(protocol(experiment))).Payload))
		_, err = l.WriteTo([]byte("there"), &net.IPAddr{IP: peerAddr.AsSlice()})
		require.NoError(t, err)
		require.Equal(t, "there", string(ipOf(h.expect(protocol(experiment))).Payload))
		_, err = c.(net.PacketConn).WriteTo([]byte("there"), c.RemoteAddr())
		require.ErrorIs(t, err, net.ErrWriteToConnected)
	})
}
