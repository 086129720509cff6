package dhcp_test

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/dhcp"
	"github.com/slankdev/ministack/ipv4"
	"github.com/slankdev/ministack/netdev"
)

const (
	discover = dhcpv4.MessageTypeDiscover
	request  = dhcpv4.MessageTypeRequest
	release  = dhcpv4.MessageTypeRelease
	nak      = dhcpv4.MessageTypeNak
)

// RFC 2131 3.1: DISCOVER, OFFER, REQUEST, ACK; RFC 1122 3.2.1.3: from 0.0.0.0.
func TestADeviceGetsItsAddress(t *testing.T) {
	l := newLAN(t)
	c, lease := l.leased()
	require.Equal(t, &dhcp.Lease{Addr: netip.MustParsePrefix("10.0.0.77/24"), Server: netip.MustParseAddr("10.0.0.1"),
		Routes: []dhcp.Route{{Dst: netip.MustParsePrefix("0.0.0.0/0"), Via: netip.MustParseAddr("10.0.0.1")}},
		DNS:    []netip.Addr{netip.MustParseAddr("10.0.0.53"), netip.MustParseAddr("10.0.0.54")}, Domain: "example.com",
		Time: time.Hour, Renew: 30 * time.Minute, Rebind: 52*time.Minute + 30*time.Second}, lease)
	require.Equal(t, lease, c.Lease())
	require.Equal(t, []netip.Prefix{lease.Addr}, l.addrs())
	require.Equal(t, netip.MustParseAddr("10.0.0.1"), defaultRoute(l.client.Routes()))
	for _, h := range l.heard {
		require.Equal(t, netip.MustParseAddrPort("0.0.0.0:68"), h.from)
		require.Equal(t, netip.MustParseAddr("255.255.255.255"), h.to)
	}
	p, err := l.client.DialPing(t.Context(), netip.Addr{}, lease.Server)
	require.NoError(t, err)
	_, err = p.Write([]byte{8, 0, 0, 0, 0, 0, 0, 1})
	require.NoError(t, err)
	_, err = p.Read(make([]byte, 8))
	require.NoError(t, err)
}

func defaultRoute(routes []ipv4.Entry) netip.Addr {
	for _, r := range routes {
		if r.Dst.Bits() == 0 {
			return r.Via
		}
	}
	return netip.Addr{}
}

// RFC 2131 4.4.1 table 5, RFC 2132 9.14, RFC 3442: what is in the messages.
func TestMessagesHaveWhatTheyMust(t *testing.T) {
	l := newLAN(t)
	c, _ := l.leased()
	l.Clock.Run(30 * time.Minute) // T1
	require.NoError(t, c.Close())
	l.Clock.Run(time.Second)
	require.Equal(t, []dhcpv4.MessageType{discover, request, request, release}, l.kinds())
	mac := l.client.Devices()[1].MAC
	for i, want := range []struct {
		broadcast          bool
		ciaddr, wants, sid net.IP
	}{
		{true, net.IPv4zero, nil, nil},
		{true, net.IPv4zero, net.IPv4(10, 0, 0, 77), net.IPv4(10, 0, 0, 1)},
		{false, net.IPv4(10, 0, 0, 77), nil, nil},
		{false, net.IPv4(10, 0, 0, 77), nil, net.IPv4(10, 0, 0, 1)},
	} {
		h := l.heard[i]
		require.Equal(t, want.broadcast, h.IsBroadcast(), "%v", h)
		require.True(t, want.ciaddr.Equal(h.ClientIPAddr), "%v", h)
		require.True(t, want.wants.Equal(h.RequestedIPAddress()), "%v", h)
		require.True(t, want.sid.Equal(h.ServerIdentifier()), "%v", h)
		require.Equal(t, mac[:], []byte(h.ClientHWAddr))
		require.Equal(t, append([]byte{1}, mac[:]...), h.GetOneOption(dhcpv4.OptionClientIdentifier))
		if h.MessageType() == release {
			continue
		}
		require.Equal(t, "ministack", h.HostName())
		list := h.ParameterRequestList()
		require.Equal(t, []uint8{1, 121, 3}, []uint8{list[0].Code(), list[1].Code(), list[2].Code()})
	}
	require.Equal(t, l.heard[0].TransactionID, l.heard[1].TransactionID)
	require.NotEqual(t, l.heard[1].TransactionID, l.heard[2].TransactionID)
}

// RFC 2131 4.1: 4, 8, 16, 32, 64, 64 ... seconds, each one more or less.
func TestADiscoverIsRepeatedMoreAndMoreSeldom(t *testing.T) {
	l := newLAN(t)
	l.silent = true
	l.start()
	l.Clock.Run(5 * time.Minute)
	want := []float64{4, 8, 16, 32, 64, 64, 64}
	require.GreaterOrEqual(t, len(l.heard), len(want))
	for i, s := range want[:len(l.heard)-1] {
		require.InDelta(t, s, l.heard[i+1].at.Sub(l.heard[i].at).Seconds(), 1.01)
		require.Equal(t, l.heard[0].TransactionID, l.heard[i].TransactionID)
	}
	require.EqualValues(t, l.heard[3].at.Sub(l.heard[0].at)/time.Second, l.heard[3].NumSeconds)
	l.silent = false
	l.Clock.Run(2 * time.Minute)
	require.Len(t, l.leases, 1)
}

// RFC 2131 3.1 step 5: a client whose requests go unanswered begins anew.
func TestAnOfferThatIsNotKept(t *testing.T) {
	l := newLAN(t)
	delete(l.answer, request)
	l.start()
	l.Clock.Run(2 * time.Minute)
	kinds := l.kinds()
	require.Equal(t, []dhcpv4.MessageType{discover, request, request, request, request, discover, request}, kinds[:7])
	require.Empty(t, l.leases)
	require.Empty(t, l.addrs())
}

// RFC 2131 4.4.5: the server that gave the lease is asked at T1.
func TestALeaseIsRenewed(t *testing.T) {
	l := newLAN(t)
	_, lease := l.leased()
	began := l.Clock.Now()
	l.Clock.Run(10*time.Hour + time.Minute)
	require.Len(t, l.heard, 2+20, "every half hour")
	require.Equal(t, 30.0, l.heard[2].at.Sub(began).Round(time.Second).Minutes())
	require.Equal(t, netip.MustParseAddrPort("10.0.0.77:68"), l.heard[2].from)
	require.Equal(t, lease.Server, l.heard[2].to)
	require.Equal(t, []netip.Prefix{lease.Addr}, l.addrs())
}

// RFC 2131 4.4.5: at T2 any server is asked; without one the address is gone
// when the lease ends.
func TestALeaseThatIsNotRenewedRunsOut(t *testing.T) {
	l := newLAN(t)
	c, lease := l.leased()
	began := l.Clock.Now()
	l.silent = true
	l.Clock.Run(time.Hour - time.Second)
	require.Equal(t, lease, c.Lease())
	var toServer, toAll []float64
	for _, h := range l.heard[2:] {
		require.Equal(t, request, h.MessageType())
		m := h.at.Sub(began).Minutes()
		if h.to == lease.Server {
			toServer = append(toServer, m)
		} else {
			toAll = append(toAll, m)
		}
	}
	near(t, []float64{30, 41.25, 46.875, 49.6875, 51.09375, 52.09375}, toServer)
	near(t, []float64{52.5, 56.25, 58.125, 59.125}, toAll)

	l.Clock.Run(2 * time.Second)
	require.Nil(t, c.Lease())
	require.Empty(t, l.addrs())
	require.False(t, defaultRoute(l.client.Routes()).IsValid())
	require.Equal(t, []*dhcp.Lease{lease, nil}, l.leases)
	l.silent = false
	l.Clock.Run(time.Minute)
	require.Equal(t, lease, c.Lease(), "found again")
}

func near(t *testing.T, want, got []float64) {
	t.Helper()
	require.Len(t, got, len(want), "%v", got)
	for i := range want {
		require.InDelta(t, want[i], got[i], 0.01)
	}
}

// A refusal takes the address away; a server that goes on refusing is not asked
// more than once in ten seconds.
func TestARefusedRenewalBeginsAnew(t *testing.T) {
	l := newLAN(t)
	c, lease := l.leased()
	l.answer[request] = nak
	l.Clock.Run(31 * time.Minute)
	require.Nil(t, c.Lease())
	require.Empty(t, l.addrs())
	require.InDelta(t, 2+1+2*6, len(l.heard), 2)
	l.answer[request] = dhcpv4.MessageTypeAck
	l.Clock.Run(time.Minute)
	require.Equal(t, []*dhcp.Lease{lease, nil, lease}, l.leases)
}

// RFC 2131 4.4.6: the lease is given back, to a server whose link address has
// to be asked for first.
func TestCloseGivesTheLeaseBack(t *testing.T) {
	l := newLAN(t)
	c, lease := l.leased()
	require.NoError(t, c.Close())
	l.Clock.Run(time.Second)
	last := l.heard[len(l.heard)-1]
	require.Equal(t, release, last.MessageType())
	require.Equal(t, netip.AddrPortFrom(lease.Addr.Addr(), 68), last.from)
	require.Empty(t, l.addrs())
	require.Empty(t, l.client.UDPSockets())
	require.False(t, defaultRoute(l.client.Routes()).IsValid())
	require.Equal(t, []*dhcp.Lease{lease, nil}, l.leases)
	require.ErrorIs(t, c.Close(), net.ErrClosed)
	_, err := c.Wait(t.Context())
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestClientsThatCannotBe(t *testing.T) {
	l := newLAN(t)
	_, err := dhcp.Start(l.client, dhcp.Config{Device: "eth9"})
	require.ErrorIs(t, err, syscall.ENODEV)
	_, err = dhcp.Start(l.client, dhcp.Config{Device: "lo"})
	require.ErrorIs(t, err, syscall.EOPNOTSUPP)
	l.silent = true
	c := l.start()
	_, err = dhcp.Start(l.client, dhcp.Config{Device: "eth0"})
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Wait(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "no lease on eth0 after 1 messages")
}

// RFC 2131 3.1 step 4: only the server whose offer was taken may refuse it.
func TestARefusalByAnotherServerIsNotHeard(t *testing.T) {
	l := newLAN(t)
	l.answer[request] = nak
	l.alter = func(_, reply *dhcpv4.DHCPv4) {
		if reply.MessageType() == nak {
			reply.UpdateOption(dhcpv4.OptServerIdentifier(net.IPv4(10, 0, 0, 9)))
		}
	}
	l.start()
	l.Clock.Run(30 * time.Second)
	require.Equal(t, []dhcpv4.MessageType{discover, request, request, request, request}, l.kinds())
}

// What goes wrong is told, and the client goes on: here its device is down for
// a while.
func TestAClientOutlivesItsDevicesTroubles(t *testing.T) {
	l := newLAN(t)
	dev := l.client.Devices()[1]
	dev.SetFlags(0, netdev.Up)
	var told []error
	c, err := dhcp.Start(l.client, dhcp.Config{Device: "eth0", Failed: func(err error) { told = append(told, err) }})
	require.NoError(t, err)
	require.ErrorIs(t, told[0], syscall.ENETDOWN)
	dev.SetFlags(netdev.Up, 0)
	lease, err := c.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, []netip.Prefix{lease.Addr}, l.addrs())
	require.NoError(t, c.Close())
	require.Len(t, told, 1)
}
