//go:build !unix

package iperf3

import "time"

// usage is not known here: results say 0.
func usage() (user, system time.Duration) { return 0, 0 }
