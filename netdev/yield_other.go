//go:build !linux

package netdev

import "runtime"

// yield lets others have the core, as far as the runtime can.
func yield() { runtime.Gosched() }
