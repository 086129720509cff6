package netstack

import (
	"context"
	"net"
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack"
)

// PingAddr is the address of a PingConn.
type PingAddr struct{ addr netip.Addr }

var _ net.Addr = PingAddr{}

// PingAddrFromAddr returns addr as a PingAddr.
func PingAddrFromAddr(addr netip.Addr) *PingAddr { return &PingAddr{addr} }

// Addr returns the address.
func (a PingAddr) Addr() netip.Addr { return a.addr }

// Network returns "ping4" or "ping6", and "ping" for no address.
func (a PingAddr) Network() string {
	switch {
	case a.addr.Is4():
		return "ping4"
	case a.addr.Is6():
		return "ping6"
	}
	return "ping"
}

func (a PingAddr) String() string { return a.addr.String() }

// PingConn is a ping socket: it sends echo requests, whole ICMP messages of
// which the stack fills in identifier and checksum, and reads the replies.
type PingConn struct{ *ministack.PingConn }

var (
	_ net.Conn       = (*PingConn)(nil)
	_ net.PacketConn = (*PingConn)(nil)
)

// DialPingAddr opens a ping socket at laddr with the peer raddr; the zero Addr
// leaves laddr to the stack, and means no peer for raddr. Errors: those of
// connect(2).
func (n *Net) DialPingAddr(laddr, raddr netip.Addr) (*PingConn, error) {
	if !raddr.IsValid() {
		return n.ListenPingAddr(laddr)
	}
	return wrapPing(n.stack.DialPing(context.Background(), laddr, raddr)) // nobody to wait for
}

// DialPing is DialPingAddr for addresses of which each may be nil.
func (n *Net) DialPing(laddr, raddr *PingAddr) (*PingConn, error) {
	return n.DialPingAddr(laddr.orNone(), raddr.orNone())
}

// ListenPingAddr opens a ping socket at laddr without a peer; the zero Addr is
// any. Errors: those of bind(2).
func (n *Net) ListenPingAddr(laddr netip.Addr) (*PingConn, error) {
	return wrapPing(n.stack.ListenPing(laddr))
}

// ListenPing is ListenPingAddr for an address that may be nil.
func (n *Net) ListenPing(laddr *PingAddr) (*PingConn, error) {
	return n.ListenPingAddr(laddr.orNone())
}

func wrapPing(p *ministack.PingConn, err error) (*PingConn, error) {
	if err != nil {
		return nil, err
	}
	return &PingConn{p}, nil
}

func (a *PingAddr) orNone() netip.Addr {
	if a == nil {
		return netip.Addr{}
	}
	return a.addr
}

// LocalAddr returns the local address, a PingAddr.
func (p *PingConn) LocalAddr() net.Addr { return pingAddr(p.PingConn.LocalAddr()) }

// RemoteAddr returns the peer's address, a PingAddr; of no address without a
// peer.
func (p *PingConn) RemoteAddr() net.Addr { return pingAddr(p.PingConn.RemoteAddr()) }

func pingAddr(a net.Addr) PingAddr {
	ip, _ := a.(*net.IPAddr)
	if ip == nil {
		return PingAddr{}
	}
	n, _ := netip.AddrFromSlice(ip.IP)
	return PingAddr{n.Unmap()}
}

// ReadFrom reads one reply and says from whom, by a *PingAddr.
func (p *PingConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := p.ReadFromAddr(b)
	if err != nil {
		return n, nil, err
	}
	return n, &PingAddr{from}, nil
}

// WriteTo sends an echo request to an address: a *PingAddr, PingAddr,
// *net.IPAddr or *net.UDPAddr, of which only the host counts.
func (p *PingConn) WriteTo(b []byte, to net.Addr) (int, error) {
	a, ok := hostOf(to)
	if !ok {
		return 0, &net.OpError{Op: "write", Net: "ping", Addr: to, Err: syscall.EINVAL}
	}
	return p.WriteToAddr(b, a)
}

func hostOf(to net.Addr) (netip.Addr, bool) {
	switch to := to.(type) {
	case PingAddr:
		return to.addr, to.addr.IsValid()
	case *PingAddr:
		return to.orNone(), to.orNone().IsValid()
	case *net.IPAddr:
		if to != nil {
			return netip.AddrFromSlice(to.IP)
		}
	case *net.UDPAddr:
		if to != nil {
			return netip.AddrFromSlice(to.IP)
		}
	}
	return netip.Addr{}, false
}
