package inet

import (
	"syscall"

	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
)

// Datagram is what sockets that receive whole datagrams share beside Sock
// (net/core/datagram.c, and inet_shutdown): the receive queue with its charge,
// and which halves are closed. It is embedded in place of Sock. All methods but
// Full and Drops expect the socket's lock.
type Datagram struct {
	Sock
	queue  skb.Queue
	closed bool
	shut   [2]bool // by ShutRead and ShutWrite
}

// cbCharge is where a queued datagram keeps what the socket was charged: the
// last of the scratch space, so that the transport may use the rest.
const cbCharge = 5

// Full reports whether the receive buffer takes no more (B14). As on Linux the
// last datagram may exceed it: an empty buffer takes a datagram of any size.
func (s *Datagram) Full() bool { return s.RmemAlloc.Load() >= s.RcvBuf.Load() }

// Refuse drops a datagram for which there is no room, and counts it
// (sk_drops).
func (s *Datagram) Refuse(b *skb.Buffer) skb.Reason {
	s.Sock.Drops.Add(1)
	return b.Drop(skb.SocketRcvBuff)
}

// Drops returns how many datagrams found the buffer full.
func (s *Datagram) Drops() uint32 { return s.Sock.Drops.Load() }

// Queue takes a datagram over and charges it (sock_queue_rcv_skb). Waking the
// reader is left to the caller.
func (s *Datagram) Queue(b *skb.Buffer) skb.Reason {
	switch {
	case s.closed:
		return b.Drop(skb.SocketClose)
	case s.Full():
		return s.Refuse(b)
	}
	if !s.WantsHeader() {
		b.Compact()
	}
	size := int32(b.TrueSize())
	b.CB[cbCharge] = uint32(size)
	s.RmemAlloc.Add(size)
	s.queue.PushBack(b)
	return skb.NotDropped
}

// Queued returns how many datagrams wait to be read.
func (s *Datagram) Queued() int { return s.queue.Len() }

// InQueue returns the length of the next datagram, 0 if there is none
// (SIOCINQ).
func (s *Datagram) InQueue() int {
	if b := s.queue.Peek(); b != nil {
		return b.Len()
	}
	return 0
}

// Next waits for the oldest datagram and leaves it in the queue
// (__skb_recv_datagram): Read takes it off. No buffer and no error is the end,
// after the reading half was shut down. Errors: EAGAIN, EBADF, SO_ERROR.
func (s *Datagram) Next(p *Patience) (*skb.Buffer, error) {
	for {
		if err := s.TakeError(); err != nil {
			return nil, err
		}
		if b := s.queue.Peek(); b != nil {
			return b, nil
		}
		switch {
		case s.closed:
			return nil, syscall.EBADF
		case s.shut[ShutRead] && !p.NonBlock:
			return nil, nil
		}
		if err := s.Sleep(PollIn, p); err != nil {
			return nil, err
		}
	}
}

// Read copies the datagram that Next returned to p and, unless flags say
// MSG_PEEK, takes it off the queue. It returns how many bytes were copied.
func (s *Datagram) Read(b *skb.Buffer, p []byte, flags int) int {
	n := b.CopyOut(0, p)
	if flags&MsgPeek == 0 {
		s.queue.PopFront()
		s.RmemAlloc.Add(-int32(b.CB[cbCharge]))
		b.Consume()
	}
	if s.env.Trace.On(trace.SockRead) {
		s.env.Trace.Event(trace.SockRead, s.ID, uint32(n), 0, 0, 0)
	}
	return n
}

// MayWrite reports, by its error, whether the socket is still to be written to.
// Errors: EBADF, SO_ERROR, EPIPE after the writing half was shut down.
func (s *Datagram) MayWrite() error {
	if s.closed {
		return syscall.EBADF
	}
	if err := s.TakeError(); err != nil {
		return err
	}
	if s.shut[ShutWrite] {
		return syscall.EPIPE
	}
	return nil
}

// Closed reports whether the socket was closed.
func (s *Datagram) Closed() bool { return s.closed }

// ReadyFor returns what the socket is ready for (datagram_poll).
func (s *Datagram) ReadyFor() Ready {
	r := PollOut | s.PollError()
	if s.queue.Len() > 0 || s.shut[ShutRead] {
		r |= PollIn
	}
	if s.shut[ShutRead] {
		r |= PollRdHup
		if s.shut[ShutWrite] {
			r |= PollHup
		}
	}
	return r
}

// ShutDown ends one or both directions (inet_shutdown). Error: ENOTCONN
// without a peer, as Linux has it; what was asked is done all the same.
func (s *Datagram) ShutDown(how int, connected bool) error {
	if how < ShutRead || how > ShutBoth {
		return syscall.EINVAL
	}
	s.shut[ShutRead] = s.shut[ShutRead] || how != ShutWrite
	s.shut[ShutWrite] = s.shut[ShutWrite] || how != ShutRead
	s.Wake(PollIn | PollOut | PollHup)
	if !connected {
		return syscall.ENOTCONN
	}
	return nil
}

// End drops what was not read; calls that sleep return EBADF. It reports
// whether the socket was open.
func (s *Datagram) End() bool {
	if s.closed {
		return false
	}
	s.closed = true
	s.queue.Purge(skb.SocketClose)
	s.RmemAlloc.Store(0)
	s.Wake(PollIn | PollOut | PollHup)
	if s.env.Trace.On(trace.SockClose) {
		s.env.Trace.Event(trace.SockClose, s.ID, 0, 0, 0, 0)
	}
	return true
}
