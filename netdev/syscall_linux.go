package netdev

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls that move frames. None of them blocks: the descriptor is
// non-blocking, and what the kernel does meanwhile, a copy and its own way
// through its stack, is work on this core like any other. So the Go runtime is
// not told of them (RawSyscall). Were it told, a write of a super-segment,
// which takes 20 us and more, would look as if it slept: the runtime's monitor
// would take the processor away and wake a thread to use it, which fights for
// the core with the host's end of the link, and the writer would have to look
// for a processor when it comes back. A frame of 1500 bytes pays for entering
// and leaving only; without that a plain TAP takes a fifth less work.
//
// What it costs: a garbage collection that begins meanwhile waits for the call
// to end, some tens of microseconds. ppoll, which does sleep, goes the usual
// way.

func readv(fd int, iov []unix.Iovec) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READV, uintptr(fd), uintptr(unsafe.Pointer(&iov[0])), uintptr(len(iov)))
	return int(n), errno
}

func writev(fd int, iov []unix.Iovec) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&iov[0])), uintptr(len(iov)))
	return int(n), errno
}

// recvmmsg and sendmmsg return how many messages moved.
func recvmmsg(fd int, msgs []mmsg) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&msgs[0])), uintptr(len(msgs)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

func sendmmsg(fd int, msgs []mmsg) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&msgs[0])), uintptr(len(msgs)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}
