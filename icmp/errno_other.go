//go:build !linux

package icmp

import "syscall"

// Other systems lack one or both of Linux's names for these.
const (
	errHostDown = syscall.EHOSTUNREACH
	errNoNet    = syscall.ENETUNREACH
)
