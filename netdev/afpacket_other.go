//go:build !linux

package netdev

import (
	"errors"
	"fmt"
	"runtime"
)

// OpenPacket needs Linux's packet sockets. Error: errors.ErrUnsupported.
func OpenPacket(ifname string, _ PacketOptions) (Driver, error) {
	return nil, fmt.Errorf("packet socket on %s: not on %s; use a TAP: %w", ifname, runtime.GOOS, errors.ErrUnsupported)
}
