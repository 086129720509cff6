//go:build linux || darwin

package netdev

import "github.com/songgao/water"

func waterConfig(kind water.DeviceType, name string) water.Config {
	c := water.Config{DeviceType: kind}
	c.Name = name
	return c
}
