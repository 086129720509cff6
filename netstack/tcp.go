package netstack

import (
	"context"
	"net"
	"net/netip"

	"github.com/slankdev/ministack"
)

// DialContextTCPAddrPort connects to addr by TCP. Errors are *net.OpError and
// unwrap to the errno of connect(2), or to the context's error.
func (n *Net) DialContextTCPAddrPort(ctx context.Context, addr netip.AddrPort) (*ministack.Conn, error) {
	if !addr.IsValid() {
		return nil, missing("dial", "tcp")
	}
	c, err := n.stack.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return nil, err
	}
	return c.(*ministack.Conn), nil
}

// DialContextTCP is DialContextTCPAddrPort for an address of package net.
func (n *Net) DialContextTCP(ctx context.Context, addr *net.TCPAddr) (*ministack.Conn, error) {
	return n.DialContextTCPAddrPort(ctx, ofTCP(addr))
}

// DialTCPAddrPort is DialContextTCPAddrPort without an end.
func (n *Net) DialTCPAddrPort(addr netip.AddrPort) (*ministack.Conn, error) {
	return n.DialContextTCPAddrPort(context.Background(), addr)
}

// DialTCP is DialContextTCP without an end.
func (n *Net) DialTCP(addr *net.TCPAddr) (*ministack.Conn, error) {
	return n.DialContextTCP(context.Background(), addr)
}

// ListenTCPAddrPort accepts TCP connections at addr; the zero Addr, or an
// unspecified one, is any, port 0 is chosen. Errors: those of bind(2) and
// listen(2).
func (n *Net) ListenTCPAddrPort(addr netip.AddrPort) (*ministack.Listener, error) {
	l, err := n.stack.Listen("tcp", local(addr))
	if err != nil {
		return nil, err
	}
	return l.(*ministack.Listener), nil
}

// ListenTCP is ListenTCPAddrPort for an address of package net; nil is any.
func (n *Net) ListenTCP(addr *net.TCPAddr) (*ministack.Listener, error) {
	return n.ListenTCPAddrPort(ofTCP(addr))
}

// ofTCP is the zero AddrPort for nil, and any address for one without.
func ofTCP(a *net.TCPAddr) netip.AddrPort {
	if a == nil {
		return netip.AddrPort{}
	}
	return open(a.AddrPort())
}

// open makes of an address without a host one of any host.
func open(a netip.AddrPort) netip.AddrPort {
	if a.Addr().IsValid() {
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	return netip.AddrPortFrom(netip.IPv4Unspecified(), a.Port())
}

// local writes the address to bind to; any address is IPv4's.
func local(a netip.AddrPort) string {
	a = open(a)
	if a.Addr().IsUnspecified() {
		a = netip.AddrPortFrom(netip.IPv4Unspecified(), a.Port())
	}
	return a.String()
}

func missing(op, network string) error {
	return &net.OpError{Op: op, Net: network, Err: &net.AddrError{Err: "missing address"}}
}
