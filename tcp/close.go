package tcp

import (
	"syscall"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/seq"
	"github.com/slankdev/ministack/trace"
)

// How connections end: a user shuts down or closes, a reset, a time-out.

// Why a RST is sent, for the event tcp.rst.tx.
const (
	rstNoSocket uint32 = iota
	rstUnread
	rstLinger
	rstOrphan
	rstTimeout
	rstAbort
	rstListener
	rstMemory
)

// closeMoves is RFC 9293 figure 5 for a user's CLOSE.
var closeMoves = map[State]State{
	SynRecv:     FinWait1,
	Established: FinWait1,
	CloseWait:   LastAck,
}

// Shutdown ends one or both directions (shutdown(2)). Errors: ENOTCONN.
func (c *Conn) Shutdown(how int) error {
	c.Lock()
	defer c.Unlock()
	if how < inet.ShutRead || how > inet.ShutBoth {
		return syscall.EINVAL
	}
	switch c.state {
	case Listen:
		if how != inet.ShutWrite {
			c.stopListening()
			c.setState(Closed)
		}
		return nil
	case SynSent:
		c.fail(syscall.ECONNRESET)
		c.forgetPeer()
		return nil
	case Closed:
		return syscall.ENOTCONN
	}
	if how != inet.ShutWrite {
		c.rcv.closed = true
	}
	switch {
	case how == inet.ShutRead:
	case c.state == SynRecv: // the FIN waits for the handshake, see shutLate
		c.user.shutWrite = true
	default:
		c.shutWrite()
	}
	c.Wake(inet.PollIn | inet.PollOut | inet.PollHup)
	return nil
}

// shutLate ends the stream of a user who shut it down before the connection was
// established (RFC 9293 3.10.4, SYN-RECEIVED).
func (c *Conn) shutLate() {
	if c.user.shutWrite && !c.user.finQueued {
		c.shutWrite()
	}
}

// shutWrite queues the FIN behind the last byte (tcp_shutdown, tcp_send_fin).
func (c *Conn) shutWrite() {
	to, ok := closeMoves[c.state]
	c.user.shutWrite = true
	if !ok {
		return
	}
	c.setState(to)
	c.user.finQueued = true
	c.user.cork = false
	c.output(c.Env().Clock.Now())
}

// Close gives the socket up (tcp_close). What is queued is still sent, unless
// the user left data unread (RFC 2525 2.17) or asked for a reset by SO_LINGER
// with 0 seconds. With SO_LINGER it waits, as far as p allows.
func (c *Conn) Close(p *inet.Patience) error {
	c.Lock()
	defer c.Unlock()
	if tr := c.Env().Trace; tr.On(trace.SockClose) {
		tr.Event(trace.SockClose, c.ID, 0, 0, 0, 0)
	}
	unread := c.recvq.bytes > 0
	c.rcv.closed = true
	c.dropReceived()
	switch {
	case c.state == Closed:
		c.m.unhash(c)
	case c.state == Listen:
		c.stopListening()
		c.setState(Closed)
	case unread && !c.state.in(setOf(SynSent)):
		c.Env().Stat.Inc(stat.TcpExtTCPAbortOnClose)
		c.abortLocked(rstUnread)
	case c.Options.Linger && c.Options.LingerSeconds == 0 || c.state == SynSent:
		c.abortLocked(rstLinger)
	default:
		c.shutWrite()
		c.lingerFor(p)
	}
	c.orphan()
	return nil
}

// dropReceived gives up what the user did not read.
func (c *Conn) dropReceived() {
	c.recvq.q.Purge(skb.SocketClose)
	c.recvq.bytes = 0
	c.RmemAlloc.Store(0)
	for _, b := range c.ofo.all() {
		c.RmemAlloc.Add(int32(b.CB[cbCharge]))
	}
	c.settle()
}

// lingerFor waits until all is acknowledged, SO_LINGER's time at the most.
func (c *Conn) lingerFor(p *inet.Patience) {
	if !c.Options.Linger || p == nil || p.NonBlock {
		return
	}
	wait := inet.Patience{Timeout: time.Duration(c.Options.LingerSeconds) * time.Second}
	for c.state.in(setOf(FinWait1, Closing, LastAck)) {
		if c.Sleep(inet.PollOut, &wait) != nil {
			return
		}
	}
}

// lingerInFinWait2 waits for the peer's FIN, but not for ever
// (tcp_fin_timeout, TCP_LINGER2): a small entry waits in the connection's
// place. Where the segment that got here has the FIN as well, the connection
// stays to see it.
func (c *Conn) lingerInFinWait2(now clock.Time, finHere bool) {
	wait := seconds(c.m.set.finTimeout)
	switch {
	case c.user.lingerTwo < 0:
		c.Env().Stat.Inc(stat.TcpExtTCPAbortOnLinger)
		c.abortLocked(rstLinger)
		return
	case c.user.lingerTwo > 0:
		wait = c.user.lingerTwo
	}
	if wait > timeWaitLen {
		c.armKeep(now.Add(wait - timeWaitLen))
		return
	}
	if finHere {
		c.armKeep(now.Add(wait))
		return
	}
	c.leaveTo(FinWait2, wait)
}

// finWait2Expired hands over to a small entry for the last minute.
func (c *Conn) finWait2Expired(clock.Time) { c.leaveTo(FinWait2, timeWaitLen) }

// timeWaitLen is 2 MSL (RFC 9293 3.10.8; Linux's TCP_TIMEWAIT_LEN).
const timeWaitLen = 60 * time.Second

// enterTimeWait leaves the rest to a small entry (RFC 9293 3.10.7.4 step 8).
func (c *Conn) enterTimeWait(now clock.Time) {
	if c.ack.due {
		c.sendAck()
	}
	c.leaveTo(TimeWait, timeWaitLen)
}

// leaveTo replaces the connection in the tables by a small entry.
func (c *Conn) leaveTo(sub State, wait time.Duration) {
	c.saveMetrics()
	c.m.enterTimeWait(c, sub, wait)
	if sub == TimeWait {
		c.setState(TimeWait)
	}
	c.finish(0)
}

// done ends a connection whose FIN is acknowledged in LAST-ACK.
func (c *Conn) done() {
	c.saveMetrics()
	c.finish(0)
}

// fail ends the connection for an error that the user is told of, 0 for none.
func (c *Conn) fail(e syscall.Errno) { c.finish(e) }

// finish is the end of every connection (tcp_done): nothing is sent any more,
// all buffers go back, everybody who waits wakes.
func (c *Conn) finish(e syscall.Errno) {
	c.handshakeDone(false)
	c.stopTimers()
	c.sendq.purge()
	c.chrono.set(c.Env().Clock.Now(), chronoIdle)
	c.WmemAlloc.Store(0)
	for _, b := range c.ofo.all() {
		c.uncharge(b)
	}
	c.ofo.purge(skb.QueuePurge)
	c.ofo = nil
	c.settle()
	c.orphanGone()
	c.tx.Release()
	c.snd.nxt = c.snd.una
	c.sendq.init(c.snd.una)
	c.user.finQueued = false
	c.ack.due, c.attempt = false, false
	c.user.shutWrite = true
	if e != 0 {
		c.SetError(e)
	}
	c.setState(Closed)
	c.Wake(inet.PollIn | inet.PollOut | inet.PollHup | inet.PollRdHup)
}

// Abort resets the connection (RFC 9293 3.10.5).
func (c *Conn) Abort() {
	c.Lock()
	defer c.Unlock()
	if c.state == Listen {
		c.stopListening()
		c.setState(Closed)
	}
	c.abortLocked(rstAbort)
	c.dropReceived()
	c.user.orphan = true
}

// abortLocked sends a RST where the peer knows of the connection, and ends it;
// it is no listener.
func (c *Conn) abortLocked(why uint32) {
	switch {
	case c.state == Closed:
		return
	case c.state != SynSent:
		c.sendReset(why)
	}
	c.finish(syscall.ECONNRESET)
}

// sendReset sends a RST at SND.NXT, with the ACK that Linux's active reset
// carries.
func (c *Conn) sendReset(why uint32) {
	env := c.Env()
	env.Stat.Inc(stat.TcpOutRsts)
	env.Trace.Slow(trace.TCPRstTx, c.ID, c.cause, [4]uint32{why, c.snd.nxt.Uint32(), c.portPair()})
	c.send(env.Clock.Now(), env.Pool.New(0), c.acceptableSeq(), RST|ACK, txAck)
}

// acceptableSeq is a sequence number that the peer accepts: SND.NXT, unless
// its window shrank behind it (tcp_acceptable_seq).
func (c *Conn) acceptableSeq() seq.Num {
	if end := c.sendWindowEnd(); end.Before(c.snd.nxt) && c.snd.nxt.Sub(end) >= 1<<c.rcv.wscale {
		return end
	}
	return c.snd.nxt
}
