package socket

import (
	"net/netip"
	"sync/atomic"
	"syscall"

	"github.com/slankdev/ministack/icmp"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
)

// pingOps are the operations of SOCK_DGRAM over ICMP (ping.c, B48): echo
// requests under the socket's own identifier, which is its port, and the
// replies to them.
type pingOps struct{ *pingSock }

type pingSock struct {
	inet.Sock
	p      Protocols
	pinger icmp.Pinger
	added  bool
	closed bool
	queue  skb.Queue
	local  netip.Addr
	peer   netip.Addr

	reported atomic.Pointer[inet.Error] // by ICMP, not looked at yet
}

func newPing(env *inet.Env, p Protocols) *pingSock {
	s := &pingSock{p: p, local: netip.IPv4Unspecified()}
	s.Init(env, s)
	s.pinger = icmp.Pinger{Deliver: s.Receive, Error: s.failed}
	return s
}

// failed is told of an ICMP error about a request.
func (s *pingSock) failed(b *skb.Buffer, e *inet.Error) {
	s.QueueError(e, netip.AddrPortFrom(b.Net.Dst, 0), b, 0)
	s.reported.Store(e)
	s.Defer(1)
}

// Deferred gives the user the last ICMP error: if the socket is connected or
// asked for all of them (B15).
func (s *pingSock) Deferred(uint32) {
	e := s.reported.Swap(nil)
	if e != nil && (s.WantsErrors() || e.Hard && s.peer.IsValid()) {
		s.SetError(e.Errno)
	}
}

// cbPingCharge is where a queued reply keeps what the socket was charged.
const cbPingCharge = 0

// Packet queues a reply under the socket's lock, if it is to the socket's
// address and came in by its device (ping_lookup).
func (s *pingSock) Packet(b *skb.Buffer) skb.Reason {
	b.Compact()
	size := int32(b.TrueSize())
	switch {
	case s.closed:
		return b.Drop(skb.SocketClose)
	case !s.matches(b):
		return b.Drop(skb.NoSocket)
	case s.queue.Len() > 0 && s.RmemAlloc.Load()+size > s.RcvBuf.Load():
		return b.Drop(skb.SocketRcvBuff)
	}
	b.CB[cbPingCharge] = uint32(size)
	s.RmemAlloc.Add(size)
	s.queue.PushBack(b)
	s.Wake(inet.PollIn)
	return skb.NotDropped
}

func (s *pingSock) matches(b *skb.Buffer) bool {
	return (!s.peer.IsValid() || s.peer == b.Net.Src) && (s.local.IsUnspecified() || s.local == b.Net.Dst) &&
		(s.Options.Device == 0 || s.Options.Device == int(b.IfIndex))
}

// Released has nothing to do; see inet.Handler.
func (s *pingSock) Released() {}

// register takes the identifier, or any if it is 0.
func (s *pingSock) register(id uint16) error {
	switch {
	case s.closed:
		return syscall.EBADF
	case s.added:
		return nil
	}
	s.pinger.ID = id
	if err := s.p.ICMP.AddPinger(&s.pinger); err != nil {
		return err
	}
	s.added = true
	return nil
}

func (o pingOps) Bind(a netip.AddrPort) error {
	o.Lock()
	defer o.Unlock()
	addr := a.Addr()
	if !addr.IsValid() {
		addr = netip.IPv4Unspecified()
	}
	switch {
	case o.added:
		return syscall.EINVAL
	case !addr.Is4():
		return syscall.EAFNOSUPPORT
	case !addr.IsUnspecified() && !o.p.IP.IsLocal(addr):
		return syscall.EADDRNOTAVAIL
	}
	if err := o.register(a.Port()); err != nil {
		return err
	}
	o.local = addr
	return nil
}

func (o pingOps) Listen(int) error { return syscall.EOPNOTSUPP }

func (o pingOps) Accept(*inet.Patience) (Ops, error) { return nil, syscall.EOPNOTSUPP }

func (o pingOps) Connect(to netip.AddrPort, _ *inet.Patience) error {
	o.Lock()
	defer o.Unlock()
	if !to.IsValid() { // AF_UNSPEC undoes it
		o.peer = netip.Addr{}
		return nil
	}
	r, err := o.route(to.Addr())
	if err != nil {
		return err
	}
	o.peer = r.Dst
	return o.register(0)
}

func (s *pingSock) route(dst netip.Addr) (*inet.Route, error) {
	src := s.local
	if src.IsUnspecified() {
		src = netip.Addr{}
	}
	r, err := s.p.IP.Route(&inet.Flow{Dst: dst, Src: src, Device: s.Options.Device, TOS: s.Options.TOS})
	if err == nil && r.Type == inet.Broadcast && !s.Options.Broadcast {
		return nil, syscall.EACCES
	}
	return r, err
}

// SendMsg sends an echo request: the data is the ICMP header, of which type and
// sequence number count, and the payload.
func (o pingOps) SendMsg(m *Message, flags int, _ *inet.Patience) (int, error) {
	o.Lock()
	defer o.Unlock()
	dst := m.Addr.Addr()
	if !m.Addr.IsValid() {
		dst = o.peer
	}
	switch {
	case flags&(MSG_OOB|MSG_MORE) != 0:
		return 0, syscall.EOPNOTSUPP
	case !dst.IsValid():
		return 0, syscall.EDESTADDRREQ
	case len(m.Data) > 65535-20:
		return 0, syscall.EMSGSIZE
	}
	if err := o.TakeError(); err != nil {
		return 0, err
	}
	if err := o.register(0); err != nil {
		return 0, err
	}
	r, err := o.route(dst)
	if err != nil {
		return 0, err
	}
	h := inet.Header{TTL: o.Options.TTL, TOS: o.Options.TOS, DF: o.Options.MTUDiscover == inet.PMTUDo}
	if err := o.p.ICMP.SendEcho(&o.pinger, r, m.Data, h); err != nil {
		return 0, err
	}
	return len(m.Data), nil
}

func (o pingOps) RecvMsg(m *Message, flags int, p *inet.Patience) (int, error) {
	o.Lock()
	defer o.Unlock()
	for {
		if err := o.TakeError(); err != nil {
			return 0, err
		}
		if b := o.queue.Peek(); b != nil {
			return o.take(b, m, flags), nil
		}
		if o.closed {
			return 0, syscall.EBADF
		}
		if err := o.Sleep(inet.PollIn, p); err != nil {
			return 0, err
		}
	}
}

func (s *pingSock) take(b *skb.Buffer, m *Message, flags int) int {
	m.Addr, m.Ancillary = netip.AddrPortFrom(b.Net.Src, 0), s.Ancillary(b, s.p.IP)
	n := m.Filled(b.CopyOut(0, m.Data), b.Len(), flags)
	if flags&MSG_PEEK == 0 {
		s.queue.PopFront()
		s.RmemAlloc.Add(-int32(b.CB[cbPingCharge]))
		b.Consume()
	}
	return n
}

func (o pingOps) Shutdown(int) error { return syscall.ENOTCONN }

func (o pingOps) Close(*inet.Patience) error {
	o.Lock()
	defer o.Unlock()
	o.closed = true
	if o.added {
		o.p.ICMP.RemovePinger(&o.pinger)
	}
	o.queue.Purge(skb.SocketClose)
	o.RmemAlloc.Store(0)
	o.Wake(inet.PollIn | inet.PollHup)
	return nil
}

func (o pingOps) Names() (local, peer netip.AddrPort) {
	o.Lock()
	defer o.Unlock()
	local = netip.AddrPortFrom(o.local, o.pinger.ID)
	if o.peer.IsValid() {
		peer = netip.AddrPortFrom(o.peer, 0)
	}
	return local, peer
}

func (o pingOps) Poll() inet.Ready {
	o.Lock()
	defer o.Unlock()
	r := inet.PollOut
	if o.queue.Len() > 0 {
		r |= inet.PollIn
	}
	return r | o.PollError()
}

func (o pingOps) Common() *inet.Sock { return &o.Sock }

func (o pingOps) Ioctl(request int) (int, error) {
	if request != SIOCINQ {
		return 0, syscall.ENOTTY
	}
	o.Lock()
	defer o.Unlock()
	if b := o.queue.Peek(); b != nil {
		return b.Len(), nil
	}
	return 0, nil
}

func (o pingOps) SetInt(int, int, int) error { return syscall.ENOPROTOOPT }

func (o pingOps) GetInt(int, int) (int, error) { return 0, syscall.ENOPROTOOPT }
