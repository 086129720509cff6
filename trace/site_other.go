//go:build !amd64 && !arm64

package trace

import "runtime"

// callerPC returns where the function that calls it returns to: the site of an
// event.
//
//go:noinline
func callerPC() uintptr {
	var pc [1]uintptr
	runtime.Callers(3, pc[:])
	return pc[0]
}
