//go:build !linux

package main

import "runtime"

// hostSide gives the host's end of a device its address.
func hostSide(d *deviceSpec) error {
	if d.host.IsValid() {
		return usage("--host-addr is not there on %s: give %s its address with the system's own tools", runtime.GOOS, d.name)
	}
	return nil
}
