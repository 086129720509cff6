package ping

import (
	"net/netip"
	"sync/atomic"
	"syscall"

	"github.com/slankdev/ministack/icmp"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/trace"
)

// Sock is a ping socket (struct inet_sock with ping_prot).
type Sock struct {
	inet.Datagram
	m      *Module
	pinger icmp.Pinger
	id     atomic.Pointer[identity]
	peer   netip.AddrPort // its port means nothing

	added                bool // in the table, under pinger.ID
	boundAddr, boundPort bool // by the user; Connect's choice is undone

	reported atomic.Pointer[inet.Error] // by ICMP, not looked at yet

	flow   inet.Flow   // what the last call asked a route for,
	header inet.Header // the network header that it sent,
	asked  inet.Control
}

// NewSock returns a socket without an identifier (ping_init_sock). It shares
// one with others that do, unless SO_REUSEADDR is switched off, as on Linux
// (INET_PROTOSW_REUSE).
func (m *Module) NewSock() *Sock {
	s := &Sock{m: m}
	s.Init(m.env, s)
	s.Options.ReuseAddr = true
	s.id.Store(&identity{})
	s.pinger = icmp.Pinger{Wants: s.wants, Deliver: s.Receive, Error: s.failed}
	return s
}

func (s *Sock) connected() bool { return s.peer.IsValid() }

// register takes the identifier, or any if it is 0.
func (s *Sock) register(id uint16) error {
	switch {
	case s.Closed():
		return syscall.EBADF
	case s.added:
		return nil
	}
	s.pinger.ID, s.pinger.Shares = id, s.Options.ReuseAddr
	if err := s.m.icmp.AddPinger(&s.pinger); err != nil {
		return err
	}
	s.added = true
	return nil
}

// Bind takes an identifier, the port, and has the socket receive only what is
// sent to the address (ping_bind). Errors: EADDRNOTAVAIL, EAFNOSUPPORT, EINVAL
// for one that has an identifier, EADDRINUSE.
func (s *Sock) Bind(a netip.AddrPort) error {
	s.Lock()
	defer s.Unlock()
	addr := a.Addr()
	if addr.IsUnspecified() {
		addr = netip.Addr{}
	}
	switch {
	case s.Closed():
		return syscall.EBADF
	case addr.IsValid() && !addr.Is4():
		return syscall.EAFNOSUPPORT
	case addr.IsValid() && !s.m.ip.MayBind(addr, s.Options.Device):
		return syscall.EADDRNOTAVAIL
	case s.added:
		return syscall.EINVAL
	}
	if err := s.register(a.Port()); err != nil {
		return err
	}
	s.boundAddr, s.boundPort = addr.IsValid(), a.Port() != 0
	s.id.Store(&identity{local: addr, device: s.Options.Device})
	if tr := s.m.env.Trace; tr.On(trace.SockBind) {
		tr.Event(trace.SockBind, s.ID, trace.Addr(addr), uint32(s.pinger.ID), 0, 0)
	}
	return nil
}

// Connect names the peer: its ICMP errors are reported, and Send needs no
// address (ip4_datagram_connect). The zero AddrPort undoes it. Errors:
// ENETUNREACH, EACCES for a broadcast address without SO_BROADCAST,
// EAFNOSUPPORT, EADDRINUSE.
func (s *Sock) Connect(to netip.AddrPort) error {
	s.Lock()
	defer s.Unlock()
	if s.Closed() {
		return syscall.EBADF
	}
	if !to.IsValid() {
		s.disconnect()
		return nil
	}
	if err := s.register(0); err != nil {
		return err
	}
	r, err := s.route(to.Addr(), &inet.Control{})
	if err != nil {
		return err
	}
	s.peer = netip.AddrPortFrom(r.Dst, to.Port())
	if id := s.id.Load(); !id.local.IsValid() {
		s.id.Store(&identity{local: r.Src, device: id.device})
	}
	if tr := s.m.env.Trace; tr.On(trace.SockConnect) {
		tr.Event(trace.SockConnect, s.ID, trace.Addr(to.Addr()), uint32(to.Port()), 0, 0)
	}
	return nil
}

// disconnect takes the peer and the device away, and of the local name what the
// user had not asked for (__udp_disconnect).
func (s *Sock) disconnect() {
	id := *s.id.Load()
	s.peer, s.Options.Device, id.device = netip.AddrPort{}, 0, 0
	if !s.boundAddr {
		id.local = netip.Addr{}
	}
	s.id.Store(&id)
	if !s.boundPort {
		s.leave()
	}
}

// leave gives the identifier back (ping_unhash).
func (s *Sock) leave() {
	if s.added {
		s.m.icmp.RemovePinger(&s.pinger)
		s.added, s.pinger.ID = false, 0
	}
}

// Names returns the local and the peer's address.
func (s *Sock) Names() (local, peer netip.AddrPort) {
	s.Lock()
	defer s.Unlock()
	addr := s.id.Load().local
	if !addr.IsValid() {
		addr = netip.IPv4Unspecified()
	}
	return netip.AddrPortFrom(addr, s.pinger.ID), s.peer
}

// SetDevice binds the socket to a device, 0 for none (SO_BINDTODEVICE).
func (s *Sock) SetDevice(index int) {
	s.Lock()
	defer s.Unlock()
	s.Options.Device = index
	s.id.Store(&identity{local: s.id.Load().local, device: index})
}

// Poll returns what the socket is ready for (datagram_poll).
func (s *Sock) Poll() inet.Ready {
	s.Lock()
	defer s.Unlock()
	return s.ReadyFor()
}

// Shutdown ends one or both directions. Error: ENOTCONN without a peer; what
// was asked is done all the same.
func (s *Sock) Shutdown(how int) error {
	s.Lock()
	defer s.Unlock()
	return s.ShutDown(how, s.connected())
}

// Close gives the identifier back and drops what was not read (ping_close).
func (s *Sock) Close() error {
	s.Lock()
	defer s.Unlock()
	if s.End() {
		s.leave()
	}
	return nil
}
