package packet

import (
	"sync/atomic"
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/trace"
)

// Sock is a packet socket (struct packet_sock).
type Sock struct {
	inet.Datagram
	m       *Module
	raw     bool         // SOCK_RAW: frames have their link header
	num     uint16       // the protocol, 0: none yet
	ifindex atomic.Int32 // the device that it is bound to, 0: any
	hook    *link.Tap    // nil while no frames come: no protocol, or the device is down

	packets        uint32        // queued, and
	lost           atomic.Uint32 // lost for want of room, since they were last read
	ignoreOutgoing atomic.Bool
	auxdata        bool
	groups         []membership
}

// NewSock returns a socket of SOCK_RAW or, if raw is false, SOCK_DGRAM
// (packet_create). With protocol 0 it receives nothing until it is bound (B19).
func (m *Module) NewSock(raw bool, protocol uint16) *Sock {
	s := &Sock{m: m, raw: raw, num: protocol}
	s.Init(m.env, s)
	m.enter(s)
	s.attach()
	return s
}

// Raw reports whether the socket is one of SOCK_RAW.
func (s *Sock) Raw() bool { return s.raw }

// Bind chooses the protocol, unless it is 0, and the device of the frames that
// the socket gets (packet_do_bind). To a device that is down it succeeds, and
// the socket has the error ENETDOWN. Error: ENODEV.
func (s *Sock) Bind(a inet.LinkAddr) error {
	s.Lock()
	defer s.Unlock()
	d := s.m.env.Dev.ByIndex(a.IfIndex)
	switch {
	case s.Closed():
		return syscall.EBADF
	case d == nil && a.IfIndex != 0:
		return syscall.ENODEV
	}
	num := s.num
	if a.Protocol != 0 {
		num = a.Protocol
	}
	if num == s.num && a.IfIndex == int(s.ifindex.Load()) {
		return nil
	}
	s.detach()
	s.num = num
	s.ifindex.Store(int32(a.IfIndex))
	if tr := s.m.env.Trace; tr.On(trace.SockBind) {
		tr.Event(trace.SockBind, s.ID, 0, uint32(num), 0, 0)
	}
	if num != 0 && d != nil && !d.Up() {
		s.SetError(syscall.ENETDOWN)
		return nil
	}
	s.attach()
	return nil
}

// attach has the link layer show frames to the socket (register_prot_hook).
func (s *Sock) attach() {
	if s.hook != nil || s.num == 0 || s.Closed() {
		return
	}
	s.hook = &link.Tap{EtherType: s.num, Device: int(s.ifindex.Load()), Sock: s.ID, Look: s.receive}
	if s.num == AllProtocols {
		s.hook.EtherType = 0
	}
	s.m.link.AddTap(s.hook)
}

// detach undoes attach (unregister_prot_hook). A frame that is being shown may
// still be queued.
func (s *Sock) detach() {
	if s.hook != nil {
		s.m.link.RemoveTap(s.hook)
		s.hook = nil
	}
}

// Name is what the socket is bound to (packet_getname).
func (s *Sock) Name() inet.LinkAddr {
	s.Lock()
	defer s.Unlock()
	a := inet.LinkAddr{Protocol: s.num, IfIndex: int(s.ifindex.Load())}
	if d := s.device(); d != nil {
		a.HaType, a.HaLen = hardwareType(d), uint8(addrLen(d))
		copy(a.Addr[:a.HaLen], d.MAC[:])
	}
	return a
}

// device is the one that the socket is bound to, nil if none.
func (s *Sock) device() *netdev.Device { return s.m.env.Dev.ByIndex(int(s.ifindex.Load())) }

// Poll returns what the socket is ready for (packet_poll).
func (s *Sock) Poll() inet.Ready {
	s.Lock()
	defer s.Unlock()
	return s.ReadyFor()
}

// Waiting returns the length of the next frame in bytes, 0 if there is none
// (SIOCINQ).
func (s *Sock) Waiting() int {
	s.Lock()
	defer s.Unlock()
	return s.InQueue()
}

// Close ends the socket and its memberships (packet_release).
func (s *Sock) Close() {
	s.Lock()
	defer s.Unlock()
	if !s.End() {
		return
	}
	s.detach()
	s.m.leave(s)
	s.dropMemberships()
}
