package dhcp_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/dhcp"
)

// FuzzReply answers a client with whatever comes, in the state after n of its
// messages; exchange and client are made to match. It must not panic, and when
// it is closed the device must be as it was.
func FuzzReply(f *testing.F) {
	m, err := dhcpv4.New(dhcpv4.WithMessageType(dhcpv4.MessageTypeOffer))
	require.NoError(f, err)
	f.Add(m.ToBytes(), uint8(0))
	f.Add(m.ToBytes()[:240], uint8(1))
	f.Add([]byte{2, 1, 6}, uint8(2))
	f.Fuzz(func(t *testing.T, reply []byte, state uint8) {
		l := newLAN(t)
		c, err := dhcp.Start(l.client, dhcp.Config{Device: "eth0"})
		require.NoError(t, err)
		l.silent = state%3 == 0
		if state%3 == 1 {
			delete(l.answer, request)
		}
		l.Clock.Run(31 * time.Minute / 3 * time.Duration(state%3))
		l.Clock.Run(time.Second)
		if last := l.heard[len(l.heard)-1]; len(reply) >= 44 {
			copy(reply[4:8], last.TransactionID[:])
			copy(reply[28:44], append([]byte(last.ClientHWAddr), make([]byte, 10)...))
			reply[2] = 6
		}
		_, _ = l.sock.SendTo(reply, 0, netip.MustParseAddrPort("255.255.255.255:68"))
		l.Clock.Run(time.Second)
		require.NoError(t, c.Close())
		require.Empty(t, l.addrs())
		require.Empty(t, l.client.Routes())
		require.Equal(t, 1500, l.client.Devices()[1].MTU())
	})
}
