package tcp

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/trace"
)

// User calls that make, bind and name connections (RFC 9293 3.10.1; Linux's
// inet_stream_ops). Errors are those of bind(2), listen(2), connect(2) and
// accept(2).

// Bind gives the socket its local name. Errors: EINVAL for one that has a name,
// EADDRINUSE, EADDRNOTAVAIL.
func (c *Conn) Bind(a netip.AddrPort) error {
	c.Lock()
	defer c.Unlock()
	if c.state != Closed || c.user.bound {
		return syscall.EINVAL
	}
	if err := c.m.bindPort(c, a); err != nil {
		return err
	}
	c.user.bound = true
	c.traceName(trace.SockBind, c.Local)
	return nil
}

// Listen makes the socket accept connections, or changes the backlog of one
// that does. Errors: EINVAL, EADDRINUSE.
func (c *Conn) Listen(backlog int) error {
	c.Lock()
	defer c.Unlock()
	if c.state != Listen && c.state != Closed {
		return syscall.EINVAL
	}
	if err := c.startListening(backlog); err != nil {
		return err
	}
	if c.Env().Trace.On(trace.SockListen) {
		c.Env().Trace.Event(trace.SockListen, c.ID, uint32(backlog), 0, 0, 0)
	}
	return nil
}

// Accept takes the oldest complete connection off the queue. Errors: EINVAL
// for a socket that does not listen, EAGAIN.
func (c *Conn) Accept(p *inet.Patience) (*Conn, error) {
	c.Lock()
	defer c.Unlock()
	for {
		if c.state != Listen {
			return nil, syscall.EINVAL
		}
		if child := c.acceptOne(); child != nil {
			if tr := c.Env().Trace; tr.On(trace.SockAccept) {
				tr.Event(trace.SockAccept, c.ID, child.ID, trace.Addr(child.Peer.Addr()), uint32(child.Peer.Port()), 0)
			}
			return child, nil
		}
		if err := c.Sleep(inet.PollIn, p); err != nil {
			return nil, err
		}
	}
}

// Connect opens actively and waits until the connection stands (connect(2)).
// Errors: EISCONN, EALREADY, EINPROGRESS without patience, ECONNREFUSED,
// ETIMEDOUT, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, EADDRINUSE,
// EAFNOSUPPORT.
func (c *Conn) Connect(to netip.AddrPort, p *inet.Patience) error {
	c.Lock()
	defer c.Unlock()
	if c.deferred() {
		return syscall.EISCONN
	}
	if c.user.connecting {
		return c.finishConnect(p, syscall.EALREADY)
	}
	if c.state != Closed || c.user.connected {
		return syscall.EISCONN
	}
	if err := c.startConnect(to, nil); err != nil {
		return err
	}
	if c.deferred() {
		return nil
	}
	return c.finishConnect(p, syscall.EINPROGRESS)
}

// startConnect chooses names and sends the SYN (tcp_v4_connect), with data if
// it opens fast.
func (c *Conn) startConnect(to netip.AddrPort, data []byte) error {
	if !to.Addr().Is4() {
		return syscall.EAFNOSUPPORT
	}
	src := c.Local.Addr()
	if src.IsValid() && src.IsUnspecified() {
		src = netip.Addr{}
	}
	r, err := c.m.net.Route(&inet.Flow{Dst: to.Addr(), Src: src, Device: c.Options.Device, TOS: c.Options.TOS})
	if err != nil {
		return err
	}
	if r.Type == inet.Broadcast || r.Type == inet.Multicast {
		return syscall.ENETUNREACH
	}
	c.route = r
	c.Local, c.Peer = netip.AddrPortFrom(r.Src, c.Local.Port()), to
	if err := c.m.connectPort(c); err != nil {
		return err
	}
	c.traceName(trace.SockConnect, to)
	c.user.connecting = true
	if err := c.sendSyn(c.Env().Clock.Now(), data); err != nil {
		c.user.connecting = false
		return err
	}
	return nil
}

// finishConnect waits while the handshake goes on; pending is returned when
// the patience ends.
func (c *Conn) finishConnect(p *inet.Patience, pending syscall.Errno) error {
	for c.state.in(setOf(SynSent, SynRecv)) {
		if err := c.Sleep(inet.PollOut, p); err != nil {
			return pending
		}
	}
	c.user.connecting = false
	err := c.TakeError()
	if err == nil && c.state == Closed {
		err = syscall.ECONNABORTED
	}
	if err != nil {
		c.forgetPeer() // the socket can connect anew
		return err
	}
	c.user.connected = true
	return nil
}

func (c *Conn) traceName(ev trace.Event, a netip.AddrPort) {
	if tr := c.Env().Trace; tr.On(ev) {
		tr.Event(ev, c.ID, trace.Addr(a.Addr()), uint32(a.Port()), 0, 0)
	}
}

// Names returns the local and the peer's address.
func (c *Conn) Names() (local, peer netip.AddrPort) {
	c.Lock()
	defer c.Unlock()
	return c.Local, c.Peer
}

// Poll returns what the socket is ready for (tcp_poll).
func (c *Conn) Poll() inet.Ready {
	c.Lock()
	defer c.Unlock()
	var r inet.Ready
	if c.HasError() || c.HasQueuedError() {
		r |= inet.PollErr
	}
	if c.state == Listen {
		if c.acceptReady() {
			r |= inet.PollIn
		}
		return r
	}
	if c.state == Closed || c.user.shutWrite && c.rcv.finSeen {
		r |= inet.PollHup
	}
	if c.rcv.closed || c.rcv.finSeen || c.state == Closed && c.user.shutWrite {
		r |= inet.PollIn | inet.PollRdHup
	}
	return r | c.pollData()
}

// mayRead reports whether there is as much as SO_RCVLOWAT asks for, or no room
// for more (tcp_epollin_ready).
func (c *Conn) mayRead() bool {
	n := c.readable()
	return n > 0 && (n >= c.Options.LowAt() || c.receiveWindow() <= c.rcv.mss())
}

func (c *Conn) pollData() inet.Ready {
	var r inet.Ready
	if c.state == SynSent || c.state == SynRecv && !c.unfinished() {
		if c.deferred() {
			r |= inet.PollOut
		}
		return r
	}
	if c.mayRead() {
		r |= inet.PollIn
	}
	switch {
	case c.user.shutWrite || c.state == Closed, c.writable():
		r |= inet.PollOut
	default:
		c.user.noSpace = true
	}
	if c.rcv.urgentState == urgentHere || c.rcv.urgentState == urgentComing {
		r |= inet.PollPri
	}
	return r
}
