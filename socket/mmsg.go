package socket

import (
	"syscall"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
)

// Many messages a call (sendmmsg(2), recvmmsg(2)).

// manyOps is had by sockets that take many messages under one lock, with one
// flush to the driver.
type manyOps interface {
	SendMMsg(ms []Message, flags int, p *inet.Patience) (int, error)
	RecvMMsg(ms []Message, flags int, p *inet.Patience, until clock.Time) (int, error)
}

// maxMessages is how many messages a call looks at (UIO_MAXIOV).
const maxMessages = 1024

// SendMMsg sends the messages in order and returns how many were sent; N of
// each is what was taken of its data. There is an error only if the first
// failed.
func (s *Socket) SendMMsg(ms []Message, flags int) (int, error) {
	if err := s.open(); err != nil {
		return 0, err
	}
	c := s.writing(flags)
	defer s.end(c)
	ms = ms[:min(len(ms), maxMessages)]
	if o, ok := s.ops.(manyOps); ok {
		n, err := o.SendMMsg(ms, flags, &c.patience)
		return n, s.closedOr(err)
	}
	for i := range ms {
		n, err := s.ops.SendMsg(&ms[i], flags, &c.patience)
		if err != nil {
			return inet.Many(i, s.closedOr(err))
		}
		ms[i].N = n
	}
	return len(ms), nil
}

// RecvMMsg fills the messages in order and returns how many. Without
// MSG_WAITFORONE it waits for all of them; with it, for the first only. A
// timeout (0: none) is looked at after each message, so that a call which waits
// for the first waits on, as in Linux. There is an error only if the first
// failed.
func (s *Socket) RecvMMsg(ms []Message, flags int, timeout time.Duration) (int, error) {
	if err := s.open(); err != nil {
		return 0, err
	}
	c := s.reading(flags)
	defer s.end(c)
	ms = ms[:min(len(ms), maxMessages)]
	until := clock.Time(0)
	if timeout > 0 {
		until = s.family.env.Clock.Now().Add(timeout)
	}
	if o, ok := s.ops.(manyOps); ok && flags&MSG_ERRQUEUE == 0 {
		n, err := o.RecvMMsg(ms, flags, &c.patience, until)
		return n, s.closedOr(err)
	}
	return s.receiveEach(ms, flags, c, until)
}

func (s *Socket) receiveEach(ms []Message, flags int, c *call, until clock.Time) (int, error) {
	if flags&MSG_ERRQUEUE == 0 {
		if err := s.ops.Common().TakeError(); err != nil {
			return 0, err
		}
	}
	for i := range ms {
		n, err := s.receive(&ms[i], flags, c)
		if err != nil {
			if e, ok := err.(syscall.Errno); ok && i > 0 && e != syscall.EAGAIN {
				s.ops.Common().SetError(e)
			}
			return inet.Many(i, err)
		}
		ms[i].N = n
		c.patience.NonBlock = c.patience.NonBlock || flags&MSG_WAITFORONE != 0
		if until != 0 && s.family.env.Clock.Now() >= until {
			return i + 1, nil
		}
	}
	return len(ms), nil
}
