package icmp

import "syscall"

const (
	errHostDown = syscall.EHOSTDOWN
	errNoNet    = syscall.ENONET
)
