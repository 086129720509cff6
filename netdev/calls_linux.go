package netdev

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/slankdev/ministack/netdev/uring"
)

// maxCalls is how many reads or writes are done at a time. With 16 a frame's
// share of entering the kernel is small already, and 16 frames are a time, some
// 50 us, for which the runtime may be kept waiting.
const maxCalls = 16

// calls does several reads or writes of a descriptor that does not block: by one
// system call where the kernel has io_uring and lets us use it, else, and where
// there is only one to do, by one each. It belongs to one goroutine at a time.
type calls struct {
	ring    *uring.Ring
	single  bool // do without the ring
	iov     [maxCalls][]unix.Iovec
	n       int // of iov
	results [maxCalls]int32
}

// add notes what the next read or write has, until there are maxCalls.
func (c *calls) add(iov []unix.Iovec) {
	c.iov[c.n] = iov
	c.n++
}

// read does what was added, as reads, and returns what came of each: how many
// bytes, or a negative errno. What follows one that failed may not have been
// tried; then there are fewer results. They are good until the next call.
func (c *calls) read(fd int) []int32 { return c.do(fd, (*uring.Ring).Readv, readv) }

// write is read for writes.
func (c *calls) write(fd int) []int32 { return c.do(fd, (*uring.Ring).Writev, writev) }

func (c *calls) do(fd int, add func(*uring.Ring, int, []unix.Iovec), one func(int, []unix.Iovec) (int, syscall.Errno)) []int32 {
	todo := c.iov[:c.n]
	c.n = 0
	if !c.ringFor(fd, len(todo)) {
		return c.each(fd, todo, one)
	}
	for _, iov := range todo {
		add(c.ring, fd, iov)
	}
	return c.ring.Do()
}

// each does one after the other, up to one that fails.
func (c *calls) each(fd int, todo [][]unix.Iovec, one func(int, []unix.Iovec) (int, syscall.Errno)) []int32 {
	for i, iov := range todo {
		n, errno := one(fd, iov)
		for errno == unix.EINTR {
			n, errno = one(fd, iov)
		}
		if c.results[i] = result(n, errno); errno != 0 {
			return c.results[:i+1]
		}
	}
	return c.results[:len(todo)]
}

func result(n int, errno syscall.Errno) int32 {
	if errno != 0 {
		return -int32(errno)
	}
	return int32(n)
}

// ringFor reports whether n calls on fd are to go by the ring. The first that
// are make it.
func (c *calls) ringFor(fd, n int) bool {
	if c.ring == nil && !c.single && n > 1 {
		c.ring = newRing(fd)
		c.single = c.ring == nil
	}
	return c.ring != nil && n > 1
}

// newRing returns a ring that does what is asked of fd without waiting, nil
// where there is none to be had.
func newRing(fd int) *uring.Ring {
	ring, err := uring.New(maxCalls)
	if err != nil {
		return nil
	}
	// A read of nothing fails where the device cannot be asked not to wait, as a
	// TAP of older kernels.
	ring.Readv(fd, []unix.Iovec{{}})
	if ring.Do()[0] < 0 {
		ring.Close()
		return nil
	}
	return ring
}

func (c *calls) close() {
	if c.ring != nil {
		c.ring.Close()
	}
	c.ring, c.single = nil, true
}
