// Package lan makes the network of the examples: two stacks on one Ethernet
// link in memory. It is all that it takes to have a network without a kernel.
package lan

import (
	"net/netip"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
)

// Addresses of the two stacks.
var (
	Client = netip.MustParseAddr("10.0.0.1")
	Server = netip.MustParseAddr("10.0.0.2")
)

// New returns the two stacks. The zero Config is good for both.
func New(cfg ministack.Config) (client, server *ministack.Stack, err error) {
	a, b := netdev.Pipe(1500)
	if client, err = Stack(cfg, a, Client); err != nil {
		return nil, nil, err
	}
	if server, err = Stack(cfg, b, Server); err != nil {
		client.Close()
		return nil, nil, err
	}
	return client, server, nil
}

// Stack makes a stack with one device, eth0, and its address. The driver may be
// any: an end of a pipe, a TAP, a tunnel.
func Stack(cfg ministack.Config, d netdev.Driver, addr netip.Addr) (*ministack.Stack, error) {
	s, err := ministack.New(cfg)
	if err != nil {
		return nil, err
	}
	if _, err = s.Attach(d, "eth0"); err == nil {
		err = s.AddAddr("eth0", netip.PrefixFrom(addr, 24))
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}
