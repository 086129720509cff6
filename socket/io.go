package socket

import (
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/trace"
)

// call is what one call needs while it lasts. Ops is an interface, so what is
// passed to it by reference cannot stay on the stack; calls come from a pool,
// and sending and receiving allocate nothing.
type call struct {
	msg      Message
	patience inet.Patience
}

func (s *Socket) begin(flags int, timeout *atomic.Int64, d interface{ Get() clock.Time }) *call {
	c, _ := s.family.calls.Get().(*call)
	if c == nil {
		c = new(call)
	}
	c.patience = inet.Patience{NonBlock: s.has(isNonblock) || flags&MSG_DONTWAIT != 0,
		Timeout: time.Duration(timeout.Load()), Deadline: d}
	return c
}

// readBy and writeBy are a socket's deadlines as they are at any time: the first
// may be set when a call sleeps already.
type (
	readBy  struct{ *Socket }
	writeBy struct{ *Socket }
)

func (s readBy) Get() clock.Time { return s.limits().readDeadline.Get() }

func (s writeBy) Get() clock.Time { return s.limits().writeDeadline.Get() }

// reading begins a call that waits for something to read.
func (s *Socket) reading(flags int) *call { return s.begin(flags, &s.limits().rcvTimeout, readBy{s}) }

// writing begins a call that waits for room, or for a connection.
func (s *Socket) writing(flags int) *call { return s.begin(flags, &s.limits().sndTimeout, writeBy{s}) }

func (s *Socket) end(c *call) {
	if tr := s.family.env.Trace; tr.On(trace.SockReturn) {
		tr.Event(trace.SockReturn, s.ops.Common().ID, 0, 0, 0, 0)
	}
	*c = call{}
	s.family.calls.Put(c)
}

// Send sends to the peer (send(2)).
func (s *Socket) Send(p []byte, flags int) (int, error) {
	return s.SendTo(p, flags, netip.AddrPort{})
}

// SendTo sends to an address (sendto(2)).
func (s *Socket) SendTo(p []byte, flags int, to netip.AddrPort) (int, error) {
	c := s.writing(flags)
	defer s.end(c)
	c.msg = Message{Data: p, Addr: to}
	return s.send(&c.msg, flags, c)
}

// SendMsg sends a message (sendmsg(2)).
func (s *Socket) SendMsg(m *Message, flags int) (int, error) {
	c := s.writing(flags)
	defer s.end(c)
	return s.send(m, flags, c)
}

func (s *Socket) send(m *Message, flags int, c *call) (int, error) {
	if err := s.open(); err != nil {
		return 0, err
	}
	n, err := s.ops.SendMsg(m, flags, &c.patience)
	return n, s.closedOr(err)
}

// Recv receives (recv(2)). On a stream, 0 and no error is its end.
func (s *Socket) Recv(p []byte, flags int) (int, error) {
	n, _, err := s.RecvFrom(p, flags)
	return n, err
}

// RecvFrom receives, and says from whom (recvfrom(2)).
func (s *Socket) RecvFrom(p []byte, flags int) (int, netip.AddrPort, error) {
	c := s.reading(flags)
	defer s.end(c)
	c.msg = Message{Data: p}
	n, err := s.receive(&c.msg, flags, c)
	return n, c.msg.Addr, err
}

// RecvMsg receives a message (recvmsg(2)). With MSG_TRUNC it returns a
// datagram's whole length.
func (s *Socket) RecvMsg(m *Message, flags int) (int, error) {
	c := s.reading(flags)
	defer s.end(c)
	return s.receive(m, flags, c)
}

func (s *Socket) receive(m *Message, flags int, c *call) (int, error) {
	if err := s.open(); err != nil {
		return 0, err
	}
	if flags&MSG_ERRQUEUE != 0 {
		return s.receiveError(m)
	}
	n, err := s.ops.RecvMsg(m, flags, &c.patience)
	if n == 0 && s.has(isClosed) {
		err = syscall.EBADF // what looks like the end of the stream was Close
	}
	return n, s.closedOr(err)
}

// receiveError takes the oldest entry off the error queue (MSG_ERRQUEUE,
// ip(7)). Error: EAGAIN.
func (s *Socket) receiveError(m *Message) (int, error) {
	e, ok := s.ops.Common().NextError()
	if !ok {
		return 0, syscall.EAGAIN
	}
	m.Err, m.Addr, m.Len, m.Flags = &e, e.To, len(e.Data), MSG_ERRQUEUE
	n := copy(m.Data, e.Data)
	if n < len(e.Data) {
		m.Flags |= MSG_TRUNC
	}
	return n, nil
}
