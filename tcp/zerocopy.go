package tcp

import (
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
)

// Reading and writing without a copy (splice(2) is the idea). A reader is given
// the buffers of the receive queue themselves, and a writer hands over the
// storage that the send queue is to hold: what passes from a file or another
// connection through this one is copied once less.
//
// Lending pays for large pieces. A queue of small ones is copied together, so
// that who reads has one piece to pass on, not fifty.

const (
	lendSize  = 16 << 10 // the least that is lent
	lendParts = 4        // in at most so many places
)

// RecvBuffer takes what arrived first off the queue, as a buffer that is the
// caller's from now on: Unread or Consume ends it. The bytes count as read. It
// returns nil and no error at the end of the stream. Errors: as Recv.
func (c *Conn) RecvBuffer(pat *inet.Patience) (*skb.Buffer, error) {
	c.Lock()
	defer c.Unlock()
	if c.state == Listen {
		return nil, syscall.ENOTCONN
	}
	for {
		if b := c.takeBuffer(); b != nil {
			c.read(b.Len(), 0)
			return b, nil
		}
		if err, over := c.endOfStream(); over {
			return nil, err
		}
		c.userRead(0)
		if err := c.Sleep(inet.PollIn, pat); err != nil {
			return nil, err
		}
	}
}

func (c *Conn) takeBuffer() *skb.Buffer {
	first := c.recvq.q.Peek()
	if first == nil {
		return nil
	}
	if first.Len() < lendSize || len(first.Frags()) > lendParts || c.rcv.urgentState != urgentNone {
		return c.takeCopy()
	}
	c.recvq.bytes -= first.Len()
	c.free(int(first.CB[cbCharge]))
	return c.recvq.q.PopFront()
}

// takeCopy copies what is there into one buffer; nil where only the urgent byte
// is.
func (c *Conn) takeCopy() *skb.Buffer {
	n := min(c.readable(), skb.LargeSize-skb.DefaultHeadroom)
	if n == 0 {
		return nil
	}
	b := c.Env().Pool.New(n)
	b.Trim(c.take(b.Put(n), 0, 0))
	return b
}

// Unread gives back the end of a buffer from RecvBuffer, of which the first n
// bytes were used: it is read next. What nobody can read any more is dropped.
func (c *Conn) Unread(b *skb.Buffer, n int) {
	c.Lock()
	defer c.Unlock()
	b.Advance(n)
	if b.Len() == 0 || c.user.orphan {
		b.Consume()
		return
	}
	c.charge(b)
	c.recvq.bytes += b.Len()
	c.recvq.q.PushFront(b)
	c.Wake(inet.PollIn)
}

// Storage is for SendStorage: room for n bytes.
func (c *Conn) Storage(n int) *skb.Chunk { return c.m.storage.chunks.Chunk(n) }

// SendStorage queues the first n bytes of s where they are, and sends what may
// be sent. It takes s over, whatever it returns, and queues all or nothing; the
// send buffer may be overdrawn by it. Errors: as Send.
func (c *Conn) SendStorage(s *skb.Chunk, n int, p *inet.Patience) error {
	c.Lock()
	defer c.Unlock()
	err := c.waitConnected(p)
	for err == nil {
		if err = c.sendError(); err != nil {
			break
		}
		if c.sendRoom() > 0 && c.maySendMore(n) {
			now := c.beforeQueue()
			c.sendq.add(&c.m.storage, s, n)
			c.queued(now, n, 0, true)
			return nil
		}
		c.user.noSpace = true
		err = c.waitForRoom(p)
	}
	s.Release()
	return err
}
