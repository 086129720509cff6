package dhcp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// Lease is what a server gave.
type Lease struct {
	Addr   netip.Prefix // with its network
	Server netip.Addr
	Routes []Route // the default route among them
	DNS    []netip.Addr
	Domain string
	MTU    int // in bytes, 0 if the server said nothing

	// Time is how long the lease lasts, Renew and Rebind when to ask for more
	// time (T1 and T2), counted from its beginning. A Time of 0 is for ever.
	Time, Renew, Rebind time.Duration
}

// Route is a way that the server told.
type Route struct {
	Dst netip.Prefix
	Via netip.Addr // 0.0.0.0: on the link
}

// forever is a lease time that never ends (RFC 2131 3.3).
const forever = 0xffffffff * time.Second

// leaseOf reads an offer or an acknowledgement.
func leaseOf(m *dhcpv4.DHCPv4) (*Lease, error) {
	addr, server := ip4(m.YourIPAddr), ip4(m.ServerIdentifier())
	if !isHost(addr) || !isHost(server) {
		return nil, fmt.Errorf("a server offers the address %v and calls itself %v", m.YourIPAddr, m.ServerIdentifier())
	}
	p, err := network(addr, m.SubnetMask())
	if err != nil {
		return nil, err
	}
	l := &Lease{Addr: p, Server: server, DNS: hosts(m.DNS()), Domain: m.DomainName(), Routes: routesOf(m), MTU: mtuOf(m)}
	return l, l.times(m)
}

func ip4(b net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a.Unmap()
}

// isHost reports whether a can be one host's address.
func isHost(a netip.Addr) bool {
	return a.Is4() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() && a != anyServer.Addr()
}

// network joins address and mask; without a mask the address is alone.
func network(a netip.Addr, mask net.IPMask) (netip.Prefix, error) {
	if mask == nil {
		return netip.PrefixFrom(a, 32), nil
	}
	ones, bits := mask.Size()
	if bits != 32 || ones == 0 {
		return netip.Prefix{}, fmt.Errorf("a server offers the mask %v", mask)
	}
	return netip.PrefixFrom(a, ones), nil
}

func hosts(list []net.IP) []netip.Addr {
	var all []netip.Addr
	for _, b := range list {
		if a := ip4(b); isHost(a) && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// routesOf returns the classless routes, and only where there are none the
// routers as default routes (RFC 3442).
func routesOf(m *dhcpv4.DHCPv4) []Route {
	var all []Route
	for _, r := range m.ClasslessStaticRoute() {
		ones, _ := r.Dest.Mask.Size()
		p := netip.PrefixFrom(ip4(r.Dest.IP), ones).Masked()
		if via := ip4(r.Router); p.IsValid() && (isHost(via) || via.IsUnspecified()) {
			all = append(all, Route{p, via})
		}
	}
	if m.ClasslessStaticRoute() != nil {
		return all
	}
	for _, via := range hosts(m.Router()) {
		all = append(all, Route{netip.PrefixFrom(netip.IPv4Unspecified(), 0), via})
	}
	return all
}

// mtuOf returns the MTU, which is 68 at least (RFC 2132 5.1).
func mtuOf(m *dhcpv4.DHCPv4) int {
	n, err := dhcpv4.GetUint16(dhcpv4.OptionInterfaceMTU, m.Options)
	if err != nil || n < 68 {
		return 0
	}
	return int(n)
}

// times reads the lease's times; T1 and T2 are half and seven eighths of it
// unless the server says something that can be (RFC 2131 4.4.5).
func (l *Lease) times(m *dhcpv4.DHCPv4) error {
	l.Time = m.IPAddressLeaseTime(0)
	switch l.Time {
	case 0:
		return errors.New("a server offers a lease of no time")
	case forever:
		l.Time = 0
		return nil
	}
	l.Renew, l.Rebind = m.IPAddressRenewalTime(l.Time/2), m.IPAddressRebindingTime(l.Time/8*7)
	if l.Renew == 0 || l.Renew >= l.Rebind || l.Rebind >= l.Time {
		l.Renew, l.Rebind = l.Time/2, l.Time/8*7
	}
	return nil
}
