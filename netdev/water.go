package netdev

import (
	"fmt"
	"net"
	"runtime"

	"github.com/songgao/water"
)

// The portable driver: a TAP where the system has one, else a TUN, whose
// frames are bare IP packets; plain frames, one a system call.

// OpenWater opens a TAP or TUN by the portable library. An empty name lets the
// system choose. An mtu of 0 takes the interface's.
func OpenWater(name string, mtu int) (Driver, error) {
	if runtime.GOOS == "darwin" { // utun: the system has no TAP of its own
		return openWater(water.TUN, name, mtu)
	}
	return openWater(water.TAP, name, mtu)
}

func openWater(kind water.DeviceType, name string, mtu int) (Driver, error) {
	dev, err := water.New(waterConfig(kind, name))
	if err != nil {
		return nil, fmt.Errorf("open %s %q: %w (it needs the right to make network interfaces)", kindName(kind), name, err)
	}
	if mtu == 0 {
		mtu = mtuOfInterface(dev.Name())
	}
	return NewStream(dev, StreamOptions{MTU: mtu, NoLink: kind == water.TUN}), nil
}

func kindName(kind water.DeviceType) string {
	if kind == water.TUN {
		return "TUN"
	}
	return "TAP"
}

func mtuOfInterface(name string) int {
	if i, err := net.InterfaceByName(name); err == nil {
		return i.MTU
	}
	return 1500
}
