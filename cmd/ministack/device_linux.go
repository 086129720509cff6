package main

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/slankdev/ministack/netdev"
)

// hostSide gives the host's end of a device its address and brings it up. An
// interface that is shared must be up to carry anything.
func hostSide(d *deviceSpec) error {
	if d.host.IsValid() {
		return netdev.ConfigureHost(d.name, d.host, d.mtu)
	}
	if d.kind != "packet" {
		return nil
	}
	if i, err := net.InterfaceByName(d.name); err != nil || i.Flags&net.FlagUp != 0 {
		return nil // up, or gone, which the driver will tell
	}
	if err := netdev.ConfigureHost(d.name, netip.Prefix{}, d.mtu); err != nil {
		return fmt.Errorf("interface %s is down: %w", d.name, err)
	}
	return nil
}
