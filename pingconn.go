package ministack

import (
	"context"
	"net"
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/socket"
)

// PingConn is a ping socket (socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)) as a
// net.PacketConn and, if it has a peer, as a net.Conn. What is written is an
// ICMP echo request, header and data, whose identifier and checksum the stack
// fills in; what is read are the replies to it. Addresses are *net.IPAddr.
type PingConn struct{ endpoint }

var (
	_ net.PacketConn = (*PingConn)(nil)
	_ net.Conn       = (*PingConn)(nil)
)

// DialPing opens a ping socket with a peer, from a local address or, if that is
// the zero Addr, one that the route chooses. Errors: those of connect(2), and
// EACCES outside of net.ipv4.ping_group_range.
func (s *Stack) DialPing(ctx context.Context, local, peer netip.Addr) (*PingConn, error) {
	if !peer.IsValid() {
		return nil, &net.OpError{Op: "dial", Net: "ping", Err: &net.AddrError{Err: "missing address"}}
	}
	k, err := s.newPing("dial", ipAddr(local), ipAddr(peer))
	if err != nil {
		return nil, err
	}
	if err = bindTo(k, netip.AddrPortFrom(local.Unmap(), 0)); err == nil {
		err = s.connect(ctx, k, netip.AddrPortFrom(peer.Unmap(), 0))
	}
	if err != nil {
		return nil, abandon(ctx, k, "ping", ipAddr(local), ipAddr(peer), err)
	}
	return s.newPingConn(k), nil
}

// ListenPing opens a ping socket without a peer, at a local address or, if that
// is the zero Addr, at any. Errors: EADDRNOTAVAIL, EAFNOSUPPORT, EACCES.
func (s *Stack) ListenPing(local netip.Addr) (*PingConn, error) {
	k, err := s.newPing("listen", ipAddr(local), nil)
	if err != nil {
		return nil, err
	}
	if err := k.Bind(netip.AddrPortFrom(local.Unmap(), 0)); err != nil {
		_ = k.Close() // the first error is the one to report
		return nil, opError("listen", "ping", nil, nil, ipAddr(local), err)
	}
	return s.newPingConn(k), nil
}

// newPing makes the socket of a ping.
func (s *Stack) newPing(op string, source, addr net.Addr) (*socket.Socket, error) {
	k, err := s.Socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
	if err != nil {
		return nil, opError(op, "ping", nil, source, addr, err)
	}
	return k, nil
}

func (s *Stack) newPingConn(k *socket.Socket) *PingConn {
	n := &names{network: "ping"}
	if a, err := k.Getsockname(); err == nil {
		n.local = ipAddr(a.Addr())
	}
	if _, peer := k.Ops().Names(); peer.IsValid() {
		n.remote = ipAddr(peer.Addr())
	}
	p := new(PingConn)
	p.init(k, n)
	return p
}

func ipAddr(a netip.Addr) net.Addr {
	if !a.IsValid() {
		return nil
	}
	return &net.IPAddr{IP: a.Unmap().AsSlice()}
}

// Read reads one reply.
func (p *PingConn) Read(b []byte) (int, error) {
	n, _, err := p.ReadFromAddr(b)
	return n, err
}

// ReadFrom reads one reply and says from whom.
func (p *PingConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, a, err := p.ReadFromAddr(b)
	if err != nil {
		return n, nil, err
	}
	return n, ipAddr(a), nil
}

// ReadFromAddr is ReadFrom without an allocation.
func (p *PingConn) ReadFromAddr(b []byte) (int, netip.Addr, error) {
	if read, _ := p.s.Deadlines(); read {
		return 0, netip.Addr{}, p.fail("read", errDeadline(p.s))
	}
	n, a, err := p.s.RecvFrom(b, 0)
	return n, a.Addr(), p.fail("read", err)
}

// Write sends an echo request to the peer.
func (p *PingConn) Write(b []byte) (int, error) { return p.send(b, netip.AddrPort{}) }

// WriteTo sends an echo request to an address.
func (p *PingConn) WriteTo(b []byte, to net.Addr) (int, error) {
	a, ok := to.(*net.IPAddr)
	if !ok || a == nil {
		return 0, p.fail("write", syscall.EINVAL)
	}
	ip, _ := netip.AddrFromSlice(a.IP)
	return p.WriteToAddr(b, ip)
}

// WriteToAddr is WriteTo without an allocation.
func (p *PingConn) WriteToAddr(b []byte, to netip.Addr) (int, error) {
	if !to.IsValid() {
		return 0, p.fail("write", syscall.EDESTADDRREQ)
	}
	return p.send(b, netip.AddrPortFrom(to.Unmap(), 0))
}

func (p *PingConn) send(b []byte, to netip.AddrPort) (int, error) {
	if _, write := p.s.Deadlines(); write {
		return 0, p.fail("write", errDeadline(p.s))
	}
	n, err := p.s.SendTo(b, 0, to)
	return n, p.fail("write", err)
}
