package socket

import "sync"

// openSockets is what a stack must close at its end.
type openSockets struct {
	mu     sync.Mutex
	all    map[*Socket]struct{}
	closed bool
}

// enter makes s one of the family's. It returns nil, with s closed, once the
// family is.
func (f *Family) enter(s *Socket) *Socket {
	s.family = f
	o := &f.open
	o.mu.Lock()
	closed := o.closed
	if !closed {
		o.all[s] = struct{}{}
	}
	o.mu.Unlock()
	if closed {
		s.abort()
		return nil
	}
	return s
}

func (f *Family) leave(s *Socket) {
	f.open.mu.Lock()
	defer f.open.mu.Unlock()
	delete(f.open.all, s)
}

// Close ends every socket: connections are reset, calls that sleep return
// EBADF, and no socket is made any more.
func (f *Family) Close() {
	o := &f.open
	o.mu.Lock()
	all := o.all
	o.all, o.closed = nil, true
	o.mu.Unlock()
	for _, listeners := range []bool{true, false} { // nothing is accepted meanwhile
		for s := range all {
			if s.listens() == listeners {
				s.abort()
			}
		}
	}
}
