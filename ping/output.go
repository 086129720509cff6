package ping

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/icmp"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/trace"
)

const maxLen = 65535 // of a message, in bytes

// SendMsg sends an echo request (ping_v4_sendmsg): to the address given, whose
// port means nothing, or, if that is the zero AddrPort, to the peer. The data is
// the ICMP header, of which type, code and sequence number count, and the
// payload. Errors: EINVAL for anything but an echo request, EMSGSIZE,
// EOPNOTSUPP, EDESTADDRREQ, EACCES for a broadcast address without SO_BROADCAST,
// ENETUNREACH, EPIPE, SO_ERROR.
func (s *Sock) SendMsg(m *inet.Message, flags int) (int, error) {
	s.Lock()
	defer s.Unlock()
	if err := s.register(0); err != nil {
		return 0, err
	}
	switch {
	case len(m.Data) > maxLen:
		return 0, syscall.EMSGSIZE
	case len(m.Data) < icmp.HeaderLen:
		return 0, syscall.EINVAL
	case flags&inet.MsgOOB != 0:
		return 0, syscall.EOPNOTSUPP
	case !icmp.EchoRequest(m.Data):
		return 0, syscall.EINVAL
	}
	to, err := s.destination(m.Addr)
	if err != nil {
		return 0, err
	}
	c, err := s.control(m)
	if err != nil {
		return 0, err
	}
	if err := s.send(m.Data, to, c); err != nil {
		return 0, err
	}
	return len(m.Data), nil
}

func (s *Sock) destination(to netip.AddrPort) (netip.AddrPort, error) {
	switch {
	case to.IsValid() && !to.Addr().Is4():
		return to, syscall.EAFNOSUPPORT
	case to.IsValid():
		return to, nil
	case s.connected():
		return s.peer, nil
	}
	return to, syscall.EDESTADDRREQ
}

// control is what the message asks for. Error: EINVAL.
func (s *Sock) control(m *inet.Message) (*inet.Control, error) {
	c := &m.Control
	if !c.Valid() {
		return nil, syscall.EINVAL
	}
	if c.Options == nil {
		return c, nil
	}
	s.asked = *c
	var err error
	s.asked.Options, err = s.m.ip.CompileOptions(c.Options)
	return &s.asked, err
}

// send finds the way and sends.
func (s *Sock) send(message []byte, to netip.AddrPort, c *inet.Control) error {
	r, err := s.route(to.Addr(), c)
	if err != nil {
		return err
	}
	r, err = s.HeaderTo(&s.header, r, len(message), to, c, s.m.ip)
	if err != nil {
		return err
	}
	if err := s.MayWrite(); err != nil {
		return err
	}
	err = s.m.icmp.SendEcho(&s.pinger, r, message, &s.header)
	if err == syscall.ENOBUFS && !s.WantsErrors() {
		return nil // a network may lose a packet anywhere
	}
	if tr := s.m.env.Trace; err == nil && tr.On(trace.SockWrite) {
		tr.Event(trace.SockWrite, s.ID, uint32(len(message)), 0, 0, 0)
	}
	return err
}

func (s *Sock) route(dst netip.Addr, c *inet.Control) (*inet.Route, error) {
	if !dst.Is4() {
		return nil, syscall.EAFNOSUPPORT
	}
	s.FlowTo(&s.flow, dst, s.id.Load().local, c, s.m.ip)
	r, err := s.m.ip.Route(&s.flow)
	if err == nil && r.Type == inet.Broadcast && !s.Options.Broadcast {
		return nil, syscall.EACCES
	}
	return r, err
}
