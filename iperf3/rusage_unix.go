//go:build unix

package iperf3

import (
	"syscall"
	"time"
)

// usage returns the processor time of this process, which is that of the stack
// and of whatever else runs in it (getrusage(2)).
func usage() (user, system time.Duration) {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0, 0
	}
	return time.Duration(r.Utime.Nano()), time.Duration(r.Stime.Nano())
}
