package parity

import (
	"net/netip"
	"time"

	"golang.org/x/net/bpf"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/packet"
	"github.com/slankdev/ministack/socket"
)

// calls are the socket calls, in the shape of *socket.Socket.
type calls interface {
	Bind(a netip.AddrPort) error
	BindLink(a socket.LinkAddr) error
	Listen(backlog int) error
	accept() (calls, netip.AddrPort, error)
	Connect(to netip.AddrPort) error
	Disconnect() error
	Send(p []byte, flags int) (int, error)
	SendTo(p []byte, flags int, to netip.AddrPort) (int, error)
	SendMsg(m *socket.Message, flags int) (int, error)
	Recv(p []byte, flags int) (int, error)
	RecvFrom(p []byte, flags int) (int, netip.AddrPort, error)
	RecvMsg(m *socket.Message, flags int) (int, error)
	Shutdown(how int) error
	Close() error
	Getsockname() (netip.AddrPort, error)
	Getpeername() (netip.AddrPort, error)
	SetNonblock(on bool)
	Setsockopt(level, name, value int) error
	Getsockopt(level, name int) (int, error)
	SetsockoptString(level, name int, value string) error
	GetsockoptString(level, name int) (string, error)
	SendMMsg(ms []socket.Message, flags int) (int, error)
	RecvMMsg(ms []socket.Message, flags int, timeout time.Duration) (int, error)
	Membership(name int, group netip.Addr, device int) error
	SourceMembership(name int, group, source netip.Addr, device int) error
	SetSourceFilter(group netip.Addr, device int, f inet.Filter) error
	SourceFilter(group netip.Addr, device int) (inet.Filter, error)
	Ioctl(request int) (int, error)
	Poll() inet.Ready
	GetsocknameLink() (socket.LinkAddr, error)
	PacketMembership(name int, r socket.PacketMreq) error
	PacketStatistics() (packet.Statistics, error)
	AttachFilter(program []bpf.RawInstruction) error
	DetachFilter() error
}

// ours is a socket of our stack.
type ours struct{ *socket.Socket }

func (s ours) accept() (calls, netip.AddrPort, error) {
	c, from, err := s.Accept()
	if err != nil {
		return nil, from, err
	}
	return ours{c}, from, nil
}
