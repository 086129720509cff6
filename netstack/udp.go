package netstack

import (
	"context"
	"net"
	"net/netip"

	"github.com/slankdev/ministack"
)

// DialUDPAddrPort opens a UDP socket at laddr with the peer raddr. The zero
// AddrPort for laddr leaves both of its parts to the stack; for raddr it means
// no peer. Errors: those of bind(2) and connect(2).
func (n *Net) DialUDPAddrPort(laddr, raddr netip.AddrPort) (*ministack.PacketConn, error) {
	if !raddr.IsValid() {
		return n.ListenUDPAddrPort(laddr)
	}
	dial := n.stack.DialContext
	if laddr.IsValid() {
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			return n.stack.DialFrom(ctx, network, local(laddr), address)
		}
	}
	c, err := dial(context.Background(), "udp", raddr.String()) // UDP has nobody to wait for
	if err != nil {
		return nil, err
	}
	return c.(*ministack.PacketConn), nil
}

// DialUDP is DialUDPAddrPort for addresses of package net, of which each may be
// nil.
func (n *Net) DialUDP(laddr, raddr *net.UDPAddr) (*ministack.PacketConn, error) {
	return n.DialUDPAddrPort(ofUDP(laddr), ofUDP(raddr))
}

// ListenUDPAddrPort opens a UDP socket at laddr without a peer; the zero Addr,
// or an unspecified one, is any, port 0 is chosen. Errors: those of bind(2).
func (n *Net) ListenUDPAddrPort(laddr netip.AddrPort) (*ministack.PacketConn, error) {
	c, err := n.stack.ListenPacket("udp", local(laddr))
	if err != nil {
		return nil, err
	}
	return c.(*ministack.PacketConn), nil
}

// ListenUDP is ListenUDPAddrPort for an address of package net; nil is any.
func (n *Net) ListenUDP(laddr *net.UDPAddr) (*ministack.PacketConn, error) {
	return n.ListenUDPAddrPort(ofUDP(laddr))
}

// ofUDP is ofTCP for UDP.
func ofUDP(a *net.UDPAddr) netip.AddrPort {
	if a == nil {
		return netip.AddrPort{}
	}
	return open(a.AddrPort())
}
