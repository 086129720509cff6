// Package socket is the BSD socket layer (Linux's socket.c and af_inet.c):
// sockets of every family and type behind one set of calls. Addresses are
// netip.AddrPort, errors are syscall.Errno.
package socket

import (
	"net/netip"
	"sync/atomic"
	"syscall"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
)

// Ops are the operations of a socket by family and type (struct proto_ops).
type Ops interface {
	Bind(a netip.AddrPort) error
	Listen(backlog int) error
	Accept(p *inet.Patience) (Ops, error)
	Connect(to netip.AddrPort, p *inet.Patience) error
	SendMsg(m *Message, flags int, p *inet.Patience) (int, error)
	RecvMsg(m *Message, flags int, p *inet.Patience) (int, error)
	Shutdown(how int) error
	Close(p *inet.Patience) error
	Names() (local, peer netip.AddrPort)
	Poll() inet.Ready
	Ioctl(request int) (int, error)
	// Common is the part that all sockets have.
	Common() *inet.Sock
	// SetInt and GetInt are the options of the protocol's own level.
	SetInt(level, name, value int) error
	GetInt(level, name int) (int, error)
}

// Message is what sendmsg and recvmsg take and fill (struct msghdr).
type Message struct {
	Data []byte
	Addr netip.AddrPort // to, or from
	// What recvmsg fills in beside the data.
	Len     int // the datagram's length, more than fits Data if it was cut
	Flags   int // MSG_TRUNC if it was
	To      netip.Addr
	IfIndex int
	TTL     uint8
	TOS     uint8
	Time    clock.Time
}

// Socket is an open socket.
type Socket struct {
	ops                   Ops
	family                *Family
	domain, typ, protocol int
	nonblock              atomic.Bool
	closed                atomic.Bool
	rcvTimeout            atomic.Int64 // nanoseconds, 0: none
	sndTimeout            atomic.Int64
	readDeadline          inet.Deadline
	writeDeadline         inet.Deadline
}

// patience is that of a call that reads or writes.
func (s *Socket) patience(read bool, flags int) *inet.Patience {
	p := &inet.Patience{NonBlock: s.nonblock.Load() || flags&MSG_DONTWAIT != 0, Deadline: &s.writeDeadline}
	timeout := s.sndTimeout.Load()
	if read {
		p.Deadline, timeout = &s.readDeadline, s.rcvTimeout.Load()
	}
	p.Timeout = durationOf(timeout)
	return p
}

// open returns EBADF for a closed socket.
func (s *Socket) open() error {
	if s.closed.Load() {
		return syscall.EBADF
	}
	return nil
}

// Bind gives the socket its local name (bind(2)).
func (s *Socket) Bind(a netip.AddrPort) error {
	if err := s.open(); err != nil {
		return err
	}
	return s.ops.Bind(a)
}

// Listen makes the socket accept connections (listen(2)).
func (s *Socket) Listen(backlog int) error {
	if err := s.open(); err != nil {
		return err
	}
	return s.ops.Listen(backlog)
}

// Accept takes a connection off the queue (accept(2)).
func (s *Socket) Accept() (*Socket, netip.AddrPort, error) {
	if err := s.open(); err != nil {
		return nil, netip.AddrPort{}, err
	}
	ops, err := s.ops.Accept(s.patience(true, 0))
	if err != nil {
		return nil, netip.AddrPort{}, s.closedOr(err)
	}
	child := &Socket{ops: ops, family: s.family, domain: s.domain, typ: s.typ, protocol: s.protocol}
	_, peer := ops.Names()
	return child, peer, nil
}

// closedOr returns EBADF for an error that came of Close in another goroutine.
func (s *Socket) closedOr(err error) error {
	if err != nil && s.closed.Load() {
		return syscall.EBADF
	}
	return err
}

// Connect names the peer (connect(2)).
func (s *Socket) Connect(to netip.AddrPort) error {
	if err := s.open(); err != nil {
		return err
	}
	return s.closedOr(s.ops.Connect(to, s.patience(false, 0)))
}

// Send sends to the peer (send(2)).
func (s *Socket) Send(p []byte, flags int) (int, error) {
	return s.SendMsg(&Message{Data: p}, flags)
}

// SendTo sends to an address (sendto(2)).
func (s *Socket) SendTo(p []byte, flags int, to netip.AddrPort) (int, error) {
	return s.SendMsg(&Message{Data: p, Addr: to}, flags)
}

// SendMsg sends a message (sendmsg(2)).
func (s *Socket) SendMsg(m *Message, flags int) (int, error) {
	if err := s.open(); err != nil {
		return 0, err
	}
	n, err := s.ops.SendMsg(m, flags, s.patience(false, flags))
	return n, s.closedOr(err)
}

// Recv receives (recv(2)). On a stream, 0 and no error is its end.
func (s *Socket) Recv(p []byte, flags int) (int, error) {
	return s.RecvMsg(&Message{Data: p}, flags)
}

// RecvFrom receives, and says from whom (recvfrom(2)).
func (s *Socket) RecvFrom(p []byte, flags int) (int, netip.AddrPort, error) {
	m := Message{Data: p}
	n, err := s.RecvMsg(&m, flags)
	return n, m.Addr, err
}

// RecvMsg receives a message (recvmsg(2)). With MSG_TRUNC it returns a
// datagram's whole length.
func (s *Socket) RecvMsg(m *Message, flags int) (int, error) {
	if err := s.open(); err != nil {
		return 0, err
	}
	n, err := s.ops.RecvMsg(m, flags, s.patience(true, flags))
	if n == 0 && s.closed.Load() {
		err = syscall.EBADF // what looks like the end of the stream was Close
	}
	return n, s.closedOr(err)
}

// Shutdown ends one or both directions (shutdown(2)).
func (s *Socket) Shutdown(how int) error {
	if err := s.open(); err != nil {
		return err
	}
	return s.ops.Shutdown(how)
}

// Close gives the socket up (close(2)). Calls that sleep in it return EBADF.
func (s *Socket) Close() error {
	if s.closed.Swap(true) {
		return syscall.EBADF
	}
	p := s.patience(false, 0)
	p.Deadline, p.Timeout = nil, 0
	err := s.ops.Close(p)
	s.ops.Common().Wake(inet.PollIn | inet.PollOut | inet.PollHup)
	return err
}

// Getsockname returns the local name (getsockname(2)).
func (s *Socket) Getsockname() (netip.AddrPort, error) {
	if err := s.open(); err != nil {
		return netip.AddrPort{}, err
	}
	local, _ := s.ops.Names()
	return local, nil
}

// Getpeername returns the peer's name (getpeername(2)). Error: ENOTCONN.
func (s *Socket) Getpeername() (netip.AddrPort, error) {
	if err := s.open(); err != nil {
		return netip.AddrPort{}, err
	}
	_, peer := s.ops.Names()
	if !peer.IsValid() || s.typ == SOCK_STREAM && !connected(s.ops) {
		return netip.AddrPort{}, syscall.ENOTCONN
	}
	return peer, nil
}

// SetNonblock makes calls return EAGAIN rather than sleep (O_NONBLOCK).
func (s *Socket) SetNonblock(on bool) { s.nonblock.Store(on) }

// Ioctl answers SIOCINQ, SIOCOUTQ and SIOCATMARK. Error: ENOTTY.
func (s *Socket) Ioctl(request int) (int, error) {
	if err := s.open(); err != nil {
		return 0, err
	}
	return s.ops.Ioctl(request)
}

// Poll returns what the socket is ready for now (poll(2)).
func (s *Socket) Poll() inet.Ready { return s.ops.Poll() }

// Waiters is the queue of those who wait for the socket.
func (s *Socket) Waiters() *inet.WaitQueue { return s.ops.Common().Waiters() }

// Ops returns the operations behind the socket, for those who look inside (ss).
func (s *Socket) Ops() Ops { return s.ops }

// SetReadDeadline and SetWriteDeadline bound calls that sleep now or later;
// the zero Time removes the bound. Past it they return EAGAIN.
func (s *Socket) SetReadDeadline(at clock.Time) {
	s.readDeadline.Set(at)
	s.ops.Common().Wake(inet.PollIn)
}

// SetWriteDeadline bounds sends and connects; see SetReadDeadline.
func (s *Socket) SetWriteDeadline(at clock.Time) {
	s.writeDeadline.Set(at)
	s.ops.Common().Wake(inet.PollOut)
}

// Deadlines reports which of the two deadlines have passed.
func (s *Socket) Deadlines() (read, write bool) {
	now := s.family.env.Clock.Now()
	return s.readDeadline.Passed(now), s.writeDeadline.Passed(now)
}
