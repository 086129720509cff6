package inet

import (
	"net/netip"
	"sync"
	"syscall"

	"github.com/slankdev/ministack/skb"
)

// SockError is an entry of a socket's error queue (struct sock_extended_err,
// ip(7) IP_RECVERR), read with MSG_ERRQUEUE.
type SockError struct {
	Errno      syscall.Errno
	Origin     uint8 // FromHere, FromICMP
	Type, Code uint8 // of the ICMP message
	Info       uint32
	Offender   netip.Addr     // who sent the message
	To         netip.AddrPort // where the packet went that it is about
	Data       []byte         // what it quotes of that packet's payload
}

// Origins of an error (SO_EE_ORIGIN_LOCAL, SO_EE_ORIGIN_ICMP).
const (
	FromHere = 1
	FromICMP = 2
)

// maxErrors bounds a queue; the oldest are kept, as with a full receive buffer.
const maxErrors = 64

// errQueue has a lock of its own: ICMP errors come without the socket's.
type errQueue struct {
	mu   sync.Mutex
	list []SockError
}

// QueueError enters the error e about a packet to the address given, if the
// user wants that (ip_icmp_error). b holds what the ICMP message quotes of the
// packet, from the transport header on; the entry has it from offset on.
func (s *Sock) QueueError(e *Error, to netip.AddrPort, b *skb.Buffer, offset int) {
	if !s.has(flagRecvErr) {
		return
	}
	entry := SockError{Errno: e.Errno, Origin: FromICMP, Type: e.Type, Code: e.Code, Info: e.Info, Offender: e.From, To: to}
	if n := b.Len() - offset; n > 0 {
		entry.Data = make([]byte, n)
		b.CopyOut(offset, entry.Data)
	}
	s.queueError(entry)
}

// QueueLocalError enters an error of this host about a datagram that never
// left: it is larger than mtu (ip_local_error).
func (s *Sock) QueueLocalError(errno syscall.Errno, to netip.AddrPort, mtu int) {
	if s.has(flagRecvErr) {
		s.queueError(SockError{Errno: errno, Origin: FromHere, Info: uint32(mtu), To: to})
		s.Wake(PollErr)
	}
}

func (s *Sock) queueError(entry SockError) {
	q := &s.more().errors
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) < maxErrors {
		q.list = append(q.list, entry)
	}
}

// NextError takes the oldest entry off the queue (MSG_ERRQUEUE). With the last
// one that ICMP reported SO_ERROR is cleared, before it is that of the next
// (sock_dequeue_err_skb).
func (s *Sock) NextError() (SockError, bool) {
	if !s.HasQueuedError() {
		return SockError{}, false
	}
	q := &s.more().errors
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == 0 {
		return SockError{}, false
	}
	e := q.list[0]
	switch q.list = q.list[1:]; {
	case len(q.list) > 0 && q.list[0].Origin == FromICMP:
		s.err.Store(uint32(q.list[0].Errno))
	case e.Origin == FromICMP:
		s.err.Store(0)
	}
	return e, true
}

// HasQueuedError reports whether MSG_ERRQUEUE has something to read.
func (s *Sock) HasQueuedError() bool {
	x := s.extra.Load()
	if x == nil {
		return false
	}
	x.errors.mu.Lock()
	defer x.errors.mu.Unlock()
	return len(x.errors.list) > 0
}

// WantsErrors reports whether IP_RECVERR is on.
func (s *Sock) WantsErrors() bool { return s.has(flagRecvErr) }

// SetWantsErrors is IP_RECVERR; off throws away what is queued.
func (s *Sock) SetWantsErrors(on bool) {
	if on {
		s.flags.Or(flagRecvErr)
	} else {
		s.flags.And(^flagRecvErr)
	}
	x := s.extra.Load()
	if on || x == nil {
		return
	}
	x.errors.mu.Lock()
	defer x.errors.mu.Unlock()
	x.errors.list = nil
}

// PollError is what errors make a socket ready for (datagram_poll): with
// SO_SELECT_ERR_QUEUE, a queued one is POLLPRI as well.
func (s *Sock) PollError() Ready {
	switch {
	case s.HasQueuedError() && s.Options.SelectErrQueue:
		return PollErr | PollPri
	case s.HasError() || s.HasQueuedError():
		return PollErr
	}
	return 0
}
