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

// Send sends a datagram (raw_sendmsg): to the address given, whose port means
// nothing, or, if that is the zero AddrPort, to the peer. data begins at the
// protocol's header, or, with IP_HDRINCL, at the IP header. Errors: EMSGSIZE,
// EOPNOTSUPP, EDESTADDRREQ, EINVAL (B4), EACCES for a broadcast address without
// SO_BROADCAST, ENETUNREACH (B12), EPIPE, SO_ERROR.
func (s *Sock) Send(data []byte, to netip.AddrPort, flags int) (int, error) {
	s.Lock()
	defer s.Unlock()
	switch {
	case s.Closed():
		return 0, syscall.EBADF
	case len(data) > maxLen:
		return 0, syscall.EMSGSIZE
	case flags&(inet.MsgOOB|inet.MsgMore) != 0: // no urgent data, no corking
		return 0, syscall.EOPNOTSUPP
	}
	dst, err := s.destination(to)
	if err != nil {
		return 0, err
	}
	hdrIncl := s.HdrIncl()
	if hdrIncl && len(s.Options.IPOptions) > 0 {
		return 0, syscall.EINVAL // the header is the user's, options and all
	}
	r, err := s.route(dst)
	if err != nil {
		return 0, err
	}
	if hdrIncl {
		err = s.sendWithHeader(data, r)
	} else {
		err = s.sendPayload(data, r)
	}
	if err != nil {
		return 0, err
	}
	return len(data), nil
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
func (s *Sock) route(dst netip.Addr) (*inet.Route, error) {
	if !dst.Is4() {
		return nil, syscall.EAFNOSUPPORT
	}
	s.flow = inet.Flow{Dst: dst, Src: s.source, Device: s.Options.Device, TOS: s.Options.TOS}
	if dst.IsMulticast() && s.flow.Device == 0 {
		s.flow.Device = s.Options.McastIf
	}
	r, err := s.m.ip.Route(&s.flow)
	if err == nil && r.Type == inet.Broadcast && !s.Options.Broadcast {
		return nil, syscall.EACCES
	}
	return r, err
}

// sendWithHeader sends a packet that has its IP header (raw_send_hdrinc).
func (s *Sock) sendWithHeader(data []byte, r *inet.Route) error {
	if err := ipv4.CheckRaw(data, r); err != nil {
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

// sendPayload sends a datagram under a header of the stack's (ip_append_data,
// ip_push_pending_frames); it leaves in fragments where it must (B5).
func (s *Sock) sendPayload(data []byte, r *inet.Route) error {
	limit, r := s.fillHeader(r, len(data))
	if len(data) > limit {
		s.tooBig(syscall.EMSGSIZE, r, r.MTU-len(s.header.Options))
		return syscall.EMSGSIZE
	}
	if err := s.MayWrite(); err != nil {
		return err
	}
	b := s.buffer(data, r, s.header.Proto)
	b.SetTransport()
	if s.header.Proto == inet.ProtoICMP {
		s.countICMP(data)
	}
	return s.sent(s.m.ip.Output(b, r, &s.header), len(data))
}

// fillHeader decides the network header, and returns how many bytes may follow
// it and the route to send by. DF follows IP_MTU_DISCOVER, and is not set on
// what must be fragmented unless the user insists; a probe goes as far as the
// device lets it (ip(7)).
func (s *Sock) fillHeader(r *inet.Route, length int) (int, *inet.Route) {
	o, h := &s.Options, &s.header
	*h = inet.Header{Proto: uint8(s.protocol), TTL: o.TTL, TOS: o.TOS, Options: o.IPOptions, Loop: true}
	hlen := s.m.ip.HeaderLen() + len(h.Options)
	limit := maxLen
	switch o.MTUDiscover {
	case inet.PMTUDo:
		h.DF, limit = true, r.MTU
	case inet.PMTUProbe:
		probe := *r
		probe.MTU = r.Dev.MTU()
		h.DF, limit, r = true, probe.MTU, &probe
	case inet.PMTUWant:
		h.DF = hlen+length <= r.MTU
	}
	if r.Type == inet.Multicast {
		h.TTL, h.Loop = o.McastTTL, o.McastLoop
	}
	return limit - hlen, r
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
