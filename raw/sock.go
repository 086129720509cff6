package raw

import (
	"net/netip"
	"sync/atomic"
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/trace"
)

// Sock is a raw socket (struct raw_sock).
type Sock struct {
	inet.Datagram
	m        *Module
	protocol int
	id       atomic.Pointer[identity]
	filter   filter
	hdrIncl  atomic.Bool // IP_HDRINCL; ICMP errors read it without the lock

	source netip.Addr // to send from, the zero Addr: the route chooses
	port   uint16     // of the peer's name; it means nothing

	reported atomic.Pointer[inet.Error] // by ICMP, not looked at yet

	flow   inet.Flow   // what the last call asked a route for,
	header inet.Header // and the network header that it sent
	asked  inet.Control
	cork   corked
}

// NewSock returns a socket that receives the protocol's datagrams from now on
// (inet_create, raw_sk_init). IPPROTO_RAW turns IP_HDRINCL on (B2).
func (m *Module) NewSock(protocol int) *Sock {
	s := &Sock{m: m, protocol: protocol}
	s.Init(m.env, s)
	s.Options.ReuseAddr = true // INET_PROTOSW_REUSE; it means nothing here
	s.id.Store(&identity{})
	s.hdrIncl.Store(protocol == inet.ProtoRaw)
	m.table.add(s)
	return s
}

// Protocol is what the socket receives, and sends unless the header is the
// user's.
func (s *Sock) Protocol() int { return s.protocol }

// HdrIncl and SetHdrIncl are IP_HDRINCL: the user writes the IP header.
func (s *Sock) HdrIncl() bool { return s.hdrIncl.Load() }

// SetHdrIncl sets IP_HDRINCL; see HdrIncl.
func (s *Sock) SetHdrIncl(on bool) { s.hdrIncl.Store(on) }

func (s *Sock) connected() bool { return s.id.Load().peer.IsValid() }

// Names returns the local and the peer's address. The local port is the
// protocol, as on Linux, while the socket may receive; the peer's is what
// connect was given.
func (s *Sock) Names() (local, peer netip.AddrPort) {
	id := s.id.Load()
	port, addr := uint16(s.protocol), netip.IPv4Unspecified()
	if id.deaf {
		port = 0
	}
	if id.local.IsValid() {
		addr = id.local
	}
	local = netip.AddrPortFrom(addr, port)
	if id.peer.IsValid() {
		peer = netip.AddrPortFrom(id.peer, s.port)
	}
	return local, peer
}

// Bind has the socket receive only what is sent to the address, and send from
// it if it is a host's (raw_bind). The port means nothing. Errors: EINVAL once
// connected, EADDRNOTAVAIL (B12), EAFNOSUPPORT.
func (s *Sock) Bind(a netip.AddrPort) error {
	s.Lock()
	defer s.Unlock()
	addr := a.Addr()
	switch {
	case s.Closed():
		return syscall.EBADF
	case s.connected():
		return syscall.EINVAL
	case addr.IsValid() && !addr.Is4():
		return syscall.EAFNOSUPPORT
	}
	id := *s.id.Load()
	id.local, s.source = netip.Addr{}, netip.Addr{}
	if addr.IsValid() && !addr.IsUnspecified() {
		switch s.m.ip.Kind(addr) {
		case inet.Unicast:
			return syscall.EADDRNOTAVAIL
		case inet.Local:
			s.source = addr
		}
		id.local = addr
	}
	s.id.Store(&id)
	if tr := s.m.env.Trace; tr.On(trace.SockBind) {
		tr.Event(trace.SockBind, s.ID, trace.Addr(addr), uint32(s.protocol), 0, 0)
	}
	return nil
}

// Connect names the peer: only its datagrams are received, its ICMP errors are
// reported, and Send needs no address (ip4_datagram_connect). The zero AddrPort
// undoes it. Errors: ENETUNREACH, EACCES for a broadcast address without
// SO_BROADCAST, EAFNOSUPPORT.
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
	r, err := s.route(to.Addr(), &inet.Control{})
	if err != nil {
		return err
	}
	id := *s.id.Load()
	id.peer, s.port = r.Dst, to.Port()
	if !s.source.IsValid() {
		s.source = r.Src
	}
	if !id.local.IsValid() {
		id.local = r.Src
	}
	s.id.Store(&id)
	if tr := s.m.env.Trace; tr.On(trace.SockConnect) {
		tr.Event(trace.SockConnect, s.ID, trace.Addr(to.Addr()), uint32(to.Port()), 0, 0)
	}
	return nil
}

// disconnect takes the names away, and with them what Bind and SO_BINDTODEVICE
// had asked for. As on Linux the socket receives nothing from now on, even
// connected again: it has left the table, and only a new one comes into it
// (__udp_disconnect, which keeps a name that the user had bound; a raw socket's
// bind never says that he did).
func (s *Sock) disconnect() {
	s.m.table.remove(s)
	s.source, s.port, s.Options.Device = netip.Addr{}, 0, 0
	s.id.Store(&identity{deaf: true})
}

// SetDevice binds the socket to a device, 0 for none (SO_BINDTODEVICE).
func (s *Sock) SetDevice(index int) {
	s.Lock()
	defer s.Unlock()
	id := *s.id.Load()
	s.Options.Device, id.device = index, index
	s.id.Store(&id)
}

// RecvMsg takes the oldest datagram off the queue, from its IP header on
// (raw_recvmsg, B6); what m.Data does not hold of it is lost. Errors: EOPNOTSUPP
// for MSG_OOB, EAGAIN, SO_ERROR.
func (s *Sock) RecvMsg(m *inet.Message, flags int, pat *inet.Patience) (int, error) {
	s.Lock()
	defer s.Unlock()
	if flags&inet.MsgOOB != 0 {
		return 0, syscall.EOPNOTSUPP
	}
	b, err := s.Next(pat)
	if b == nil {
		return m.Filled(0, 0, flags), err
	}
	length := b.Len()
	m.Addr, m.Ancillary = netip.AddrPortFrom(b.Net.Src, 0), s.Ancillary(b, s.m.ip)
	return m.Filled(s.Read(b, m.Data, flags), length, flags), nil
}

// Pending returns the length of the next datagram (SIOCINQ).
func (s *Sock) Pending() int {
	s.Lock()
	defer s.Unlock()
	return s.InQueue()
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

// Released has nothing to do; see inet.Handler.
func (s *Sock) Released() {}

// Close takes the socket out of the table and drops what was not read
// (raw_close).
func (s *Sock) Close() error {
	s.Lock()
	defer s.Unlock()
	if s.End() {
		s.m.table.remove(s)
		s.cork.flush()
	}
	return nil
}
