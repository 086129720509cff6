package inet

import "syscall"

// Errnos that other systems lack.
const (
	EHOSTDOWN    = syscall.EHOSTDOWN
	ENONET       = syscall.ENONET
	EKEYREJECTED = syscall.EKEYREJECTED
)
