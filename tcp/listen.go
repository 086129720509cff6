package tcp

import (
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// A listener (RFC 9293 3.10.7.2). A SYN makes a small half-open entry, a
// request; the ACK that completes the handshake makes a connection, which
// waits in the accept queue. All of it runs under the listener's lock, so that
// the two queues need none of their own.

// listener is what a Conn has in state LISTEN.
type listener struct {
	backlog  int
	requests map[*request]struct{} // the SYN queue
	accept   []*Conn               // the accept queue, oldest first
	fastOpen fastOpenQueue
	serves   *Attempt // the only one it is for, nil for a user's listener
}

// startListening enters LISTEN, or changes the backlog. Errors: EADDRINUSE.
func (c *Conn) startListening(backlog int) error {
	if most := c.m.set.somaxconn.Get(); backlog < 0 || backlog > most {
		backlog = most
	}
	if c.listener != nil {
		c.listener.backlog = backlog
		return nil
	}
	if c.hash.use == nil { // listen without bind takes an ephemeral port (B39)
		if err := c.m.bindPort(c, c.Local); err != nil {
			return err
		}
	}
	if err := c.m.ports.listen(c.hash.use); err != nil {
		return err
	}
	c.own().listener = &listener{backlog: backlog, requests: map[*request]struct{}{}}
	c.listenFastOpen(backlog)
	c.setState(Listen)
	c.m.demux.listeners.add(c)
	return nil
}

// stopListening resets the connections that nobody accepted, and forgets the
// half-open ones. Segments for them find nobody.
func (c *Conn) stopListening() {
	l := c.listener
	if l == nil {
		return
	}
	if l.serves == nil {
		c.m.demux.listeners.remove(c)
	}
	for r := range l.requests {
		c.forget(r)
	}
	for _, child := range l.accept {
		child.Abort()
	}
	c.own().listener = nil
}

// acceptOne takes the oldest connection off the accept queue, nil if there is
// none.
func (c *Conn) acceptOne() *Conn {
	l := c.listener
	if len(l.accept) == 0 {
		return nil
	}
	child := l.accept[0]
	l.accept[0] = nil
	if l.accept = l.accept[1:]; len(l.accept) == 0 {
		l.accept = nil
	}
	child.Accepted()
	return child
}

func (c *Conn) acceptReady() bool { return len(c.listener.accept) > 0 }

// acceptFull reports whether the accept queue holds one more than the backlog
// (B44).
func (l *listener) acceptFull() bool { return len(l.accept) > l.backlog }

// synFull reports whether the SYN queue is full.
func (l *listener) synFull() bool { return len(l.requests) >= max(l.backlog, 1) }

// lastQuarter reports whether, without cookies, the SYN queue has only the
// quarter of tcp_max_syn_backlog left that is kept for peers that are known to
// be there.
func (c *Conn) lastQuarter() bool {
	most := c.m.set.maxSynBacklog.Get()
	return c.m.set.synCookies.Get() == 0 && most-len(c.listener.requests) < most>>2
}

// listenInput is RFC 9293 3.10.7.2, after a look for the half-open entry or
// the connection that the segment may belong to by now.
func (c *Conn) listenInput(s *segment) skb.Reason {
	names := namesOf(s.buf, s.hdr)
	switch e := c.m.demux.lookup(&names).(type) {
	case *request:
		if r := c.authenticate(s, e); r != skb.NotDropped {
			return r
		}
		return c.requestInput(e, s)
	case *Conn:
		b := s.buf
		s.buf = nil
		return e.Receive(b)
	}
	if r := c.authenticate(s, nil); r != skb.NotDropped {
		return r
	}
	switch {
	case s.has(RST): // first
		return skb.TCPFlags
	case s.has(ACK): // second
		return c.listenAck(s, names)
	case s.has(SYN) && !s.has(FIN): // third
		return c.listenSyn(s, names)
	}
	return skb.TCPFlags // fourth
}

// listenAck is an ACK for no half-open entry: a SYN cookie's, or nobody's.
func (c *Conn) listenAck(s *segment, names tuple) skb.Reason {
	if !s.has(SYN) {
		if r := c.cookieRequest(s, names); r != nil {
			return c.complete(r, s)
		}
	}
	c.m.replyReset(s)
	return skb.TCPFlags
}

// listenSyn answers a SYN (tcp_conn_request).
func (c *Conn) listenSyn(s *segment, names tuple) skb.Reason {
	l := c.listener
	if l.acceptFull() {
		return skb.TCPListenOverflow
	}
	cookie := c.wantsCookie()
	if !cookie && l.synFull() {
		return skb.TCPReqQFull
	}
	if !cookie && c.lastQuarter() && !c.m.proven(names.peer.Addr()) {
		return skb.TCPReqQFull
	}
	r := c.newRequest(s, names)
	if r == nil {
		return skb.IPOutNoRoutes
	}
	c.traceListen(s, cookie)
	if cookie {
		c.sendCookie(r, s)
		return skb.NotDropped
	}
	r.fitSignature()
	if child := c.tryFastOpen(r, s); child != nil {
		r.sendSynAck(c.cause)
		l.accept = append(l.accept, child)
		c.Wake(inet.PollIn)
		return skb.NotDropped
	}
	if r.node = c.m.demux.insert(names, r); r.node == nil {
		return skb.TCPFlags
	}
	l.requests[r] = struct{}{}
	r.sendSynAck(s.buf.ID)
	r.arm()
	return skb.NotDropped
}

func (c *Conn) traceListen(s *segment, cookie bool) {
	if s.buf.Traced {
		l := c.listener
		c.Env().Trace.Packet(trace.TCPListen, s.buf, uint32(toInt(cookie)), uint32(len(l.requests)), uint32(len(l.accept)), uint32(l.backlog))
	}
}

// complete makes the connection of a request whose handshake is done, and
// gives it the segment.
func (c *Conn) complete(r *request, s *segment) skb.Reason {
	l := c.listener
	if l.acceptFull() {
		if c.m.set.abortOnOverflow.Bool() {
			c.forget(r)
			c.m.resetFor(s, rstListener)
		}
		return skb.TCPListenOverflow
	}
	child := c.m.newChild(c, r, s)
	if child == nil || !c.promote(r, child) {
		return skb.TCPListenOverflow
	}
	l.accept = append(l.accept, child)
	b := s.buf
	s.buf = nil
	reason := child.Receive(b)
	c.Wake(inet.PollIn)
	return reason
}

// promote puts the child in the place of its request.
func (c *Conn) promote(r *request, child *Conn) bool {
	d := &c.m.demux
	if r.node == nil { // a cookie's
		child.hash.node = d.insert(tuple{child.Local, child.Peer}, child)
	} else {
		r.timer.Stop()
		delete(c.listener.requests, r)
		child.hash.node = d.replace(r.node, child)
	}
	if child.hash.node == nil {
		return false
	}
	use := portUse{port: child.Local.Port(), addr: child.Local.Addr(), reuse: true}
	if u := c.hash.use; u != nil {
		use.device, use.reuse, use.reusePort = u.device, u.reuse, u.reusePort
	}
	child.hash.use = c.m.ports.share(use)
	return true
}

// forget takes a request out.
func (c *Conn) forget(r *request) {
	r.timer.Stop()
	delete(c.listener.requests, r)
	if r.node != nil {
		c.m.demux.remove(r.node)
		r.node = nil
	}
}

// dropRequest ends a request for good reason, which only a listener for this
// one is told.
func (c *Conn) dropRequest(r *request, why syscall.Errno) {
	c.forget(r)
	c.Env().Stat.Inc(stat.TcpAttemptFails)
	if c.listener.serves != nil {
		c.serveFailed(why)
	}
}
