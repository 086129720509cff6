package udp

import (
	"net/netip"
	"sync/atomic"
	"syscall"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// Sock is a UDP socket (struct udp_sock).
type Sock struct {
	inet.Sock
	m     *Module
	id    atomic.Pointer[identity]
	port  uint16 // under which it stands in the table; the table's lock
	queue skb.Queue
	route *inet.Route // of a connected socket

	forwarded *flow // of a socket that a forwarder made, nil for others

	reported atomic.Pointer[inet.Error] // by ICMP, not looked at yet

	flow   inet.Flow    // what the last call asked a route for,
	header inet.Header  // the network header that it sent,
	asked  inet.Control // and what its message asked

	corkOn  bool // UDP_CORK
	cork    corked
	segment int         // UDP_SEGMENT, 0: off
	gro     atomic.Bool // UDP_GRO: super-segments are read whole

	closed, shutRead, shutWrite bool
	boundAddr, boundPort        bool // by the user; Connect's choice is undone
}

// Deferred work: of an ICMP error, of a flow's timer.
const (
	deferError = 1 << iota
	deferIdle
)

// defaultBuffer is net.core.rmem_default.
const defaultBuffer = 212992

// NewSock returns a socket without a name.
func (m *Module) NewSock() *Sock {
	s := &Sock{m: m}
	s.Sock.Init(m.env, s)
	s.RcvBuf.Store(defaultBuffer)
	s.SndBuf.Store(defaultBuffer)
	s.id.Store(&identity{local: netip.AddrPortFrom(netip.IPv4Unspecified(), 0)})
	return s
}

func (s *Sock) identity() *identity { return s.id.Load() }

// Names returns the local and the peer's address.
func (s *Sock) Names() (local, peer netip.AddrPort) {
	id := s.identity()
	return id.local, id.peer
}

// A datagram in the queue has its sender's port and what the socket was
// charged in its scratch space.
const (
	cbPort = iota
	cbCharge
)

func (s *Sock) countFull() {
	s.Drops.Add(1)
	s.m.env.Stat.Inc(stat.UdpRcvbufErrors)
	s.m.env.Stat.Inc(stat.UdpInErrors)
}

// Packet queues a datagram under the socket's lock; see inet.Handler. What the
// buffer does not take is dropped without a word (B14); an empty one takes a
// datagram of any size.
func (s *Sock) Packet(b *skb.Buffer) skb.Reason {
	if s.closed || s.flowEnded() != nil {
		return b.Drop(skb.SocketClose)
	}
	if !s.WantsHeader() {
		b.Compact()
	}
	size := int32(b.TrueSize())
	if s.queue.Len() > 0 && s.RmemAlloc.Load()+size > s.RcvBuf.Load() {
		s.countFull()
		return b.Drop(skb.SocketRcvBuff)
	}
	b.CB[cbCharge] = uint32(size)
	s.RmemAlloc.Add(size)
	s.queue.PushBack(b)
	s.m.env.Stat.Inc(stat.UdpInDatagrams)
	if b.Traced {
		s.m.env.Trace.Packet(trace.UDPDeliver, b, uint32(s.queue.Len()), 0, 0, 0)
	}
	s.Wake(inet.PollIn)
	return skb.NotDropped
}

// Deferred gives the user the last ICMP error: if the socket is connected or
// asked for all of them (B15, B47; IP_RECVERR in ip(7)).
func (s *Sock) Deferred(bits uint32) {
	if bits&deferIdle != 0 {
		s.idleExpired()
	}
	if e := s.reported.Swap(nil); e != nil {
		s.Report(e, s.identity().peer.IsValid())
	}
}

// Released has nothing to do; see inet.Handler.
func (s *Sock) Released() {}

// Bind gives the socket its local name. Errors: EINVAL for one that has a
// name, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT.
func (s *Sock) Bind(a netip.AddrPort) error {
	s.Lock()
	defer s.Unlock()
	switch addr := a.Addr(); {
	case s.closed:
		return syscall.EBADF
	case s.identity().local.Port() != 0:
		return syscall.EINVAL
	case !addr.IsValid():
		a = netip.AddrPortFrom(netip.IPv4Unspecified(), a.Port())
	case !addr.Is4():
		return syscall.EAFNOSUPPORT
	case !addr.IsUnspecified() && !s.Options.FreeBind && s.m.net.Kind(addr) == inet.Unicast && !s.m.net.MayBind(addr, s.Options.Device):
		return syscall.EADDRNOTAVAIL
	}
	if err := s.m.bind(s, a); err != nil {
		return err
	}
	s.boundAddr, s.boundPort = !a.Addr().IsUnspecified(), a.Port() != 0
	if tr := s.m.env.Trace; tr.On(trace.SockBind) {
		tr.Event(trace.SockBind, s.ID, trace.Addr(a.Addr()), uint32(s.identity().local.Port()), 0, 0)
	}
	return nil
}

// autobind gives a socket a port that has none (inet_autobind).
func (s *Sock) autobind() error {
	local := s.identity().local
	switch {
	case local.Port() != 0:
		return nil
	case !local.IsValid():
		local = netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	}
	return s.m.bind(s, local)
}

// Connect names the peer: only its datagrams are received, and its ICMP errors
// are reported. The zero AddrPort undoes it. Errors: ENETUNREACH, EACCES for a
// broadcast address without SO_BROADCAST, EAFNOSUPPORT.
func (s *Sock) Connect(to netip.AddrPort) error {
	s.Lock()
	defer s.Unlock()
	if s.closed {
		return syscall.EBADF
	}
	if !to.IsValid() {
		s.disconnect()
		return nil
	}
	r, err := s.lookupRoute(to.Addr(), s.identity().local.Addr(), &inet.Control{})
	if err != nil {
		return err
	}
	if err := s.autobind(); err != nil {
		return err
	}
	id := *s.identity()
	id.peer = netip.AddrPortFrom(r.Dst, to.Port())
	if id.local.Addr().IsUnspecified() {
		id.local = netip.AddrPortFrom(r.Src, id.local.Port())
	}
	s.route = r
	s.id.Store(&id)
	if tr := s.m.env.Trace; tr.On(trace.SockConnect) {
		tr.Event(trace.SockConnect, s.ID, trace.Addr(to.Addr()), uint32(to.Port()), 0, 0)
	}
	return nil
}

// disconnect takes the peer away, and of the local name what the user had not
// asked for (__udp_disconnect).
func (s *Sock) disconnect() {
	id := *s.identity()
	id.peer, s.route = netip.AddrPort{}, nil
	if !s.boundAddr && id.local.IsValid() {
		id.local = netip.AddrPortFrom(netip.IPv4Unspecified(), id.local.Port())
	}
	if !s.boundPort {
		s.m.table.remove(s)
		id.local = netip.AddrPortFrom(id.local.Addr(), 0)
	}
	s.id.Store(&id)
}

// ReuseChanged has another's bind see SO_REUSEADDR as it is now. Lock held.
func (s *Sock) ReuseChanged() {
	id := *s.identity()
	id.reuse = s.Options.ReuseAddr
	s.id.Store(&id)
}

// SetDevice binds the socket to a device, 0 for none (SO_BINDTODEVICE).
func (s *Sock) SetDevice(index int) {
	s.Lock()
	defer s.Unlock()
	id := *s.identity()
	s.Options.Device, id.device, s.route = index, index, nil
	s.id.Store(&id)
}

// RecvMsg takes the oldest datagram off the queue; what m.Data does not hold of
// it is lost (B47). With MSG_TRUNC it returns the whole length. Errors: EAGAIN,
// SO_ERROR.
func (s *Sock) RecvMsg(m *inet.Message, flags int, pat *inet.Patience) (int, error) {
	s.Lock()
	defer s.Unlock()
	return s.recv(m, flags, pat)
}

// RecvMMsg fills many messages under one lock (recvmmsg(2)), and returns how
// many. The error is that of the first; a later one, but for EAGAIN, is kept
// for the next call. It stops after the message during which the time until
// passed (0: none).
func (s *Sock) RecvMMsg(ms []inet.Message, flags int, pat *inet.Patience, until clock.Time) (int, error) {
	s.Lock()
	defer s.Unlock()
	if err := s.TakeError(); err != nil {
		return 0, err
	}
	for i := range ms {
		if _, err := s.recv(&ms[i], flags, pat); err != nil {
			if e, ok := err.(syscall.Errno); ok && i > 0 && e != syscall.EAGAIN {
				s.SetError(e)
			}
			return inet.Many(i, err)
		}
		if flags&inet.MsgWaitForOne != 0 {
			pat.NonBlock = true
		}
		if until != 0 && s.m.env.Clock.Now() >= until {
			return i + 1, nil
		}
	}
	return len(ms), nil
}

func (s *Sock) recv(m *inet.Message, flags int, pat *inet.Patience) (int, error) {
	if flags&inet.MsgDontWait != 0 {
		pat.NonBlock = true
	}
	for {
		if err := s.TakeError(); err != nil {
			return 0, err
		}
		if b := s.queue.Peek(); b != nil {
			return s.take(b, m, flags), nil
		}
		if s.closed {
			return 0, syscall.EBADF
		}
		if err := s.flowEnded(); err != nil {
			return 0, err
		}
		if s.shutRead {
			return m.Filled(0, 0, flags), nil
		}
		if err := s.Sleep(inet.PollIn, pat); err != nil {
			return 0, err
		}
	}
}

func (s *Sock) take(b *skb.Buffer, m *inet.Message, flags int) int {
	n := b.CopyOut(0, m.Data)
	m.Addr = netip.AddrPortFrom(b.Net.Src, uint16(b.CB[cbPort]))
	m.Ancillary = s.Ancillary(b, s.m.net)
	if b.GSO != skb.GSONone {
		m.SegmentSize = int(b.GSOSize)
	}
	result := m.Filled(n, b.Len(), flags)
	if flags&inet.MsgPeek == 0 {
		s.queue.PopFront()
		s.RmemAlloc.Add(-int32(b.CB[cbCharge]))
		b.Consume()
	}
	if tr := s.m.env.Trace; tr.On(trace.SockRead) {
		tr.Event(trace.SockRead, s.ID, uint32(n), 0, 0, 0)
	}
	return result
}

// InQueue returns the length of the next datagram (SIOCINQ).
func (s *Sock) InQueue() int {
	s.Lock()
	defer s.Unlock()
	if b := s.queue.Peek(); b != nil {
		return b.Len()
	}
	return 0
}

// Poll returns what the socket is ready for (udp_poll).
func (s *Sock) Poll() inet.Ready {
	s.Lock()
	defer s.Unlock()
	r := s.PollError()
	if s.Writable() {
		r |= inet.PollOut
	}
	if s.queue.Len() > 0 || s.shutRead || s.flowEnded() != nil {
		r |= inet.PollIn
	}
	if s.shutRead {
		r |= inet.PollRdHup
		if s.shutWrite {
			r |= inet.PollHup
		}
	}
	return r
}

// Shutdown ends one or both directions. Error: ENOTCONN without a peer, as
// Linux has it; what was asked is done all the same.
func (s *Sock) Shutdown(how int) error {
	s.Lock()
	defer s.Unlock()
	if how < inet.ShutRead || how > inet.ShutBoth {
		return syscall.EINVAL
	}
	s.shutRead = s.shutRead || how != inet.ShutWrite
	s.shutWrite = s.shutWrite || how != inet.ShutRead
	s.Wake(inet.PollIn | inet.PollOut | inet.PollHup)
	if !s.identity().peer.IsValid() {
		return syscall.ENOTCONN
	}
	return nil
}

// Close gives the name back and drops what was not read. Calls that sleep
// return EBADF.
func (s *Sock) Close() error {
	s.Lock()
	defer s.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.cork = corked{}
	s.m.table.remove(s)
	s.leaveFlow()
	s.queue.Purge(skb.SocketClose)
	s.RmemAlloc.Store(0)
	s.Wake(inet.PollIn | inet.PollOut | inet.PollHup)
	if tr := s.m.env.Trace; tr.On(trace.SockClose) {
		tr.Event(trace.SockClose, s.ID, 0, 0, 0, 0)
	}
	return nil
}
