package udp

import (
	"errors"
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/checksum"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// SendMsg sends a datagram (udp_sendmsg): to the address given, or, if that is
// the zero AddrPort, to the peer. With MSG_MORE, or while UDP_CORK is set, the
// data waits and grows; see cork.go. Errors: EDESTADDRREQ, EMSGSIZE, EACCES for
// a broadcast address without SO_BROADCAST, EINVAL for an ancillary request
// that cannot be, ENETUNREACH, EPIPE, SO_ERROR.
func (s *Sock) SendMsg(m *inet.Message, flags int, pat *inet.Patience) (int, error) {
	s.Lock()
	defer s.Unlock()
	return s.send(m, flags, pat)
}

// SendMMsg sends many datagrams under one lock and hands them to the driver
// together (sendmmsg(2)). It returns how many were sent; the error is that of
// the first, nil if that was sent.
func (s *Sock) SendMMsg(ms []inet.Message, flags int, pat *inet.Patience) (int, error) {
	s.Lock()
	defer s.Unlock()
	for i := range ms {
		n, err := s.send(&ms[i], flags, pat)
		if err != nil {
			return inet.Many(i, err)
		}
		ms[i].N = n
	}
	return len(ms), nil
}

// send waits for room in the send buffer, for as long as the call may, and then
// asks all questions anew: meanwhile the socket was others'.
func (s *Sock) send(m *inet.Message, flags int, pat *inet.Patience) (int, error) {
	for {
		n, err := s.trySend(m, flags)
		if err != errNoSpace {
			return n, err
		}
		if flags&inet.MsgDontWait != 0 {
			pat.NonBlock = true
		}
		if err := s.AwaitSpace(pat); err != nil {
			s.cork.flush()
			return 0, err
		}
	}
}

// errNoSpace is what trySend returns, with nothing done, where the send buffer
// is full.
var errNoSpace = errors.New("udp: the send buffer is full")

func (s *Sock) trySend(m *inet.Message, flags int) (int, error) {
	switch {
	case s.closed:
		return 0, syscall.EBADF
	case len(m.Data) > 0xffff:
		return 0, syscall.EMSGSIZE
	case flags&inet.MsgOOB != 0:
		return 0, syscall.EOPNOTSUPP
	case s.flowEnded() != nil:
		return 0, s.flowEnded()
	case s.cork.open:
		return s.append(m.Data, flags)
	}
	c, err := s.control(m)
	if err != nil {
		return 0, err
	}
	r, to, err := s.destination(m.Addr, c)
	if err != nil {
		return 0, err
	}
	if err := s.autobind(); err != nil {
		return 0, err
	}
	if s.corks(flags) {
		s.cork.begin(r, to, c)
		return s.append(m.Data, flags)
	}
	if err := s.transmit(m.Data, to, r, c); err != nil {
		return 0, err
	}
	return len(m.Data), nil
}

// control is what the message asks for; its segments have the socket's size
// unless it has one of its own.
func (s *Sock) control(m *inet.Message) (*inet.Control, error) {
	if !m.Control.Valid() {
		return nil, syscall.EINVAL
	}
	s.asked = m.Control
	if s.asked.SegmentSize == 0 {
		s.asked.SegmentSize = s.segment
	}
	if s.asked.Options == nil {
		return &s.asked, nil
	}
	var err error
	s.asked.Options, err = s.m.net.CompileOptions(s.asked.Options[:min(len(s.asked.Options), 40)])
	return &s.asked, err
}

// destination is the route and the address to send to.
func (s *Sock) destination(to netip.AddrPort, c *inet.Control) (*inet.Route, netip.AddrPort, error) {
	id := s.identity()
	if to.IsValid() && to != id.peer {
		if to.Port() == 0 {
			return nil, to, syscall.EINVAL
		}
		r, err := s.lookupRoute(to.Addr(), id.local.Addr(), c)
		return r, to, err
	}
	if !id.peer.IsValid() {
		return nil, to, syscall.EDESTADDRREQ
	}
	own := c.Device == 0 && !c.Source.IsValid() && !c.HasTOS
	if own && s.route.Valid() {
		return s.route, id.peer, nil
	}
	r, err := s.lookupRoute(id.peer.Addr(), id.local.Addr(), c)
	if err == nil && own {
		s.route = r
	}
	return r, id.peer, err
}

func (s *Sock) lookupRoute(dst, src netip.Addr, c *inet.Control) (*inet.Route, error) {
	if !dst.Is4() {
		return nil, syscall.EAFNOSUPPORT
	}
	s.FlowTo(&s.flow, dst, src, c, s.m.net)
	r, err := s.m.net.Route(&s.flow)
	if err != nil {
		return nil, err
	}
	if r.Type == inet.Broadcast && !s.Options.Broadcast {
		return nil, syscall.EACCES // B12
	}
	return r, nil
}

// ready reports why nothing can be sent: the error that waits, or the shutdown
// (sock_alloc_send_pskb).
func (s *Sock) ready() error {
	if err := s.TakeError(); err != nil {
		return err
	}
	if s.shutWrite {
		return syscall.EPIPE
	}
	return nil
}

// transmit builds the datagram, or the datagrams of a segment size, and hands
// them to the network layer.
func (s *Sock) transmit(data []byte, to netip.AddrPort, r *inet.Route, c *inet.Control) error {
	gso, largest, err := s.segments(len(data), c)
	if err != nil {
		return err
	}
	s.header.Proto = inet.ProtoUDP
	failed := netip.AddrPortFrom(to.Addr(), s.identity().peer.Port()) // as an error of ours names it (inet_dport)
	if r, err = s.HeaderTo(&s.header, r, HeaderLen+largest, failed, c, s.m.net); err != nil {
		return err
	}
	if gso > 1 && s.m.net.HeaderLen()+len(s.header.Options)+HeaderLen+largest > r.MTU {
		return syscall.EMSGSIZE
	}
	if err := s.ready(); err != nil {
		return err
	}
	if !s.cork.open && !s.MaySend() {
		return errNoSpace
	}
	b := s.build(data, to, r)
	s.ChargeSend(b)
	if gso > 1 {
		b.GSO, b.GSOSize, b.GSOSegs = skb.GSOUDPv4, uint16(largest), uint16(gso)
	}
	return s.sent(s.m.net.Output(b, r, &s.header), len(data), gso)
}

// maxSegments is how many datagrams one send may become (UDP_MAX_SEGMENTS).
const maxSegments = 128

// segments is how many datagrams the data makes, and the payload of the
// largest (UDP_SEGMENT). Error: EINVAL for too many, or without checksums.
func (s *Sock) segments(n int, c *inet.Control) (count, largest int, err error) {
	size := c.SegmentSize
	if size == 0 || n <= size {
		return 1, n, nil
	}
	if n > size*maxSegments || s.Options.NoChecksum {
		return 0, 0, syscall.EINVAL
	}
	return (n + size - 1) / size, size, nil
}

func (s *Sock) build(data []byte, to netip.AddrPort, r *inet.Route) *skb.Buffer {
	env, port := s.m.env, s.identity().local.Port()
	length := HeaderLen + len(data)
	b := env.Pool.New(length)
	uh := Header(b.Put(HeaderLen))
	b.Append(data)
	sum := uint16(0)
	if !s.Options.NoChecksum {
		sum = checksum.PseudoHeader(r.Src, r.Dst, inet.ProtoUDP, length)
		b.Csum, b.CsumOffset = skb.CsumPartial, offChecksum
	}
	uh.encode(port, to.Port(), length, sum)
	b.SetTransport()
	env.Trace.MarkSent(b, r.Src, r.Dst, inet.ProtoUDP)
	if b.Traced {
		env.Trace.Packet(trace.UDPTx, b, trace.Addr(r.Src), trace.Addr(r.Dst), uint32(port)<<16|uint32(to.Port()), uint32(length))
	}
	return b
}

// sent counts what became of n bytes in datagrams. That the device had no room
// is told only to who asked for all errors: a network may lose a datagram
// anywhere (udp_send_skb).
func (s *Sock) sent(err error, n, datagrams int) error {
	env := s.m.env
	if err == syscall.ENOBUFS && !s.WantsErrors() {
		env.Stat.Inc(stat.UdpSndbufErrors)
		return nil
	}
	if err != nil {
		return err
	}
	env.Stat.Add(stat.UdpOutDatagrams, datagrams)
	if s.forwarded != nil {
		s.forwarded.touch(env.Clock.Now())
	}
	if env.Trace.On(trace.SockWrite) {
		env.Trace.Event(trace.SockWrite, s.ID, uint32(n), 0, 0, 0)
	}
	return nil
}
