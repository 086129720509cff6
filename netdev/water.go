package netdev

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"

	"github.com/slankdev/ministack/skb"
	"github.com/songgao/water"
)

// The portable driver: a TAP where the system has one, else a TUN, whose
// frames are bare IP packets; plain frames, one a system call.

type waterDevice struct {
	dev      *water.Interface
	mtu      int
	features Features
}

var _ Driver = (*waterDevice)(nil)

// OpenWater opens a TAP or TUN by the portable library. An empty name lets the
// system choose. An mtu of 0 takes the interface's.
func OpenWater(name string, mtu int) (Driver, error) {
	kind, features := water.DeviceType(water.TAP), Features(0)
	if runtime.GOOS == "darwin" { // utun: the system has no TAP of its own
		kind, features = water.TUN, NoLink
	}
	dev, err := water.New(waterConfig(kind, name))
	if err != nil {
		return nil, fmt.Errorf("open %s %q: %w (it needs the right to make network interfaces)", kindName(features), name, err)
	}
	if mtu == 0 {
		mtu = mtuOfInterface(dev.Name())
	}
	return &waterDevice{dev: dev, mtu: mtu, features: features}, nil
}

func kindName(f Features) string {
	if f.Has(NoLink) {
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

// Read returns one frame.
func (w *waterDevice) Read(pool *skb.Pool, dst []*skb.Buffer) (int, error) {
	size := w.mtu + etherLen + 4 // a VLAN tag more than the MTU
	b := pool.New(size)
	n, err := w.dev.Read(b.Put(size))
	if err != nil {
		b.Consume()
		if errors.Is(err, os.ErrClosed) {
			err = net.ErrClosed
		}
		return 0, err
	}
	b.Trim(n)
	dst[0] = b
	return 1, nil
}

func (w *waterDevice) Write(src []*skb.Buffer) (int, error) {
	for i, b := range src {
		if _, err := w.dev.Write(b.Bytes()); err != nil {
			if errors.Is(err, os.ErrClosed) {
				err = net.ErrClosed
			}
			return i, err
		}
	}
	return len(src), nil
}

func (w *waterDevice) Features() Features { return w.features }

func (w *waterDevice) MTU() int { return w.mtu }

// MAC has the stack make one up: the interface's own is the host's.
func (w *waterDevice) MAC() net.HardwareAddr { return nil }

func (w *waterDevice) Close() error {
	if err := w.dev.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}
