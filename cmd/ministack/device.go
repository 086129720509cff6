package main

import (
	"github.com/slankdev/ministack/netdev"
)

// openDriver opens a device of the host, and sets up the host's side of it.
func openDriver(d *deviceSpec) (netdev.Driver, error) {
	drv, err := openKind(d)
	if err != nil {
		return nil, err
	}
	if err := hostSide(d); err != nil {
		drv.Close()
		return nil, err
	}
	return drv, nil
}

func openKind(d *deviceSpec) (netdev.Driver, error) {
	switch d.kind {
	case "packet":
		return netdev.OpenPacket(d.name, netdev.PacketOptions{})
	case "tun":
		return netdev.OpenTUN(d.name, netdev.TAPOptions{MTU: d.mtu})
	case "water":
		return netdev.OpenWater(d.name, d.mtu)
	}
	return netdev.OpenTAP(d.name, netdev.TAPOptions{MTU: d.mtu})
}
