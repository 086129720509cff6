package socket

import (
	"slices"
	"sync"

	"github.com/slankdev/ministack/tcp"
	"github.com/slankdev/ministack/udp"
)

// openSockets is what a stack must close at its end.
type openSockets struct {
	mu     sync.Mutex
	all    []*Socket // in no order; each knows its place
	closed bool
	asleep map[*Poller]int // pollers, by the calls of Wait that sleep
}

// sleeps notes that a poller is about to sleep; false at the stack's end.
func (o *openSockets) sleeps(p *Poller) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	o.asleep[p]++
	return true
}

// woke undoes sleeps.
func (o *openSockets) woke(p *Poller) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.asleep[p]--; o.asleep[p] <= 0 {
		delete(o.asleep, p)
	}
	if o.closed {
		p.kick() // the next that sleeps in it
	}
}

// enter makes s one of the family's. It returns nil, with s closed, once the
// family is.
func (f *Family) enter(s *Socket) *Socket {
	s.family = f
	o := &f.open
	o.mu.Lock()
	closed := o.closed
	if !closed {
		s.place = int32(len(o.all))
		o.all = append(o.all, s)
	}
	o.mu.Unlock()
	if closed {
		s.abort()
		return nil
	}
	return s
}

func (f *Family) leave(s *Socket) {
	o := &f.open
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	last := len(o.all) - 1
	o.all[s.place] = o.all[last]
	o.all[s.place].place = s.place
	o.all[last] = nil
	o.all = o.all[:last]
}

// Close ends every socket: connections are reset, calls that sleep return
// EBADF, and no socket is made any more.
func (f *Family) Close() {
	o := &f.open
	o.mu.Lock()
	all := o.all
	o.all, o.closed = nil, true
	for p := range o.asleep {
		p.kick()
	}
	o.mu.Unlock()
	all = slices.DeleteFunc(all, (*Socket).markClosed) // before one learns of another's end by a reset
	for _, listeners := range []bool{true, false} {    // nothing is accepted meanwhile
		for _, s := range all {
			if s.listens() == listeners {
				s.abandon()
			}
		}
	}
}

// Adopt makes a socket of a connection that no listener accepted, nil, with
// the connection reset, once the family is closed.
func (f *Family) Adopt(c *tcp.Conn) *Socket {
	return f.enter(&Socket{ops: streamOps{c}, domain: AF_INET, typ: SOCK_STREAM, protocol: IPPROTO_TCP})
}

// AdoptDatagram makes a socket of a flow that no user opened, nil, with the
// flow closed, once the family is.
func (f *Family) AdoptDatagram(s *udp.Sock) *Socket {
	return f.enter(&Socket{ops: dgramOps{s}, domain: AF_INET, typ: SOCK_DGRAM, protocol: IPPROTO_UDP})
}
