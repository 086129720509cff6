package tcp

import (
	"sync/atomic"
	"syscall"

	"github.com/slankdev/ministack/inet"
)

// How an attempt is accepted: by a listener of its own, which stands in no
// table and knows of this one half-open entry only. So the handshake is the
// same as any other.

// Accept answers with a SYN-ACK and waits until the handshake is done. Errors:
// ECONNRESET and ETIMEDOUT where the peer has gone, before or meanwhile,
// EHOSTUNREACH where an ICMP error or the routes say so, EALREADY for an
// attempt that is decided on, ECONNABORTED on a stack that closed, EAGAIN at
// the end of the patience, which resets the connection.
func (a *Attempt) Accept(p *inet.Patience) (*Conn, error) {
	l := a.m.NewSock()
	l.Lock()
	defer l.Unlock()
	if err := l.serve(a); err != nil {
		return nil, err
	}
	for !l.served() {
		if err := l.Sleep(inet.PollIn, p); err != nil {
			l.endServing(a)
			return nil, err
		}
	}
	return l.endServing(a)
}

// AcceptFunc is Accept for those who must not wait: done is called in an event
// of the clock. Errors as Accept.
func (a *Attempt) AcceptFunc(done func(*Conn, error)) {
	l := a.m.NewSock()
	l.Lock()
	defer l.Unlock()
	clk := a.m.env.Clock
	if err := l.serve(a); err != nil {
		clk.Post(func() { done(nil, err) })
		return
	}
	var told atomic.Bool
	l.Waiters().Add(inet.PollIn, func(inet.Ready) {
		if !told.Swap(true) {
			clk.Post(func() { done(l.collect(a)) })
		}
	})
}

func (c *Conn) collect(a *Attempt) (*Conn, error) {
	c.Lock()
	defer c.Unlock()
	return c.endServing(a)
}

// serve makes the socket a listener for one attempt and answers the SYN.
func (c *Conn) serve(a *Attempt) error {
	syn, err := a.take(c)
	if err != nil {
		return err
	}
	defer syn.Consume()
	c.Local = a.names.local
	c.own().listener = &listener{backlog: 1, requests: map[*request]struct{}{}, serves: a}
	c.setState(Listen)
	var s segment
	s.read(syn)
	r := c.newRequest(&s, a.names)
	if r == nil {
		c.m.demux.remove(a.node)
		_, _ = c.endServing(a) // there is nothing yet
		return syscall.EHOSTUNREACH
	}
	r.node = c.m.demux.replace(a.node, r)
	c.listener.requests[r] = struct{}{}
	r.sendSynAck(syn.ID)
	r.arm()
	return nil
}

// served reports whether the handshake is done, or has failed.
func (c *Conn) served() bool { return c.state != Listen || c.acceptReady() }

// endServing returns what came of it and gives the rest up.
func (c *Conn) endServing(a *Attempt) (*Conn, error) {
	defer a.f.leave(a)
	if c.state != Listen {
		if err := c.TakeError(); err != nil {
			return nil, err
		}
		return nil, syscall.ECONNABORTED
	}
	child := c.acceptOne()
	c.stopListening()
	c.setState(Closed)
	return child, nil
}

// serveFailed ends a listener whose only handshake failed: it has no other, and
// nobody to accept.
func (c *Conn) serveFailed(why syscall.Errno) {
	c.own().listener = nil
	c.setState(Closed)
	c.SetError(why)
}
