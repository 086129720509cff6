package netdev

import "golang.org/x/sys/unix"

// yield lets other threads of the machine have the core (sched_yield(2)).
func yield() { _, _, _ = unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
