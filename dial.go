package ministack

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"github.com/slankdev/ministack/socket"
)

// backlog is what Listen asks for; net.core.somaxconn bounds it.
const backlog = 4096

// transport is what a network name means.
type transport struct {
	name          string
	typ, protocol int
}

func transportOf(network string) (transport, error) {
	switch network {
	case "tcp", "tcp4":
		return transport{"tcp", socket.SOCK_STREAM, socket.IPPROTO_TCP}, nil
	case "udp", "udp4":
		return transport{"udp", socket.SOCK_DGRAM, socket.IPPROTO_UDP}, nil
	}
	if t, ok := rawTransport(network); ok {
		return t, nil
	}
	return transport{}, net.UnknownNetworkError(network)
}

// parse reads an address as the transport has them: host:port, or a host only
// where there are no ports. The port is a number or a well-known name.
func (t transport) parse(address string) (netip.AddrPort, error) {
	if t.typ == socket.SOCK_RAW {
		return parseHost(address, 0)
	}
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := portOf(t.name, service)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return parseHost(host, port)
}

// parseHost reads an IPv4 address, "localhost", or nothing for any.
func parseHost(host string, port uint16) (netip.AddrPort, error) {
	switch host {
	case "":
		return netip.AddrPortFrom(netip.IPv4Unspecified(), port), nil
	case "localhost":
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port), nil
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, &net.DNSError{Err: "only addresses are dialled: the stack resolves no names", Name: host, IsNotFound: true}
	}
	a = a.Unmap()
	if !a.Is4() {
		return netip.AddrPort{}, &net.AddrError{Err: "not an IPv4 address", Addr: host}
	}
	return netip.AddrPortFrom(a, port), nil
}

// services are the names that people type; the stack reads no /etc/services.
func portOf(network, service string) (uint16, error) {
	switch service {
	case "":
		return 0, nil
	case "http":
		return 80, nil
	case "https":
		return 443, nil
	case "domain":
		return 53, nil
	}
	n, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return 0, &net.AddrError{Err: "unknown port", Addr: network + "/" + service}
	}
	return uint16(n), nil
}

// Dial connects to an address; see DialContext.
func (s *Stack) Dial(network, address string) (net.Conn, error) {
	return s.DialContext(context.Background(), network, address)
}

// DialContext connects to an address, which is given as host:port with an IPv4
// address or "localhost", without a port for raw sockets. Networks: tcp, tcp4,
// udp, udp4, and "ip4:" or "ip:" with a protocol's number or name. Errors are
// *net.OpError and unwrap to the errno of connect(2), or to the context's.
func (s *Stack) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	t, err := transportOf(network)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	to, err := t.parse(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return s.dial(ctx, t, netip.AddrPort{}, to)
}

// dial connects a new socket to an address, from another if that is valid.
func (s *Stack) dial(ctx context.Context, t transport, from, to netip.AddrPort) (net.Conn, error) {
	source, addr := t.addr(from), t.addr(to)
	k, err := s.Socket(socket.AF_INET, t.typ, t.protocol)
	if err != nil {
		return nil, opError("dial", t.name, nil, source, addr, err)
	}
	if t.typ == socket.SOCK_STREAM {
		err = noDelay(k)
	}
	if err == nil {
		err = bindTo(k, from)
	}
	if err == nil {
		err = s.connect(ctx, k, to)
	}
	if err != nil {
		return nil, abandon(ctx, k, t.name, source, addr, err)
	}
	return s.wrap(k, t), nil
}

// wrap makes of a connected socket what package net would.
func (s *Stack) wrap(k *socket.Socket, t transport) net.Conn {
	switch t.typ {
	case socket.SOCK_DGRAM:
		return s.newPacketConn(k)
	case socket.SOCK_RAW:
		return s.newIPConn(k, t.name)
	}
	return s.ready(k)
}

// bindTo binds a socket that is to have a certain local name.
func bindTo(k *socket.Socket, from netip.AddrPort) error {
	if !from.Addr().IsValid() {
		return nil
	}
	return k.Bind(from)
}

// abandon closes a socket that could not be connected, and says why: the end of
// the context counts more than what it did to the socket.
func abandon(ctx context.Context, k *socket.Socket, network string, source, addr net.Addr, err error) error {
	_ = k.Close() // the error of connect is the one to report
	if ctx.Err() != nil {
		return &net.OpError{Op: "dial", Net: network, Source: source, Addr: addr, Err: ctx.Err()}
	}
	return opError("dial", network, k, source, addr, err)
}

// connect waits for the connection, or for the end of the context, which closes
// the socket.
func (s *Stack) connect(ctx context.Context, k *socket.Socket, to netip.AddrPort) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if ctx.Done() == nil { // it never ends
		return k.Connect(to)
	}
	stop := context.AfterFunc(ctx, func() { _ = k.Close() })
	err := k.Connect(to)
	if !stop() && err == nil {
		return ctx.Err() // the socket is being closed
	}
	return err
}

func (t transport) addr(a netip.AddrPort) net.Addr {
	if !a.IsValid() {
		return nil
	}
	switch t.typ {
	case socket.SOCK_DGRAM:
		return net.UDPAddrFromAddrPort(a)
	case socket.SOCK_RAW:
		return ipAddr(a.Addr())
	}
	return tcpAddr(a)
}

// bind makes a socket with a local name, a stream or anything else.
func (s *Stack) bind(network, address string, stream bool) (*socket.Socket, transport, error) {
	t, err := transportOf(network)
	if err == nil && (t.typ == socket.SOCK_STREAM) != stream {
		err = net.UnknownNetworkError(network)
	}
	if err != nil {
		return nil, t, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	at, err := t.parse(address)
	if err != nil {
		return nil, t, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	k, err := s.Socket(socket.AF_INET, t.typ, t.protocol)
	if err != nil {
		return nil, t, opError("listen", t.name, nil, nil, t.addr(at), err)
	}
	if stream {
		if err = noDelay(k); err == nil {
			err = k.Setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		}
	}
	if err == nil {
		err = k.Bind(at)
	}
	if err == nil && stream {
		err = k.Listen(backlog)
	}
	if err != nil {
		_ = k.Close() // the first error is the one to report
		return nil, t, opError("listen", t.name, nil, nil, t.addr(at), err)
	}
	return k, t, nil
}

// Listen accepts TCP connections at an address, host:port; an empty host is
// any, port 0 is chosen. Errors unwrap to those of bind(2) and listen(2).
func (s *Stack) Listen(network, address string) (net.Listener, error) {
	k, _, err := s.bind(network, address, true)
	if err != nil {
		return nil, err
	}
	n := &names{network: "tcp"}
	if a, err := k.Getsockname(); err == nil {
		n.local = tcpAddr(a)
	}
	l := &Listener{stack: s}
	l.init(k, n)
	return l, nil
}

// ListenPacket receives UDP datagrams at an address, host:port, or those of an
// IP protocol ("ip4:icmp", "ip4:253") at a host: an *IPConn; see Listen.
func (s *Stack) ListenPacket(network, address string) (net.PacketConn, error) {
	k, t, err := s.bind(network, address, false)
	if err != nil {
		return nil, err
	}
	if t.typ == socket.SOCK_RAW {
		return s.newIPConn(k, t.name), nil
	}
	return s.newPacketConn(k), nil
}

// errDeadline is what a call returns whose deadline has passed before it
// began, unless the socket is closed, which counts more.
func errDeadline(k *socket.Socket) error {
	if _, err := k.Getsockname(); err != nil {
		return err
	}
	return syscall.EAGAIN
}
