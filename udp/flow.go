package udp

import (
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
)

// flow is what a socket has that a forwarder made.
type flow struct {
	names names
	idle  atomic.Int64 // nanoseconds
	last  atomic.Int64 // clock.Time of the last datagram, either way
	timer clock.Timer
	ended syscall.Errno // nothing passes any more; under the socket's lock
	first skb.Meta      // of the datagram that began it,
	quote []byte        // and as much of it as an ICMP error quotes
}

// maxQuote is what an ICMP error of 576 bytes has room for (RFC 1812 4.3.2.3).
const maxQuote = 548

// inputFlow gives a datagram to its flow, or begins one; false if it is for
// neither, as what was sent to many.
func (m *Module) inputFlow(b *skb.Buffer, local, peer netip.AddrPort) (skb.Reason, bool) {
	if s := m.flow(local, peer); s != nil {
		s.forwarded.touch(m.env.Clock.Now())
		return s.receive(b, peer), true
	}
	f := m.forward.Load()
	if f == nil || b.Type != skb.PacketHost || m.net.Kind(b.Net.Dst) >= inet.Broadcast || peer.Port() == 0 {
		return 0, false
	}
	s := m.newFlow(b, names{local, peer}, f.o.Idle)
	if r := m.addFlow(s.forwarded.names, s, &f.o); r != skb.NotDropped {
		return b.Drop(r), true
	}
	s.forwarded.arm(m.env.Clock.Now())
	r := s.receive(b, peer)
	f.handle(s)
	return r, true
}

func (m *Module) newFlow(b *skb.Buffer, n names, idle time.Duration) *Sock {
	s := m.NewSock()
	f := &flow{names: n, first: b.Meta, quote: append([]byte(nil), headersOf(b)...)}
	f.idle.Store(int64(idle))
	f.timer.Init(m.env.Clock, func(x any) { x.(*Sock).Defer(deferIdle) }, s)
	s.forwarded, s.Local, s.Peer = f, n.local, n.peer
	s.Options.Device = m.net.Borrowed(b)
	s.id.Store(&identity{local: n.local, peer: n.peer, device: s.Options.Device})
	s.boundAddr, s.boundPort = true, true
	return s
}

// headersOf is the packet from its network header on, as far as it is quoted.
func headersOf(b *skb.Buffer) []byte {
	p := b.Network()
	return p[:min(len(p), maxQuote)]
}

func (f *flow) touch(now clock.Time) { f.last.Store(int64(now)) }

func (f *flow) arm(now clock.Time) {
	f.touch(now)
	f.timer.Reset(now.Add(time.Duration(f.idle.Load())))
}

// idleExpired ends a flow that passed nothing, or waits on; the socket's lock
// is held.
func (s *Sock) idleExpired() {
	f := s.forwarded
	if s.closed || f.ended != 0 {
		return
	}
	at := clock.Time(f.last.Load()).Add(time.Duration(f.idle.Load()))
	if s.m.env.Clock.Now() < at {
		f.timer.Reset(at)
		return
	}
	f.ended = syscall.ETIMEDOUT
	s.m.removeFlow(s)
	s.queue.Purge(skb.HandlerTimeout)
	s.RmemAlloc.Store(0)
	s.Wake(inet.PollIn | inet.PollOut | inet.PollHup)
}

// flowEnded is why a flow passes nothing any more, nil while it does and for
// other sockets.
func (s *Sock) flowEnded() error {
	if s.forwarded != nil && s.forwarded.ended != 0 {
		return s.forwarded.ended
	}
	return nil
}

// leaveFlow takes a flow out of the table when its socket closes.
func (s *Sock) leaveFlow() {
	if s.forwarded != nil {
		s.forwarded.timer.Stop()
		s.m.removeFlow(s)
	}
}

// SetIdle changes how long the flow may pass nothing. Error: EINVAL for a
// socket that is no flow, and for a time that is not positive.
func (s *Sock) SetIdle(d time.Duration) error {
	if s.forwarded == nil || d <= 0 {
		return syscall.EINVAL
	}
	s.Lock()
	defer s.Unlock()
	if s.closed || s.forwarded.ended != 0 {
		return nil
	}
	s.forwarded.idle.Store(int64(d))
	s.forwarded.timer.Reset(clock.Time(s.forwarded.last.Load()).Add(d))
	return nil
}

// Refuse tells the peer of a flow that nobody is here, as for a port without a
// socket (RFC 1122 4.1.3.1). The caller closes the socket after. Error: EINVAL
// for a socket that is no flow.
func (s *Sock) Refuse() error {
	if s.forwarded == nil {
		return syscall.EINVAL
	}
	s.Lock()
	defer s.Unlock()
	b := s.m.env.Pool.New(len(s.forwarded.quote))
	b.Append(s.forwarded.quote)
	b.Meta = s.forwarded.first
	b.SetNetwork()
	s.m.env.Stat.Inc(stat.UdpNoPorts)
	s.m.net.SendError(b, &inet.Error{Kind: inet.PortUnreachable})
	b.Consume()
	s.queue.Purge(skb.HandlerRefused)
	s.RmemAlloc.Store(0)
	return nil
}
