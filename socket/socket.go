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
	"github.com/slankdev/ministack/trace"
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

// Socket is an open socket.
type Socket struct {
	ops         Ops
	family      *Family
	bounds      atomic.Pointer[bounds]
	place       int32 // in openSockets
	protocol    int32
	flags       atomic.Uint32
	domain, typ uint8
}

// Flags of a socket.
const (
	isClosed = 1 << iota
	isNonblock
)

func (s *Socket) has(flag uint32) bool { return s.flags.Load()&flag != 0 }

// markClosed reports whether the socket was closed already.
func (s *Socket) markClosed() bool { return s.flags.Or(isClosed)&isClosed != 0 }

// bounds are how long calls may take. A socket whose user set none of them has
// none.
type bounds struct {
	rcvTimeout    atomic.Int64 // nanoseconds, 0: none
	sndTimeout    atomic.Int64
	readDeadline  inet.Deadline
	writeDeadline inet.Deadline
}

// bound returns the socket's bounds, to be changed.
func (s *Socket) bound() *bounds {
	if b := s.bounds.Load(); b != nil {
		return b
	}
	s.bounds.CompareAndSwap(nil, new(bounds))
	return s.bounds.Load()
}

// limits returns the socket's bounds, to be read.
func (s *Socket) limits() *bounds {
	if b := s.bounds.Load(); b != nil {
		return b
	}
	return &s.family.unbounded
}

// open is how every call begins. Error: EBADF for a closed socket.
func (s *Socket) open() error {
	if tr := s.family.env.Trace; tr.On(trace.SockCall) {
		tr.Event(trace.SockCall, s.ops.Common().ID, 0, 0, 0, 0)
	}
	if s.has(isClosed) {
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
	c := s.reading(0)
	defer s.end(c)
	ops, err := s.ops.Accept(&c.patience)
	if err != nil {
		return nil, netip.AddrPort{}, s.closedOr(err)
	}
	child := s.family.enter(&Socket{ops: ops, domain: s.domain, typ: s.typ, protocol: s.protocol})
	if child == nil {
		return nil, netip.AddrPort{}, syscall.EBADF
	}
	if b := s.bounds.Load(); b != nil && b.rcvTimeout.Load()|b.sndTimeout.Load() != 0 {
		child.bound().rcvTimeout.Store(b.rcvTimeout.Load())
		child.bound().sndTimeout.Store(b.sndTimeout.Load())
	}
	_, peer := ops.Names()
	return child, peer, nil
}

// closedOr returns EBADF for an error that came of Close in another goroutine.
func (s *Socket) closedOr(err error) error {
	if err != nil && s.has(isClosed) {
		return syscall.EBADF
	}
	return err
}

// Connect names the peer (connect(2)).
func (s *Socket) Connect(to netip.AddrPort) error {
	if err := s.open(); err != nil {
		return err
	}
	c := s.writing(0)
	defer s.end(c)
	return s.closedOr(s.ops.Connect(to, &c.patience))
}

// Disconnect breaks the association with the peer (connect(2) with AF_UNSPEC).
// Error: EOPNOTSUPP where the type of socket has none.
func (s *Socket) Disconnect() error {
	if err := s.open(); err != nil {
		return err
	}
	if o, ok := s.ops.(interface{ Disconnect() error }); ok {
		return o.Disconnect()
	}
	return syscall.EOPNOTSUPP
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
	if s.markClosed() {
		return syscall.EBADF
	}
	s.family.leave(s)
	s.leaveGroups()
	err := s.ops.Close(&inet.Patience{}) // SO_LINGER waits whether O_NONBLOCK is set or not
	s.wake(inet.PollIn | inet.PollOut | inet.PollHup)
	return err
}

// abort is Close without order, for the end of the stack.
func (s *Socket) abort() {
	if !s.markClosed() {
		s.abandon()
	}
}

// abandon ends a socket that is marked closed, without order.
func (s *Socket) abandon() {
	s.leaveGroups()
	if c := s.Conn(); c != nil {
		c.Abort()
	} else {
		_ = s.ops.Close(&inet.Patience{}) // a datagram socket's has no error
	}
	s.wake(inet.PollIn | inet.PollOut | inet.PollHup)
}

// wake wakes calls that sleep. It takes the lock, so that a call that is about
// to sleep does so first and is not missed.
func (s *Socket) wake(events inet.Ready) {
	c := s.ops.Common()
	c.Lock()
	c.Wake(events)
	c.Unlock()
}

// Getsockname returns the local name (getsockname(2)).
func (s *Socket) Getsockname() (netip.AddrPort, error) {
	if err := s.open(); err != nil {
		return netip.AddrPort{}, err
	}
	local, _ := s.ops.Names()
	if !local.IsValid() {
		local = netip.AddrPortFrom(netip.IPv4Unspecified(), 0) // it has none yet
	}
	return local, nil
}

// Getpeername returns the peer's name (getpeername(2)). Error: ENOTCONN, also
// for a raw or ping socket's peer that was given without a port, as on Linux
// (inet_getname).
func (s *Socket) Getpeername() (netip.AddrPort, error) {
	if err := s.open(); err != nil {
		return netip.AddrPort{}, err
	}
	_, peer := s.ops.Names()
	if s.domain == AF_PACKET {
		return netip.AddrPort{}, syscall.EOPNOTSUPP
	}
	if peer.Port() == 0 || s.typ == SOCK_STREAM && !connected(s.ops) {
		return netip.AddrPort{}, syscall.ENOTCONN
	}
	return peer, nil
}

// SetNonblock makes calls return EAGAIN rather than sleep (O_NONBLOCK).
func (s *Socket) SetNonblock(on bool) {
	if on {
		s.flags.Or(isNonblock)
	} else {
		s.flags.And(^uint32(isNonblock))
	}
}

// Clock is the clock that the socket's deadlines are on.
func (s *Socket) Clock() clock.Clock { return s.family.env.Clock }

// Ioctl answers SIOCINQ, SIOCOUTQ and SIOCATMARK. Error: ENOTTY.
func (s *Socket) Ioctl(request int) (int, error) {
	if err := s.open(); err != nil {
		return 0, err
	}
	return s.ops.Ioctl(request)
}

// Poll returns what the socket is ready for now (poll(2)); POLLNVAL once it is
// closed.
func (s *Socket) Poll() inet.Ready {
	if s.has(isClosed) {
		return POLLNVAL
	}
	return s.ops.Poll()
}

// Waiters is the queue of those who wait for the socket.
func (s *Socket) Waiters() *inet.WaitQueue { return s.ops.Common().Waiters() }

// Ops returns the operations behind the socket, for those who look inside (ss).
func (s *Socket) Ops() Ops { return s.ops }

// SetReadDeadline and SetWriteDeadline bound calls that sleep now or later;
// the zero Time removes the bound. Past it they return EAGAIN. Error: EBADF.
func (s *Socket) SetReadDeadline(at clock.Time) error {
	if err := s.open(); err != nil {
		return err
	}
	s.bound().readDeadline.Set(at)
	s.wake(inet.PollIn)
	return nil
}

// SetWriteDeadline bounds sends and connects; see SetReadDeadline.
func (s *Socket) SetWriteDeadline(at clock.Time) error {
	if err := s.open(); err != nil {
		return err
	}
	s.bound().writeDeadline.Set(at)
	s.wake(inet.PollOut)
	return nil
}

// Deadlines reports which of the two deadlines have passed.
func (s *Socket) Deadlines() (read, write bool) {
	b, c := s.limits(), s.family.env.Clock
	return b.readDeadline.Passed(c), b.writeDeadline.Passed(c)
}
