package udp

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/checksum"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// Send sends a datagram (udp_sendmsg): to the address given, or, if that is
// the zero AddrPort, to the peer. Errors: EDESTADDRREQ, EMSGSIZE, EACCES for a
// broadcast address without SO_BROADCAST, ENETUNREACH, EPIPE, SO_ERROR.
func (s *Sock) Send(data []byte, to netip.AddrPort, _ int) (int, error) {
	s.Lock()
	defer s.Unlock()
	switch {
	case s.closed:
		return 0, syscall.EBADF
	case s.shutWrite:
		return 0, syscall.EPIPE
	case len(data) > MaxPayload:
		return 0, syscall.EMSGSIZE
	}
	if err := s.TakeError(); err != nil {
		return 0, err
	}
	r, to, err := s.destination(to)
	if err != nil {
		return 0, err
	}
	if err := s.autobind(); err != nil {
		return 0, err
	}
	if err := s.transmit(data, to, r); err != nil {
		return 0, err
	}
	return len(data), nil
}

// destination is the route and the address to send to.
func (s *Sock) destination(to netip.AddrPort) (*inet.Route, netip.AddrPort, error) {
	id := s.identity()
	if to.IsValid() && to != id.peer {
		if to.Port() == 0 {
			return nil, to, syscall.EINVAL
		}
		r, err := s.lookupRoute(to.Addr(), id.local.Addr())
		return r, to, err
	}
	if !id.peer.IsValid() {
		return nil, to, syscall.EDESTADDRREQ
	}
	if s.route.Valid() {
		return s.route, id.peer, nil
	}
	r, err := s.lookupRoute(id.peer.Addr(), id.local.Addr())
	if err == nil {
		s.route = r
	}
	return r, id.peer, err
}

func (s *Sock) lookupRoute(dst, src netip.Addr) (*inet.Route, error) {
	if !dst.Is4() {
		return nil, syscall.EAFNOSUPPORT
	}
	if src.IsValid() && (src.IsUnspecified() || s.m.net.Kind(src) != inet.Local) {
		src = netip.Addr{}
	}
	device := s.Options.Device
	if device == 0 && dst.IsMulticast() {
		device = s.Options.McastIf
	}
	s.flow = inet.Flow{Dst: dst, Src: src, Device: device, TOS: s.Options.TOS}
	r, err := s.m.net.Route(&s.flow)
	if err != nil {
		return nil, err
	}
	if r.Type == inet.Broadcast && !s.Options.Broadcast {
		return nil, syscall.EACCES // B12
	}
	return r, nil
}

// transmit builds the datagram and hands it to the network layer.
func (s *Sock) transmit(data []byte, to netip.AddrPort, r *inet.Route) error {
	env := s.m.env
	length := HeaderLen + len(data)
	r = s.fillHeader(r, length)
	b := env.Pool.New(length)
	uh := Header(b.Put(HeaderLen))
	b.Append(data)
	uh.encode(s.identity().local.Port(), to.Port(), length, checksum.PseudoHeader(r.Src, r.Dst, inet.ProtoUDP, length))
	b.SetTransport()
	b.Csum, b.CsumOffset = skb.CsumPartial, offChecksum
	env.Trace.MarkSent(b, r.Src, r.Dst, inet.ProtoUDP)
	if b.Traced {
		env.Trace.Packet(trace.UDPTx, b, trace.Addr(r.Src), trace.Addr(r.Dst),
			uint32(s.identity().local.Port())<<16|uint32(to.Port()), uint32(length))
	}
	return s.sent(s.m.net.Output(b, r, &s.header), len(data))
}

// sent counts what became of a datagram. That the device had no room is told
// only to who asked for all errors: a network may lose a datagram anywhere
// (udp_send_skb).
func (s *Sock) sent(err error, n int) error {
	env := s.m.env
	if err == syscall.ENOBUFS && !s.WantsErrors() {
		env.Stat.Inc(stat.UdpSndbufErrors)
		return nil
	}
	if err != nil {
		return err
	}
	env.Stat.Inc(stat.UdpOutDatagrams)
	if env.Trace.On(trace.SockWrite) {
		env.Trace.Event(trace.SockWrite, s.ID, uint32(n), 0, 0, 0)
	}
	return nil
}

// fillHeader decides the network header and returns the route to send by. DF
// follows IP_MTU_DISCOVER, and is not set on what must be fragmented unless the
// user insists; a probe goes as far as the device lets it (ip(7)).
func (s *Sock) fillHeader(r *inet.Route, length int) *inet.Route {
	o, h := &s.Options, &s.header
	*h = inet.Header{Proto: inet.ProtoUDP, TTL: o.TTL, TOS: o.TOS, Options: o.IPOptions, Loop: true}
	switch o.MTUDiscover {
	case inet.PMTUDo:
		h.DF = true
	case inet.PMTUProbe:
		h.DF = true
		probe := *r
		probe.MTU = r.Dev.MTU()
		r = &probe
	case inet.PMTUWant:
		h.DF = length+s.m.net.HeaderLen() <= r.MTU
	}
	if r.Type == inet.Multicast {
		h.TTL, h.Loop = o.McastTTL, o.McastLoop
	}
	return r
}
