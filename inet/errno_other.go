//go:build !linux

package inet

import "syscall"

// Other systems lack one or more of Linux's names for these.
const (
	EHOSTDOWN    = syscall.EHOSTUNREACH
	ENONET       = syscall.ENETUNREACH
	EKEYREJECTED = syscall.EACCES
)
