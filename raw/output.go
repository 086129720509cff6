package raw

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/icmp"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/ipv4"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

const maxLen = 65535 // of a datagram, in bytes

// SendMsg sends a datagram (raw_sendmsg): to the address given, whose port means
// nothing, or, if that is the zero AddrPort, to the peer. data begins at the
// protocol's header, or, with IP_HDRINCL, at the IP header. Errors: EMSGSIZE,
// EOPNOTSUPP, EDESTADDRREQ, EINVAL (B4), EACCES for a broadcast address without
// SO_BROADCAST, ENETUNREACH (B12); with IP_HDRINCL also EPIPE and SO_ERROR.
func (s *Sock) SendMsg(m *inet.Message, flags int) (int, error) {
	s.Lock()
	defer s.Unlock()
	data := m.Data
	switch {
	case s.Closed():
		return 0, syscall.EBADF
	case len(data) > maxLen:
		return 0, syscall.EMSGSIZE
	case flags&inet.MsgOOB != 0:
		return 0, syscall.EOPNOTSUPP
	}
	dst, err := s.destination(m.Addr)
	if err != nil {
		return 0, err
	}
	c, err := s.control(m)
	if err != nil {
		return 0, err
	}
	hdrIncl := s.HdrIncl()
	if hdrIncl && len(s.Options.Egress().IPOptions)+len(c.Options) > 0 {
		return 0, syscall.EINVAL // the header is the user's, options and all
	}
	r, err := s.route(dst, c)
	if err != nil {
		return 0, err
	}
	if hdrIncl {
		err = s.sendWithHeader(data, r)
	} else {
		err = s.sendPayload(data, r, c, flags)
	}
	if err != nil {
		return 0, err
	}
	return len(data), nil
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
	s.asked.Options, err = s.m.ip.CompileOptions(c.Options[:min(len(c.Options), 40)])
	return &s.asked, err
}

func (s *Sock) destination(to netip.AddrPort) (netip.Addr, error) {
	switch {
	case to.IsValid() && !to.Addr().Is4():
		return netip.Addr{}, syscall.EAFNOSUPPORT
	case to.IsValid():
		return to.Addr(), nil
	case s.connected():
		return s.id.Load().peer, nil
	}
	return netip.Addr{}, syscall.EDESTADDRREQ
}

// route finds the way to dst. The header's destination, where the user writes
// one, has no say in it (B4).
func (s *Sock) route(dst netip.Addr, c *inet.Control) (*inet.Route, error) {
	if !dst.Is4() {
		return nil, syscall.EAFNOSUPPORT
	}
	s.FlowTo(&s.flow, dst, s.source, c, s.m.ip)
	r, err := s.m.ip.Route(&s.flow)
	if err == nil && r.Type == inet.Broadcast && !s.Options.Broadcast {
		return nil, syscall.EACCES
	}
	return r, err
}

// sendWithHeader sends a packet that has its IP header (raw_send_hdrinc).
func (s *Sock) sendWithHeader(data []byte, r *inet.Route) error {
	if err := s.m.ip.CheckRaw(data, r); err != nil {
		s.tooBig(err, r, r.Dev.MTU())
		return err
	}
	if err := s.MayWrite(); err != nil {
		return err
	}
	b := s.buffer(data, r, uint8(data[9]))
	if h := ipv4.Header(data); h.Valid() && h.Proto() == inet.ProtoICMP {
		s.countICMP(h[h.Len():])
	}
	return s.sent(s.m.ip.OutputRaw(b, r, s.Options.McastLoop), len(data))
}

// push sends a datagram under a header of the stack's (ip_push_pending_frames);
// it leaves in fragments where it must (B5). As on Linux neither shutdown nor
// SO_ERROR stops it.
func (s *Sock) push(data []byte, r *inet.Route, c *inet.Control) error {
	r, err := s.fillHeader(len(data), r, c)
	if err != nil {
		return err
	}
	b := s.buffer(data, r, s.header.Proto)
	b.SetTransport()
	if s.header.Proto == inet.ProtoICMP {
		s.countICMP(data)
	}
	return s.sent(s.m.ip.Output(b, r, &s.header), len(data))
}

// buffer is a packet of the user's bytes.
func (s *Sock) buffer(data []byte, r *inet.Route, proto uint8) *skb.Buffer {
	env := s.m.env
	b := env.Pool.New(len(data))
	b.Append(data)
	env.Trace.MarkSent(b, r.Src, r.Dst, proto)
	if b.Traced {
		env.Trace.Packet(trace.RawTx, b, trace.Addr(r.Dst), uint32(proto), verdict(s.HdrIncl()), 0)
	}
	return b
}

// tooBig tells who asked for all errors that a datagram did not fit
// (ip_local_error).
func (s *Sock) tooBig(err error, r *inet.Route, mtu int) {
	if err == syscall.EMSGSIZE {
		s.QueueLocalError(syscall.EMSGSIZE, netip.AddrPortFrom(r.Dst, s.port), mtu)
	}
}

// countICMP counts a message as icmp counts its own (icmp_out_count).
func (s *Sock) countICMP(message []byte) {
	if len(message) >= icmp.HeaderLen {
		s.m.icmp.CountOut(icmp.Header(message).Type())
	}
}

// sent counts what became of a datagram. That the device had no room is told
// only to who asked for all errors.
func (s *Sock) sent(err error, n int) error {
	env := s.m.env
	if err != nil {
		env.Stat.Inc(stat.IpOutDiscards)
		if err == syscall.ENOBUFS && !s.WantsErrors() {
			return nil
		}
		return err
	}
	if env.Trace.On(trace.SockWrite) {
		env.Trace.Event(trace.SockWrite, s.ID, uint32(n), 0, 0, 0)
	}
	return nil
}
