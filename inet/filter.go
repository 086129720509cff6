package inet

import (
	"sync/atomic"
	"syscall"

	"golang.org/x/net/bpf"

	"github.com/slankdev/ministack/filter"
	"github.com/slankdev/ministack/skb"
)

// sockFilter is what SO_ATTACH_FILTER set (sk_filter). It is read without the
// socket's lock, where packets are handed to the socket.
type sockFilter struct {
	program atomic.Pointer[filter.Program]
	locked  atomic.Bool
}

// AttachFilter has a program of classic BPF decide which packets the socket
// gets, and how much of each (SO_ATTACH_FILTER, sk_attach_filter). Errors:
// EINVAL for what is no program, EPERM once it is locked.
func (s *Sock) AttachFilter(code []bpf.RawInstruction) error {
	s.Lock()
	defer s.Unlock()
	if s.FilterLocked() {
		return syscall.EPERM
	}
	p, err := filter.New(code, s.env.Rand.Uint32)
	if err != nil {
		return err
	}
	s.more().filter.program.Store(p)
	return nil
}

// DetachFilter takes the filter away (SO_DETACH_FILTER). Errors: ENOENT, EPERM.
func (s *Sock) DetachFilter() error {
	s.Lock()
	defer s.Unlock()
	switch {
	case s.FilterLocked():
		return syscall.EPERM
	case s.more().filter.program.Swap(nil) == nil:
		return syscall.ENOENT
	}
	return nil
}

// LockFilter keeps the filter from being changed for good (SO_LOCK_FILTER).
// Error: EPERM for undoing it.
func (s *Sock) LockFilter(on bool) error {
	s.Lock()
	defer s.Unlock()
	if !on && s.FilterLocked() {
		return syscall.EPERM
	}
	s.more().filter.locked.Store(on)
	return nil
}

// FilterLocked reports whether SO_LOCK_FILTER is on.
func (s *Sock) FilterLocked() bool {
	x := s.extra.Load()
	return x != nil && x.filter.locked.Load()
}

// InheritFilter gives a connection its listener's filter (sk_clone).
func (s *Sock) InheritFilter(from *Sock) {
	x := from.extra.Load()
	if x == nil || x.filter.program.Load() == nil && !x.filter.locked.Load() {
		return
	}
	own := &s.more().filter
	own.program.Store(x.filter.program.Load())
	own.locked.Store(x.filter.locked.Load())
}

// Verdict asks the filter how many bytes of b to keep, from the front of its
// data; ok is false where there is none.
func (s *Sock) Verdict(b *skb.Buffer) (keep uint32, ok bool) {
	x := s.extra.Load()
	if x == nil {
		return 0, false
	}
	if p := x.filter.program.Load(); p != nil {
		return p.Run(b), true
	}
	return 0, false
}

// Filter cuts b to what the filter keeps of it, at least the header of least
// bytes, or drops it where that is nothing (sk_filter_trim_cap).
func (s *Sock) Filter(b *skb.Buffer, least int) skb.Reason {
	keep, ok := s.Verdict(b)
	switch {
	case !ok:
	case keep == 0:
		return b.Drop(skb.SocketFilter)
	case uint64(keep) < uint64(b.Len()):
		b.Trim(max(int(keep), least))
	}
	return skb.NotDropped
}
