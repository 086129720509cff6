package tcp

import (
	"syscall"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/tcp/seq"
	"github.com/slankdev/ministack/trace"
)

// sendStep is how much is copied before it is offered to the network: one
// super-segment.
const sendStep = 64 << 10

// Send queues data and sends what may be sent (tcp_sendmsg). It returns how
// many bytes were taken, which is less than all only with an error after the
// first ones: that error is kept for the next call. Errors: EPIPE, EAGAIN,
// the connection's own.
func (c *Conn) Send(data []byte, flags int, p *inet.Patience) (int, error) {
	c.Lock()
	defer c.Unlock()
	return c.sendLocked(data, flags, p)
}

func (c *Conn) sendLocked(data []byte, flags int, p *inet.Patience) (int, error) {
	if err := c.waitConnected(p); err != nil {
		return 0, err
	}
	sent := 0
	for {
		if sent > 0 && c.HasError() {
			return sent, nil
		}
		if err := c.sendError(); err != nil {
			return some(sent, err)
		}
		n := c.accept(data[sent:], flags)
		sent += n
		if sent == len(data) {
			return sent, nil
		}
		if n > 0 {
			continue
		}
		c.user.noSpace = true
		if err := c.waitForRoom(p); err != nil {
			return some(sent, err)
		}
	}
}

// some returns the bytes done, and the error only if there are none.
func some(n int, err error) (int, error) {
	if n > 0 {
		return n, nil
	}
	return 0, err
}

// accept copies one step of data to the queue, as far as the buffer takes it,
// and sends.
func (c *Conn) accept(data []byte, flags int) int {
	n := min(len(data), c.sendRoom(), sendStep)
	if n <= 0 || !c.maySendMore(n) {
		return 0
	}
	now := c.beforeQueue()
	c.sendq.write(&c.m.storage, data[:n])
	c.queued(now, n, flags, n == len(data))
	return n
}

// beforeQueue is what a write does before it adds to the queue.
func (c *Conn) beforeQueue() (now clock.Time) {
	if c.tailRoom() <= 0 {
		c.snd.tail = c.sendq.end
	}
	now = c.Env().Clock.Now()
	c.tx.BeforeWrite(now, c.sendq.end.Sub(c.snd.nxt))
	return now
}

// queued books the n bytes that a write has added to the queue, all that it has
// left if last, and sends what may be sent.
func (c *Conn) queued(now clock.Time, n, flags int, last bool) {
	c.chargeSend()
	c.chrono.start(now, chronoBusy)
	if flags&inet.MsgOOB != 0 && last {
		c.markUrgent()
	}
	more := flags&inet.MsgMore != 0
	c.markPush(n, !more && last)
	c.push(more || !last && c.sendRoom() > 0)
	if tr := c.Env().Trace; tr.On(trace.SockWrite) {
		tr.Event(trace.SockWrite, c.ID, uint32(n), 0, 0, 0)
	}
}

// markPush notes where PSH is to stand (RFC 9293 3.9.1.2, MUST-60): at the end
// of a write that no other is said to follow, and at least once in half of the
// largest window that the peer offered.
//
// More data joined to what still waits takes the mark away from there.
func (c *Conn) markPush(n int, end bool) {
	if end || c.sendq.end.Sub(c.snd.pushed) > int(c.snd.maxWnd)/2 {
		c.snd.pushed, c.snd.psh = c.sendq.end, c.sendq.end
		return
	}
	if joined := c.sendq.end.Add(-n); c.snd.psh == joined && joined.After(c.snd.nxt) {
		c.snd.psh = c.snd.nxt
	}
}

// push sends; more to come holds small segments back as TCP_CORK does.
func (c *Conn) push(more bool) {
	if c.autocorks() {
		return
	}
	corked := c.user.cork
	c.user.cork = corked || more
	c.output(c.Env().Clock.Now())
	for c.relieved() {
		c.output(c.Env().Clock.Now())
	}
	c.user.cork = corked
}

// waitConnected lets a write wait for the handshake (sk_stream_wait_connect).
func (c *Conn) waitConnected(p *inet.Patience) error {
	c.user.writers++
	defer func() { c.user.writers-- }()
	for c.state.in(setOf(SynSent, SynRecv)) && !c.unfinished() && !c.HasError() {
		if err := c.Sleep(inet.PollOut, p); err != nil {
			return err
		}
	}
	return nil
}

// sendError says why nothing can be sent.
func (c *Conn) sendError() error {
	if err := c.TakeError(); err != nil {
		return err
	}
	if c.user.shutWrite || c.user.finQueued || !c.state.in(setOf(Established, CloseWait)) && !c.unfinished() {
		return syscall.EPIPE
	}
	return nil
}

// sendRoom is how many bytes the send buffer takes now. While it is not full a
// whole super-segment may be begun, which may overdraw it (tcp_sendmsg_locked).
func (c *Conn) sendRoom() int {
	if room := c.tailRoom(); room > 0 {
		return room
	}
	if c.sendq.end.Sub(c.snd.nxt) >= c.notSentLowat() || c.sendq.held() >= int(c.SndBuf.Load()) {
		return 0
	}
	return c.sizeGoal()
}

// tailRoom is what the last super-segment takes that is not sent whole: to fill
// it needs no leave.
func (c *Conn) tailRoom() int {
	if c.sendq.end.AtOrBefore(c.snd.nxt) {
		return 0
	}
	return c.sizeGoal() - c.sendq.end.Sub(seq.Max(c.snd.tail, c.snd.nxt))
}

// sizeGoal is how large a super-segment is built: half of the largest window
// that the peer offered, in full segments (tcp_xmit_size_goal).
func (c *Conn) sizeGoal() int {
	mss := max(c.snd.mss, 1)
	goal := int(c.snd.maxWnd)
	if goal > defaultMSS {
		goal /= 2
	}
	goal = min(goal, sendStep)
	return max(goal-goal%mss, mss)
}

// writable reports whether a third of the send buffer is free
// (sk_stream_is_writeable).
func (c *Conn) writable() bool {
	size := int(c.SndBuf.Load())
	return size-c.sendq.held() >= c.sendq.held()/2 && c.sendq.end.Sub(c.snd.nxt) < c.notSentLowat()
}

// notSentLowat is how much may be queued beyond what was sent: the socket's
// TCP_NOTSENT_LOWAT, or the stack's.
func (c *Conn) notSentLowat() int {
	if low := c.user.notSentLowat; low > 0 {
		return int(low)
	}
	return max(c.m.set.notSentLowat.Get(), 1)
}
