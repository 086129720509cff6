package dhcp_test

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/stretchr/testify/require"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/dhcp"
	"github.com/slankdev/ministack/netdev"
)

// In real time, with the library's own server on a stack's sockets.
func TestTheLibrarysServerGivesALease(t *testing.T) {
	client, err := ministack.New(ministack.Config{})
	require.NoError(t, err)
	defer client.Close()
	server, err := ministack.New(ministack.Config{})
	require.NoError(t, err)
	defer server.Close()
	a, b := netdev.Pipe(1500)
	_, err = client.Attach(a, "eth0")
	require.NoError(t, err)
	_, err = server.Attach(b, "eth0")
	require.NoError(t, err)
	require.NoError(t, server.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24")))

	p, err := server.ListenPacket("udp", ":67")
	require.NoError(t, err)
	require.NoError(t, p.(*ministack.PacketConn).SetBroadcast(true))
	released := make(chan *dhcpv4.DHCPv4, 1)
	s, err := server4.NewServer("", nil, answerAll(t, released), server4.WithConn(p))
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve() })

	c, err := dhcp.Start(client, dhcp.Config{Device: "eth0"})
	require.NoError(t, err)
	lease, err := c.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, netip.MustParsePrefix("10.0.0.77/24"), lease.Addr)
	require.NoError(t, c.Close())
	require.Equal(t, net.IPv4(10, 0, 0, 77).To4(), (<-released).ClientIPAddr.To4())
	require.NoError(t, s.Close())
	serving.Wait()
}

// answerAll offers everybody the same address.
func answerAll(t *testing.T, released chan<- *dhcpv4.DHCPv4) server4.Handler {
	answers := map[dhcpv4.MessageType]dhcpv4.MessageType{discover: dhcpv4.MessageTypeOffer, request: dhcpv4.MessageTypeAck}
	return func(p net.PacketConn, peer net.Addr, m *dhcpv4.DHCPv4) {
		if m.MessageType() == release {
			released <- m
			return
		}
		r, err := dhcpv4.NewReplyFromRequest(m, dhcpv4.WithMessageType(answers[m.MessageType()]), dhcpv4.WithYourIP(net.IPv4(10, 0, 0, 77)),
			dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(10, 0, 0, 1))),
			dhcpv4.WithOption(dhcpv4.OptIPAddressLeaseTime(time.Hour)), dhcpv4.WithNetmask(net.CIDRMask(24, 32)))
		if err == nil {
			_, err = p.WriteTo(r.ToBytes(), peer)
		}
		if err != nil {
			t.Errorf("server: %v", err)
		}
	}
}
