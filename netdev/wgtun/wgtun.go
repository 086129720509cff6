// Package wgtun joins a stack and wireguard-go, which speak to each other by
// wireguard-go's tun.Device, in either direction: NewDriver makes a driver of
// such a device, and New gives wireguard-go a device whose other side is a
// stack. Both move batches of IP packets, without Ethernet and ARP.
//
// The package does not import wireguard-go: Device is its interface, word for
// word, with the type of its events left open. The compiler finds it where a
// device is given; New is told it:
//
//	drv, err := wgtun.NewDriver(dev)          // dev is a tun.Device
//	dev, drv := wgtun.New[tun.Event](options) // dev is one
package wgtun

import (
	"errors"
	"net"
	"os"
)

// Device is golang.zx2c4.com/wireguard/tun.Device, E its tun.Event.
type Device[E ~int] interface {
	File() *os.File
	Read(bufs [][]byte, sizes []int, offset int) (n int, err error)
	Write(bufs [][]byte, offset int) (int, error)
	MTU() (int, error)
	Name() (string, error)
	Events() <-chan E
	Close() error
	BatchSize() int
}

// Events of a device, with wireguard-go's values.
const (
	eventUp  = 1
	eventMTU = 4
)

// offset is the room before each packet: as much as wireguard-go's own header
// takes, which devices that put a header of theirs there rely on.
const offset = 16

// maxPacket is the largest IP packet, in bytes.
const maxPacket = 65535

// closedAs returns err, or want for a device that is closed, which the two
// sides call differently.
func closedAs(want, err error) error {
	if errors.Is(err, os.ErrClosed) || errors.Is(err, net.ErrClosed) {
		return want
	}
	return err
}
