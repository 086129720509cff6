package tcp

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/skb"
)

// Disconnect breaks the association with the peer, as connect(2) with
// AF_UNSPEC does, so that the socket can connect anew (tcp_disconnect). A peer
// that knows of the connection gets a reset.
func (c *Conn) Disconnect() error {
	c.Lock()
	defer c.Unlock()
	switch {
	case c.state == Listen:
		c.stopListening()
		c.setState(Closed)
	case c.state == SynSent:
		c.fail(syscall.ECONNRESET)
	case c.state != Closed:
		c.abortLocked(rstAbort)
	}
	c.recvq.q.Purge(skb.SocketClose)
	c.recvq.bytes = 0
	c.RmemAlloc.Store(0)
	c.settle()
	c.forgetPeer()
	return nil
}

// forgetPeer makes a closed socket as good as new, but for what the user set.
func (c *Conn) forgetPeer() {
	c.Peer = netip.AddrPort{}
	c.snd, c.rcv, c.ts = sendSpace{}, receiveSpace{}, timestampState{}
	c.ack, c.passed, c.chrono, c.route = ackState{}, traffic{}, chrono{}, nil
	if c.mtu != nil || c.fo != nil {
		c.own().mtu, c.own().fo = nil, nil
	}
	u := &c.user
	u.connecting, u.connected, u.shutWrite, u.finQueued, u.noSpace = false, false, false, false, false
	if c.hash.use == nil {
		c.Local = c.boundName()
	}
}

// boundName is the name that the user gave the socket; its port is taken again.
func (c *Conn) boundName() netip.AddrPort {
	if !c.user.bound {
		return netip.AddrPort{}
	}
	name := c.Local
	if c.m.bindPort(c, name) != nil { // somebody else has it by now
		c.user.bound = false
		return netip.AddrPort{}
	}
	return c.Local
}
