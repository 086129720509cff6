//go:build !linux

package netdev

import (
	"fmt"
	"net/netip"
	"runtime"
	"syscall"
)

// ConfigureHost sets up the host's side of an interface. It is there on Linux
// only: elsewhere the system's own tools do it.
func ConfigureHost(ifname string, _ netip.Prefix, _ int) error {
	return fmt.Errorf("interface %s cannot be set up on %s: %w", ifname, runtime.GOOS, syscall.ENOSYS)
}
