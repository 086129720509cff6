//go:build !linux && !darwin && !windows

package netdev

import "github.com/songgao/water"

func waterConfig(kind water.DeviceType, _ string) water.Config {
	return water.Config{DeviceType: kind}
}
