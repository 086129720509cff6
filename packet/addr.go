package packet

import "github.com/slankdev/ministack/netdev"

// AllProtocols is the protocol of a socket that sees every frame, outgoing ones
// among them (ETH_P_ALL).
const AllProtocols = 0x0003

// Types of devices (if_arp.h).
const (
	arphrdEther    = 1
	arphrdLoopback = 772
	arphrdNone     = 0xfffe
)

// hardwareType says what kind of device d is (net_device.type).
func hardwareType(d *netdev.Device) uint16 {
	switch {
	case d.Features.Has(netdev.Loopback):
		return arphrdLoopback
	case d.HasLink():
		return arphrdEther
	}
	return arphrdNone
}

// addrLen is the length of a device's link addresses, in bytes.
func addrLen(d *netdev.Device) int {
	if d.HasLink() {
		return len(d.MAC)
	}
	return 0
}
