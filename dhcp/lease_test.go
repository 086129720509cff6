package dhcp_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/dhcp"
)

func subnet(t *testing.T, s string) *net.IPNet {
	_, n, err := net.ParseCIDR(s)
	require.NoError(t, err)
	return n
}

// with has the server change its replies by fn.
func (l *lan) with(fn func(*dhcpv4.DHCPv4)) *lan {
	l.alter = func(_, reply *dhcpv4.DHCPv4) {
		if reply.MessageType() != nak {
			fn(reply)
		}
	}
	return l
}

// RFC 3442: classless routes replace the routers; a gateway off the network is
// on the link.
func TestRoutesThatTheServerTells(t *testing.T) {
	l := newLAN(t).with(func(m *dhcpv4.DHCPv4) {
		m.UpdateOption(dhcpv4.OptClasslessStaticRoute(
			&dhcpv4.Route{Dest: subnet(t, "0.0.0.0/0"), Router: net.IPv4(172, 16, 0, 1)},
			&dhcpv4.Route{Dest: subnet(t, "192.0.2.0/25"), Router: net.IPv4(10, 0, 0, 9)},
			&dhcpv4.Route{Dest: subnet(t, "198.51.100.0/24"), Router: net.IPv4zero}))
	})
	c, _ := l.leased()
	var got []string
	for _, r := range l.client.Routes() {
		got = append(got, r.Dst.String()+" "+r.Via.String())
	}
	want := []string{"172.16.0.1/32 invalid IP", "192.0.2.0/25 10.0.0.9", "10.0.0.0/24 invalid IP", "198.51.100.0/24 invalid IP", "0.0.0.0/0 172.16.0.1"}
	require.ElementsMatch(t, want, got)
	l.Clock.Run(31 * time.Minute)
	require.Len(t, l.leases, 2, "renewed")
	require.Len(t, l.client.Routes(), len(want), "and nothing has changed")
	require.NoError(t, c.Close())
	require.Empty(t, l.client.Routes())
}

// RFC 2132 5.1: an MTU is 68 at least; one above the device's is not believed.
func TestTheMTUThatTheServerTells(t *testing.T) {
	for told, want := range map[uint16]int{1400: 1400, 67: 1500, 9000: 1500, 68: 68} {
		l := newLAN(t).with(func(m *dhcpv4.DHCPv4) {
			m.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionInterfaceMTU, []byte{byte(told >> 8), byte(told)}))
		})
		c, _ := l.leased()
		require.Equal(t, want, l.client.Devices()[1].MTU(), "%d", told)
		require.NoError(t, c.Close())
		require.Equal(t, 1500, l.client.Devices()[1].MTU())
	}
}

// A renewal that brings another address, or other routes, changes just that.
func TestARenewalMayBringSomethingElse(t *testing.T) {
	l := newLAN(t)
	_, lease := l.leased()
	l.with(func(m *dhcpv4.DHCPv4) { m.UpdateOption(dhcpv4.OptRouter(net.IPv4(10, 0, 0, 2))) })
	l.Clock.Run(31 * time.Minute)
	require.Equal(t, netip.MustParseAddr("10.0.0.2"), defaultRoute(l.client.Routes()))
	require.Equal(t, []netip.Prefix{lease.Addr}, l.addrs())
	require.Len(t, l.client.Routes(), 2)
	l.with(func(m *dhcpv4.DHCPv4) { m.YourIPAddr = net.IPv4(10, 0, 0, 78) })
	l.Clock.Run(31 * time.Minute)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.0.0.78/24")}, l.addrs())
	require.Equal(t, netip.MustParseAddr("10.0.0.1"), defaultRoute(l.client.Routes()))
}

// RFC 2131 3.3: all bits set is for ever.
func TestALeaseForEver(t *testing.T) {
	l := newLAN(t).with(func(m *dhcpv4.DHCPv4) {
		m.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionIPAddressLeaseTime, []byte{255, 255, 255, 255}))
	})
	c, lease := l.leased()
	require.Zero(t, lease.Time)
	l.Clock.Run(1000 * time.Hour)
	require.Equal(t, lease, c.Lease())
	require.Len(t, l.heard, 2)
}

func TestTimesOfALease(t *testing.T) {
	for _, c := range []struct{ t1, t2, renew, rebind time.Duration }{
		{600, 1200, 600, 1200},
		{1200, 600, 1800, 3150}, // nonsense: T1 after T2
		{0, 1200, 1800, 3150},
		{600, 3600, 1800, 3150},
	} {
		l := newLAN(t).with(func(m *dhcpv4.DHCPv4) {
			m.UpdateOption(dhcpv4.OptRenewTimeValue(c.t1 * time.Second))
			m.UpdateOption(dhcpv4.OptRebindingTimeValue(c.t2 * time.Second))
		})
		_, lease := l.leased()
		require.Equal(t, []time.Duration{c.renew * time.Second, c.rebind * time.Second}, []time.Duration{lease.Renew, lease.Rebind})
	}
}

// Offers that cannot be a lease are not taken, however often they come.
func TestOffersThatCannotBe(t *testing.T) {
	for name, spoil := range map[string]func(*dhcpv4.DHCPv4){
		"no address":    func(m *dhcpv4.DHCPv4) { m.YourIPAddr = net.IPv4zero },
		"a group":       func(m *dhcpv4.DHCPv4) { m.YourIPAddr = net.IPv4(224, 0, 0, 1) },
		"loopback":      func(m *dhcpv4.DHCPv4) { m.YourIPAddr = net.IPv4(127, 0, 0, 1) },
		"no server":     func(m *dhcpv4.DHCPv4) { m.DeleteOption(dhcpv4.OptionServerIdentifier) },
		"holes":         func(m *dhcpv4.DHCPv4) { m.UpdateOption(dhcpv4.OptSubnetMask(net.IPv4Mask(255, 0, 255, 0))) },
		"no mask":       func(m *dhcpv4.DHCPv4) { m.UpdateOption(dhcpv4.OptSubnetMask(net.IPv4Mask(0, 0, 0, 0))) },
		"no time":       func(m *dhcpv4.DHCPv4) { m.DeleteOption(dhcpv4.OptionIPAddressLeaseTime) },
		"other xid":     func(m *dhcpv4.DHCPv4) { m.TransactionID[0]++ },
		"other client":  func(m *dhcpv4.DHCPv4) { m.ClientHWAddr[5]++ },
		"not a reply":   func(m *dhcpv4.DHCPv4) { m.OpCode = dhcpv4.OpcodeBootRequest },
		"not an answer": func(m *dhcpv4.DHCPv4) { m.UpdateOption(dhcpv4.OptMessageType(dhcpv4.MessageTypeInform)) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLAN(t).with(spoil)
			c, err := dhcp.Start(l.client, dhcp.Config{Device: "eth0"})
			require.NoError(t, err)
			l.Clock.Run(time.Minute)
			require.NotEmpty(t, l.heard)
			require.NotContains(t, l.kinds(), request)
			require.Nil(t, c.Lease())
			require.NoError(t, c.Close())
		})
	}
}

// An address that the device had before stays when the lease ends.
func TestAnAddressThatWasThereStays(t *testing.T) {
	l := newLAN(t)
	p := netip.MustParsePrefix("10.0.0.77/24")
	require.NoError(t, l.client.AddAddr("eth0", p))
	c, _ := l.leased()
	require.NoError(t, c.Close())
	require.Equal(t, []netip.Prefix{p}, l.addrs())
}

// A stack with another address asks from 0.0.0.0 all the same.
func TestASecondDeviceAsksFromNoAddress(t *testing.T) {
	l := newLAN(t)
	require.NoError(t, l.client.AddAddr("lo", netip.MustParsePrefix("192.0.2.1/32")))
	l.leased()
	require.True(t, l.heard[0].from.Addr().IsUnspecified())
}
