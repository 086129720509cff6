package socket

import (
	"syscall"

	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/tcp"
)

// Lent is what a stream received, where it lies: see RecvLent. The zero Lent is
// the end of the stream.
type Lent struct {
	c *tcp.Conn
	b *skb.Buffer
}

// RecvLent is Recv without a copy: it lends what arrived first. It belongs to
// the caller until Done, and counts as read, so that the peer's window opens.
// Errors: as recv(2), EOPNOTSUPP for other sockets than streams.
func (s *Socket) RecvLent(flags int) (Lent, error) {
	o, ok := s.ops.(streamOps)
	if !ok {
		return Lent{}, syscall.EOPNOTSUPP
	}
	c := s.reading(flags)
	defer s.end(c)
	if err := s.open(); err != nil {
		return Lent{}, err
	}
	b, err := o.c.RecvBuffer(&c.patience)
	if b == nil && s.has(isClosed) {
		err = syscall.EBADF // what looks like the end of the stream was Close
	}
	return Lent{o.c, b}, s.closedOr(err)
}

// Len returns how many bytes there are, 0 at the end of the stream.
func (l Lent) Len() int {
	if l.b == nil {
		return 0
	}
	return l.b.Len()
}

// Slices appends the pieces in which the bytes lie to dst. They are to be read
// only, and until Done.
func (l Lent) Slices(dst [][]byte) [][]byte {
	if l.b == nil {
		return dst
	}
	return l.b.Slices(dst)
}

// Done gives the storage back after the first n bytes were used. The rest is
// read next.
func (l *Lent) Done(n int) {
	switch {
	case l.b == nil:
	case n >= l.b.Len():
		l.b.Consume()
	default:
		l.c.Unread(l.b, n)
	}
	l.b = nil
}

// Storage returns room for SendStorage: at least n bytes, and nil for other
// sockets than streams. Who does not send it gives it back by Release.
func (s *Socket) Storage(n int) *skb.Chunk {
	if o, ok := s.ops.(streamOps); ok {
		return o.c.Storage(n)
	}
	return nil
}

// SendStorage is Send without a copy: the first n bytes of k, which came from
// Storage, are sent from where they are. It takes k over, whatever it returns,
// and sends all or nothing; one call may overdraw the send buffer. Errors: as
// send(2), EOPNOTSUPP for other sockets than streams.
func (s *Socket) SendStorage(k *skb.Chunk, n, flags int) error {
	o, ok := s.ops.(streamOps)
	if !ok || o.c.OpensLate() {
		k.Release()
		return syscall.EOPNOTSUPP
	}
	c := s.writing(flags)
	defer s.end(c)
	if err := s.open(); err != nil {
		k.Release()
		return err
	}
	return s.closedOr(o.c.SendStorage(k, n, &c.patience))
}
