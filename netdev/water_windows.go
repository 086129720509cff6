package netdev

import "github.com/songgao/water"

func waterConfig(kind water.DeviceType, name string) water.Config {
	c := water.Config{DeviceType: kind}
	c.ComponentID, c.InterfaceName = "tap0901", name // OpenVPN's driver
	return c
}
