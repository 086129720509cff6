package tcp

import (
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/seq"
)

// icmpError is told of an ICMP error about a segment of this connection
// (tcp_v4_err). An error that quotes a sequence number that is not under way
// is forged or late, and is counted and ignored (RFC 5927 4.1). Errors about a
// synchronized connection are soft (RFC 9293 3.9.2.2, MUST-56; RFC 5461): only
// a connection that is being opened ends by one. b is what the error
// quotes from the transport header on, nil in tests.
func (c *Conn) icmpError(quoted seq.Num, e *inet.Error, b *skb.Buffer) {
	st := c.Env().Stat
	if c.ignoresICMP(e) {
		return
	}
	if e.Kind == inet.NeedFrag {
		c.pathMTU(quoted, e)
		return
	}
	ran := c.TryReceive(func() {
		if c.state == Listen || c.state == Closed {
			return
		}
		if una, nxt := c.synBounds(); quoted.Before(una) || quoted.After(nxt) {
			st.Inc(stat.TcpExtOutOfWindowIcmps)
			return
		}
		c.softOrHard(e, b)
	})
	if !ran {
		st.Inc(stat.TcpExtLockDroppedIcmps)
	}
}

func (c *Conn) softOrHard(e *inet.Error, b *skb.Buffer) {
	if e.Errno == 0 {
		return
	}
	if c.openingEndsBy() {
		if b != nil {
			c.QueueError(e, c.Peer, b, 0)
		}
		c.handshakeDone(false)
		c.fail(e.Errno)
		return
	}
	if e.Kind == inet.NetUnreachable || e.Kind == inet.HostUnreachable {
		c.tx.Unreachable(c.Env().Clock.Now())
	}
	if c.WantsErrors() {
		c.SetError(e.Errno)
		return
	}
	c.SetSoftError(e.Errno)
}

// pathMTU follows a report that a segment was too large (RFC 1191), if it is
// about a segment that is under way and larger than the MTU it names. The
// network layer keeps the floor.
func (c *Conn) pathMTU(quoted seq.Num, e *inet.Error) {
	usable := false
	ran := c.TryReceive(func() { usable = c.believesMTU(quoted, int(e.Info)) })
	if ran && !usable {
		return
	}
	c.m.net.UpdatePMTU(c.Peer.Addr(), int(e.Info))
	c.Defer(deferMTU)
}

func (c *Conn) believesMTU(quoted seq.Num, mtu int) bool {
	if c.state == Listen || c.state == Closed {
		return false
	}
	if quoted.Before(c.snd.una) || quoted.AtOrAfter(c.snd.nxt) {
		c.Env().Stat.Inc(stat.TcpExtOutOfWindowIcmps)
		return false
	}
	return c.Options.MTUDiscover != inet.PMTUDont && mtu < c.snd.mss+c.tsLen()+c.m.headers()
}
