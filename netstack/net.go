package netstack

import (
	"fmt"
	"net/netip"
	"syscall"

	"golang.zx2c4.com/wireguard/tun"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/resolver"
)

// Net is a network of one stack: a place to dial from and to listen at.
type Net struct {
	stack *ministack.Stack
	names *resolver.Resolver
}

// deviceName is what the stack calls the tunnel.
const deviceName = "tun0"

// CreateNetTUN makes a stack whose only device is a tunnel, and returns the
// tunnel's other end, for who carries its packets, with the stack as a Net. All
// that is not for one of localAddresses leaves by the tunnel. mtu is in bytes.
// Closing the device closes the stack. Errors: EAFNOSUPPORT for an IPv6
// address, EEXIST for one that is given twice, EINVAL.
func CreateNetTUN(localAddresses, dnsServers []netip.Addr, mtu int) (tun.Device, *Net, error) {
	s, err := ministack.New(ministack.Config{})
	if err != nil {
		return nil, nil, err
	}
	d, err := newTunnel(s, mtu)
	if err == nil {
		err = configure(s, localAddresses)
	}
	if err != nil {
		_ = s.Close() // the first error is the one to report
		return nil, nil, err
	}
	return d, New(s, dnsServers...), nil
}

// configure gives the tunnel its addresses and all traffic.
func configure(s *ministack.Stack, addrs []netip.Addr) error {
	for _, a := range addrs {
		a = a.Unmap()
		if a.Is6() {
			return fmt.Errorf("address %v: %w", a, syscall.EAFNOSUPPORT)
		}
		if err := s.AddAddr(deviceName, netip.PrefixFrom(a, a.BitLen())); err != nil {
			return err
		}
	}
	return s.AddRoute(netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.Addr{}, deviceName)
}

// New returns a stack as a Net, with servers to look names up at. IPv6 servers
// are passed over, as the stack cannot reach them.
func New(s *ministack.Stack, dnsServers ...netip.Addr) *Net {
	var reachable []netip.Addr
	for _, a := range dnsServers {
		if a = a.Unmap(); a.Is4() {
			reachable = append(reachable, a)
		}
	}
	return &Net{stack: s, names: resolver.New(s, reachable...)}
}

// Stack returns the stack underneath.
func (n *Net) Stack() *ministack.Stack { return n.stack }
