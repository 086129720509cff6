package tcp

import (
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/tcp/seq"
	"github.com/slankdev/ministack/trace"
)

// copied is the sequence number up to which the user has read.
func (c *Conn) copied() seq.Num {
	n := c.recvq.bytes
	if c.rcv.finSeen {
		n++
	}
	return c.rcv.nxt.Add(-n)
}

// readable returns how many bytes recv can have now, the urgent byte excepted
// where it is out of line.
func (c *Conn) readable() int {
	n := c.recvq.bytes
	if n > 0 && c.rcv.urgentState != urgentNone && !c.Options.OOBInline && c.rcv.urgentSeq.In(c.copied(), n) {
		n--
	}
	return n
}

// Recv reads what has arrived in order (tcp_recvmsg). It returns 0 and no error
// at the end of the stream. Errors: ENOTCONN, EAGAIN, EINVAL for MSG_OOB
// without urgent data, the connection's own.
func (c *Conn) Recv(p []byte, flags int, pat *inet.Patience) (int, error) {
	c.Lock()
	defer c.Unlock()
	if c.state == Listen {
		return 0, syscall.ENOTCONN
	}
	if flags&inet.MsgOOB != 0 {
		return c.recvUrgent(p, flags)
	}
	if flags&inet.MsgDontWait != 0 {
		pat.NonBlock = true
	}
	got, target := 0, c.target(len(p), flags)
	if flags&inet.MsgPeek != 0 {
		c.awaitPeek(target, pat)
		target = 1 // of what is there now
	}
	for {
		n := c.take(p[got:], got, flags)
		got += n
		if n > 0 && got < target && !c.stopped() {
			continue
		}
		if got > 0 && (got >= target || c.stopped()) || len(p) == 0 {
			c.read(got, flags)
			return got, nil
		}
		if err, over := c.endOfStream(); over {
			c.read(got, flags)
			return some(got, err)
		}
		if flags&inet.MsgPeek == 0 {
			c.userRead(got)
		}
		if err := c.Sleep(inet.PollIn, pat); err != nil {
			c.read(got, flags)
			return some(got, err)
		}
	}
}

// target is how many bytes a read of n waits for (sock_rcvlowat): all of them
// with MSG_WAITALL, else SO_RCVLOWAT.
func (c *Conn) target(n, flags int) int {
	if flags&inet.MsgWaitAll != 0 {
		return n
	}
	return min(c.Options.LowAt(), n)
}

// awaitPeek waits until n bytes can be peeked at, or no more come. Whether the
// patience was at its end shows in what is there.
func (c *Conn) awaitPeek(n int, pat *inet.Patience) {
	for c.readable() < n && !c.rcv.closed && !c.rcv.finSeen && c.state != Closed && !c.HasError() {
		if c.Sleep(inet.PollIn, pat) != nil {
			return
		}
	}
}

// stopped reports whether a read must end at the urgent mark.
func (c *Conn) stopped() bool {
	return c.rcv.urgentState != urgentNone && c.rcv.urgentSeq == c.copied()
}

// take moves what is there to p, up to the urgent mark.
func (c *Conn) take(p []byte, done, flags int) int {
	n := min(len(p), c.recvq.bytes)
	n, skip := c.untilUrgent(n)
	if skip {
		if done > 0 {
			return 0
		}
		return c.takePastUrgent(p, flags)
	}
	if n == 0 {
		return 0
	}
	return c.move(p[:n], 0, flags)
}

// takePastUrgent passes over the urgent byte, which is read out of line.
func (c *Conn) takePastUrgent(p []byte, flags int) int {
	if flags&inet.MsgPeek != 0 {
		return c.recvq.peek(1, p)
	}
	if c.recvq.bytes == 0 {
		return 0
	}
	_, freed := c.recvq.skip(1)
	c.free(freed)
	c.passUrgent()
	n := min(len(p), c.recvq.bytes)
	return c.move(p[:n], 0, flags)
}

func (c *Conn) move(p []byte, off, flags int) int {
	if flags&inet.MsgPeek != 0 {
		return c.recvq.peek(off, p)
	}
	var n, freed int
	if flags&inet.MsgTrunc != 0 {
		n, freed = c.recvq.skip(len(p))
	} else {
		n, freed = c.recvq.read(p)
	}
	c.free(freed)
	c.passUrgent()
	return n
}

// read ends a call that read n bytes.
func (c *Conn) read(n, flags int) {
	if n == 0 || flags&inet.MsgPeek != 0 {
		return
	}
	if tr := c.Env().Trace; tr.On(trace.SockRead) {
		tr.Event(trace.SockRead, c.ID, uint32(n), 0, 0, 0)
	}
	c.adjustBuffer(c.Env().Clock.Now())
	c.userRead(n)
}

// endOfStream reports whether no more bytes will come, and why.
func (c *Conn) endOfStream() (error, bool) {
	if c.rcv.finSeen { // and no error that came later changes it
		return nil, true
	}
	if err := c.TakeError(); err != nil {
		return err, true
	}
	if c.rcv.closed {
		return nil, true
	}
	if c.state == Closed {
		if c.user.connected || c.user.shutWrite {
			return nil, true
		}
		return syscall.ENOTCONN, true
	}
	return nil, false
}

// InQueue returns the bytes that can be read (SIOCINQ).
func (c *Conn) InQueue() int {
	c.Lock()
	defer c.Unlock()
	return c.readable()
}

// OutQueue returns the bytes that are not acknowledged (SIOCOUTQ).
func (c *Conn) OutQueue() int {
	c.Lock()
	defer c.Unlock()
	return c.sendq.bytes()
}
