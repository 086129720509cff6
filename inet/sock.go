package inet

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/sysctl"
	"github.com/slankdev/ministack/trace"
)

// Env is what a stack gives each of its modules.
type Env struct {
	Clock  clock.Clock
	Rand   netdev.Rand // safe for concurrent use
	Pool   *skb.Pool
	Stat   *stat.Counters
	Trace  *trace.Tracer
	Sysctl *sysctl.Registry
	Dev    *netdev.Table
	Socks  Numbers

	waiters  sync.Pool // of *Waiter, for calls that sleep
	backlogs sync.Pool // of *skb.Queue, empty
}

func (e *Env) emptyBacklog() *skb.Queue {
	if q, ok := e.backlogs.Get().(*skb.Queue); ok {
		return q
	}
	return new(skb.Queue)
}

// Numbers gives each socket its number, the "#7" of ss and trace.
type Numbers struct{ last atomic.Uint32 }

// Next returns a number that was not used before.
func (n *Numbers) Next() uint32 { return n.last.Add(1) }

// The socket lock is Linux's (lock_sock, bh_lock_sock): a user's call owns the
// socket, for as long as it likes; a packet or timer that meets an owned
// socket does not wait but leaves its work behind, packets in the backlog and
// timers in the deferred bits, and the owner does that work on release. mu is
// only ever held for as long as one packet takes.

// Handler is the transport behind a Sock: what is done under its lock.
type Handler interface {
	// Packet processes one received packet and takes it over.
	Packet(b *skb.Buffer) skb.Reason
	// Deferred does the work of timers that met an owned socket; bits is what
	// they had passed to Defer.
	Deferred(bits uint32)
	// Released runs when a user's call is about to give the socket up, after
	// the backlog: the place to decide acknowledgements.
	Released()
}

// Sock is what every internet socket has (struct sock, struct inet_sock). It
// is embedded in the transports' own.
type Sock struct {
	mu       sync.Mutex // guards owned, backlog, deferred; held while a packet is processed
	owned    bool
	deferred uint32
	pending  int32 // bytes in the backlog
	ID       uint32
	backlog  *skb.Queue // nil while empty: borrowed from the stack
	user     sync.Mutex // taken by user calls, before mu
	handler  Handler
	env      *Env

	// RcvBuf and SndBuf are the limits in bytes of true size; RmemAlloc and
	// WmemAlloc what is charged now.
	RcvBuf, SndBuf       atomic.Int32
	RmemAlloc, WmemAlloc atomic.Int32
	flags                atomic.Uint32

	// Drops counts the packets that found the receive buffer full (sk_drops).
	Drops atomic.Uint32

	err     atomic.Uint32 // SO_ERROR, an errno
	softErr atomic.Uint32 // last ICMP error that did not end the connection

	wait  WaitQueue
	extra atomic.Pointer[extra]

	// Local and Peer are the socket's names; change them under the lock.
	Local, Peer netip.AddrPort
	Options     Options
}

// Flags of a socket that are read without its lock.
const (
	flagRecvErr uint32 = 1 << iota // IP_RECVERR: ICMP errors are queued
	flagNoSpace                    // somebody waits for room in the send buffer (SOCK_NOSPACE); wmem.go
	flagWaits                      // it stands in an accept queue: nobody has it yet
)

func (s *Sock) has(flag uint32) bool { return s.flags.Load()&flag != 0 }

// WaitAccept says that the socket waits for accept(2), Accepted that somebody
// has taken it (sock_graft). Waits reports which.
func (s *Sock) WaitAccept() { s.flags.Or(flagWaits) }

// Accepted ends what WaitAccept began.
func (s *Sock) Accepted() { s.flags.And(^flagWaits) }

// Waits reports whether nobody has accepted the socket yet.
func (s *Sock) Waits() bool { return s.has(flagWaits) }

// extra is what few sockets have: it is allocated when it is asked for.
type extra struct {
	errors errQueue
	filter sockFilter
	groups Memberships
}

// more returns what few sockets have, to be changed.
func (s *Sock) more() *extra {
	if x := s.extra.Load(); x != nil {
		return x
	}
	s.extra.CompareAndSwap(nil, new(extra))
	return s.extra.Load()
}

// Groups are the multicast groups that the socket has joined; nil for one that
// never joined any, which is to be read like any other.
func (s *Sock) Groups() *Memberships {
	if x := s.extra.Load(); x != nil {
		return &x.groups
	}
	return nil
}

// OwnGroups are the multicast groups of the socket, to be changed.
func (s *Sock) OwnGroups() *Memberships { return &s.more().groups }

// Options are the settings that setsockopt(2) makes at levels SOL_SOCKET and
// IPPROTO_IP, as far as all transports share them.
type Options struct {
	ReuseAddr, ReusePort bool
	Broadcast            bool
	KeepAlive            bool
	OOBInline            bool
	Linger               bool
	Timestamp            uint8 // StampNone, StampMicro, StampNano
	RecvTTL, RecvTOS     bool
	RecvOpts, RetOpts    bool
	RecvDrops            bool // SO_RXQ_OVFL
	PktInfo              bool
	FreeBind             bool
	NoChecksum           bool // SO_NO_CHECK
	SelectErrQueue       bool // SO_SELECT_ERR_QUEUE
	TTL                  uint8
	McastTTL             uint8
	McastLoop            bool
	TOS                  uint8
	MTUDiscover          uint8 // IP_PMTUDISC_*
	LingerSeconds        int32
	RcvLowat             int32 // SO_RCVLOWAT in bytes, 0: the default
	Device               int   // index, SO_BINDTODEVICE
	egress               *Egress
}

// Egress says how datagrams leave, where it is not as usual.
type Egress struct {
	McastIf   int
	UnicastIf int
	IPOptions []byte
}

// Egress returns how datagrams leave.
func (o *Options) Egress() Egress {
	if o.egress == nil {
		return Egress{}
	}
	return *o.egress
}

// SetEgress changes how datagrams leave.
func (o *Options) SetEgress(change func(e *Egress)) {
	e := o.Egress()
	change(&e)
	o.egress = &e
}

// LowAt is SO_RCVLOWAT: how many bytes make a stream readable.
func (o *Options) LowAt() int { return max(int(o.RcvLowat), 1) }

// IP_MTU_DISCOVER's values (ip(7)).
const (
	PMTUDont = iota
	PMTUWant
	PMTUDo
	PMTUProbe
	PMTUInterface
	PMTUOmit
)

// Init prepares the socket; h does its work.
func (s *Sock) Init(env *Env, h Handler) {
	s.env, s.handler, s.ID = env, h, env.Socks.Next()
	s.Options.McastTTL, s.Options.McastLoop = 1, true
	s.Options.MTUDiscover = PMTUWant
}

// Lock makes the caller the owner. Users' calls only.
func (s *Sock) Lock() {
	s.user.Lock()
	s.mu.Lock()
	s.owned = true
	s.mu.Unlock()
}

// Unlock does what packets and timers left behind, gives the socket up, and
// lets what was queued for transmission leave.
func (s *Sock) Unlock() {
	s.mu.Lock()
	for s.backlog != nil || s.deferred != 0 {
		q, bits := s.backlog, s.deferred
		s.backlog, s.deferred, s.pending = nil, 0, 0
		s.mu.Unlock()
		if q != nil {
			for b := q.PopFront(); b != nil; b = q.PopFront() {
				s.handler.Packet(b)
			}
			s.env.backlogs.Put(q)
		}
		if bits != 0 {
			s.handler.Deferred(bits)
		}
		s.mu.Lock()
	}
	s.handler.Released()
	s.owned = false
	s.mu.Unlock()
	s.user.Unlock()
	s.env.Dev.Flush()
}

// Receive processes a packet now, or leaves it to the owner, and takes it over.
// The backlog takes as many bytes as both buffers together.
func (s *Sock) Receive(b *skb.Buffer) skb.Reason { return s.ReceiveMore(b, 0) }

// ReceiveMore is Receive for a socket whose backlog takes more bytes than that.
func (s *Sock) ReceiveMore(b *skb.Buffer, more int) skb.Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.owned {
		return s.handler.Packet(b)
	}
	size := b.TrueSize()
	if int(s.pending)+size > int(s.RcvBuf.Load())+int(s.SndBuf.Load())+64<<10+more {
		return b.Drop(skb.SocketBacklog)
	}
	s.pending += int32(size)
	if s.backlog == nil {
		s.backlog = s.env.emptyBacklog()
	}
	s.backlog.PushBack(b)
	return skb.NotDropped
}

// Defer runs the deferred work named by bits now, or leaves it to the owner.
// Timers and ICMP errors use it.
func (s *Sock) Defer(bits uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owned {
		s.deferred |= bits
		return
	}
	s.handler.Deferred(bits)
}

// TryReceive runs fn under the lock unless a user owns the socket, and reports
// whether it did.
func (s *Sock) TryReceive(fn func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owned {
		return false
	}
	fn()
	return true
}

// Env returns what the stack gave the socket's module.
func (s *Sock) Env() *Env { return s.env }

// SetError sets SO_ERROR and wakes everybody.
func (s *Sock) SetError(e syscall.Errno) {
	s.err.Store(uint32(e))
	if s.env.Trace.On(trace.SockError) {
		s.env.Trace.Event(trace.SockError, s.ID, uint32(e), 0, 0, 0)
	}
	s.Wake(PollErr | PollIn | PollOut)
}

// TakeError returns SO_ERROR and clears it, nil if there is none.
func (s *Sock) TakeError() error {
	if e := syscall.Errno(s.err.Swap(0)); e != 0 {
		return e
	}
	return nil
}

// HasError reports whether SO_ERROR is set, without clearing it.
func (s *Sock) HasError() bool { return s.err.Load() != 0 }

// SetSoftError notes an error that is reported only if the operation fails in
// the end (sk_err_soft).
func (s *Sock) SetSoftError(e syscall.Errno) { s.softErr.Store(uint32(e)) }

// SoftError returns the noted error, 0 if there is none.
func (s *Sock) SoftError() syscall.Errno { return syscall.Errno(s.softErr.Load()) }
