package ministack

import (
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"

	"github.com/slankdev/ministack/socket"
)

// PacketConn is a UDP socket as a net.PacketConn and, if it has a peer, as a
// net.Conn.
type PacketConn struct {
	endpoint
	last atomic.Pointer[net.UDPAddr] // who sent what was read last
}

var (
	_ net.PacketConn = (*PacketConn)(nil)
	_ net.Conn       = (*PacketConn)(nil)
)

// newPacketConn wraps a socket, with or without a peer.
func (s *Stack) newPacketConn(k *socket.Socket) *PacketConn {
	n := &names{network: "udp"}
	if a, err := k.Getsockname(); err == nil {
		n.local = net.UDPAddrFromAddrPort(a)
	}
	if a, err := k.Getpeername(); err == nil {
		n.remote = net.UDPAddrFromAddrPort(a)
	}
	p := new(PacketConn)
	p.init(k, n)
	return p
}

// Read reads one datagram; what b does not hold of it is lost.
func (p *PacketConn) Read(b []byte) (int, error) {
	n, _, err := p.ReadFromUDPAddrPort(b)
	return n, err
}

// Write sends one datagram to the peer.
func (p *PacketConn) Write(b []byte) (int, error) {
	if _, write := p.s.Deadlines(); write {
		return 0, p.fail("write", errDeadline(p.s))
	}
	n, err := p.s.Send(b, 0)
	return n, p.fail("write", err)
}

// ReadFrom reads one datagram and says from whom.
func (p *PacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, a, err := p.ReadFromUDPAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, p.addrOf(a), nil
}

// addrOf makes a net.Addr, the same one while the same peer sends: so a peer's
// datagrams cost no allocation each. As all of package net, callers do not
// change what it points at.
func (p *PacketConn) addrOf(a netip.AddrPort) *net.UDPAddr {
	if u := p.last.Load(); u != nil && u.AddrPort() == a {
		return u
	}
	u := net.UDPAddrFromAddrPort(a)
	p.last.Store(u)
	return u
}

// ReadFromUDPAddrPort is ReadFrom without an allocation.
func (p *PacketConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	if read, _ := p.s.Deadlines(); read {
		return 0, netip.AddrPort{}, p.fail("read", errDeadline(p.s))
	}
	n, a, err := p.s.RecvFrom(b, 0)
	return n, a, p.fail("read", err)
}

// WriteTo sends one datagram to an address.
func (p *PacketConn) WriteTo(b []byte, to net.Addr) (int, error) {
	u, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, p.fail("write", syscall.EINVAL)
	}
	return p.WriteToUDPAddrPort(b, u.AddrPort())
}

// WriteToUDPAddrPort is WriteTo without an allocation. An IPv4 address may be
// in its IPv6 form, as package net has it.
func (p *PacketConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if p.RemoteAddr() != nil {
		return 0, p.fail("write", net.ErrWriteToConnected)
	}
	if _, write := p.s.Deadlines(); write {
		return 0, p.fail("write", errDeadline(p.s))
	}
	n, err := p.s.SendTo(b, 0, netip.AddrPortFrom(to.Addr().Unmap(), to.Port()))
	return n, p.fail("write", err)
}

// SetReadBuffer fixes the receive buffer's size, in bytes.
func (p *PacketConn) SetReadBuffer(n int) error {
	return p.fail("set", p.s.Setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, n))
}

// SetBroadcast allows sending to broadcast addresses (SO_BROADCAST).
func (p *PacketConn) SetBroadcast(on bool) error {
	return p.fail("set", p.s.Setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, number(on)))
}
