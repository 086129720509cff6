package netdev

import (
	"net"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/slankdev/ministack/skb"
)

// pollFD is a non-blocking file descriptor with a reader that Close can wake.
// The reader sleeps in ppoll on a thread of its own, not in the runtime's
// poller: there is one hand-off less between the frame and the code that wants
// it, which is worth a quarter of the round trips a second on a small machine.
// The descriptor's number is given back only when nobody is in a system call
// with it.
type pollFD struct {
	fd, wake int // wake is an eventfd
	mu       sync.RWMutex
	closed   atomic.Bool
	places   *places // the reader's
}

// newPollFD takes fd over, also when it fails.
func newPollFD(fd int) (*pollFD, error) {
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("eventfd", err)
	}
	return &pollFD{fd: fd, wake: wake}, nil
}

// begin comes before any system calls with fd, end after them, and after an
// error of begin as well. After Close it returns net.ErrClosed.
func (p *pollFD) begin() error {
	p.mu.RLock()
	if p.closed.Load() {
		return net.ErrClosed
	}
	return nil
}

func (p *pollFD) end() { p.mu.RUnlock() }

// quiet is how long nothing comes before what stands ready for a burst is given
// back, in nanoseconds.
const quiet = 100e6

// Await sleeps until fd can be read, or has an error to tell, or Close.
func (p *pollFD) Await() error {
	defer p.end()
	if err := p.begin(); err != nil {
		return err
	}
	var limit *unix.Timespec
	if p.places.spare() {
		limit = &unix.Timespec{Nsec: quiet}
	}
	n, err := p.sleep(limit)
	if n == 0 && err == nil && limit != nil {
		p.places.trim()
		_, err = p.sleep(nil)
	}
	switch {
	case p.closed.Load():
		return net.ErrClosed
	case err == nil || err == unix.EINTR:
		return nil
	}
	return os.NewSyscallError("ppoll", err)
}

func (p *pollFD) sleep(limit *unix.Timespec) (int, error) {
	fds := [2]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}, {Fd: int32(p.wake), Events: unix.POLLIN}}
	return unix.Ppoll(fds[:], limit, nil)
}

// readWaiting is Read for drivers that are BusyPollers.
func readWaiting(b BusyPoller, pool *skb.Pool, dst []*skb.Buffer) (int, error) {
	for {
		n, err := b.TryRead(pool, dst)
		if n > 0 || err != nil {
			return n, err
		}
		if err := b.Await(); err != nil {
			return 0, err
		}
	}
}

func (p *pollFD) Close() error {
	if p.closed.Swap(true) {
		return nil
	}
	_, err := unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	p.mu.Lock()
	defer p.mu.Unlock()
	unix.Close(p.wake)
	if cerr := unix.Close(p.fd); err == nil {
		err = cerr
	}
	return err
}
