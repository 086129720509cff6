package ministack

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"github.com/slankdev/ministack/ipv4"
	"github.com/slankdev/ministack/socket"
)

// IPConn is a raw socket as a net.PacketConn and, if it has a peer, as a
// net.Conn, with the ways of net.IPConn: ReadFrom gives what follows the IP
// header, Read the header as well.
type IPConn struct{ endpoint }

var (
	_ net.PacketConn = (*IPConn)(nil)
	_ net.Conn       = (*IPConn)(nil)
)

// newIPConn wraps a raw socket, with or without a peer.
func (s *Stack) newIPConn(k *socket.Socket, network string) *IPConn {
	n := &names{network: network}
	if a, err := k.Getsockname(); err == nil {
		n.local = ipAddr(a.Addr())
	}
	if _, peer := k.Ops().Names(); peer.IsValid() {
		n.remote = ipAddr(peer.Addr())
	}
	p := new(IPConn)
	p.init(k, n)
	return p
}

// rawTransport reads "ip4:icmp", "ip:1" and the like.
func rawTransport(network string) (transport, bool) {
	family, protocol, ok := strings.Cut(network, ":")
	if !ok || family != "ip" && family != "ip4" {
		return transport{}, false
	}
	n, ok := protocolNumber(protocol)
	return transport{network, socket.SOCK_RAW, n}, ok
}

// protocolNumber knows the names that package net knows without /etc/protocols.
func protocolNumber(name string) (int, bool) {
	switch strings.ToLower(name) {
	case "icmp":
		return socket.IPPROTO_ICMP, true
	case "igmp":
		return 2, true
	case "tcp":
		return socket.IPPROTO_TCP, true
	case "udp":
		return socket.IPPROTO_UDP, true
	}
	n, err := strconv.Atoi(name)
	return n, err == nil
}

// Read reads one datagram from its IP header on; what b does not hold of it is
// lost.
func (p *IPConn) Read(b []byte) (int, error) {
	n, _, err := p.read(b)
	return n, err
}

func (p *IPConn) read(b []byte) (int, netip.AddrPort, error) {
	if read, _ := p.s.Deadlines(); read {
		return 0, netip.AddrPort{}, p.fail("read", errDeadline(p.s))
	}
	n, a, err := p.s.RecvFrom(b, 0)
	return n, a, p.fail("read", err)
}

// ReadFrom reads what one datagram has behind its IP header, and says from
// whom. b must have room for the header as well.
func (p *IPConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, a, err := p.read(b)
	if err != nil {
		return 0, nil, err
	}
	return withoutHeader(b, n), ipAddr(a.Addr()), nil
}

// withoutHeader moves what follows the IP header of b's first n bytes to the
// front, and returns how many bytes that are.
func withoutHeader(b []byte, n int) int {
	h := ipv4.Header(b[:n])
	if !h.Valid() {
		return n
	}
	return copy(b, h[h.Len():])
}

// Write sends one datagram to the peer; b is what follows the IP header.
func (p *IPConn) Write(b []byte) (int, error) {
	if _, write := p.s.Deadlines(); write {
		return 0, p.fail("write", errDeadline(p.s))
	}
	n, err := p.s.Send(b, 0)
	return n, p.fail("write", err)
}

// WriteTo sends one datagram to an address, a *net.IPAddr; b is what follows
// the IP header.
func (p *IPConn) WriteTo(b []byte, to net.Addr) (int, error) {
	a, ok := to.(*net.IPAddr)
	if !ok || a == nil {
		return 0, p.fail("write", syscall.EINVAL)
	}
	if p.RemoteAddr() != nil {
		return 0, p.fail("write", net.ErrWriteToConnected)
	}
	if _, write := p.s.Deadlines(); write {
		return 0, p.fail("write", errDeadline(p.s))
	}
	dst, ok := netip.AddrFromSlice(a.IP)
	if !ok {
		return 0, p.fail("write", syscall.EINVAL)
	}
	n, err := p.s.SendTo(b, 0, netip.AddrPortFrom(dst.Unmap(), 0))
	return n, p.fail("write", err)
}

// SetReadBuffer fixes the receive buffer's size, in bytes.
func (p *IPConn) SetReadBuffer(n int) error {
	return p.fail("set", p.s.Setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, n))
}
