package socket

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/packet"
)

// packetOps are the operations of the packet family (packet_ops). Its
// addresses are LinkAddr: calls with others fail as with a sockaddr that is too
// short.
type packetOps struct{ s *packet.Sock }

func (f *Family) newPacket(typ int, protocol uint16) Ops {
	s := f.proto.Packet.NewSock(typ == SOCK_RAW, protocol)
	f.size(&s.Sock)
	return packetOps{s}
}

func (o packetOps) Bind(netip.AddrPort) error { return syscall.EINVAL }

func (o packetOps) Listen(int) error { return syscall.EOPNOTSUPP }

func (o packetOps) Accept(*inet.Patience) (Ops, error) { return nil, syscall.EOPNOTSUPP }

func (o packetOps) Connect(netip.AddrPort, *inet.Patience) error { return syscall.EOPNOTSUPP } // B23

func (o packetOps) SendMsg(m *Message, _ int, _ *inet.Patience) (int, error) {
	if m.Addr.IsValid() {
		return 0, syscall.EINVAL
	}
	return o.s.Send(m.Data, m.Link)
}

func (o packetOps) RecvMsg(m *Message, flags int, p *inet.Patience) (int, error) {
	return o.s.Recv(m, flags, p)
}

func (o packetOps) Shutdown(int) error { return syscall.EOPNOTSUPP }

func (o packetOps) Close(*inet.Patience) error {
	o.s.Close()
	return nil
}

func (o packetOps) Names() (local, peer netip.AddrPort) { return netip.AddrPort{}, netip.AddrPort{} }

func (o packetOps) Poll() inet.Ready { return o.s.Poll() }

func (o packetOps) Common() *inet.Sock { return &o.s.Sock }

func (o packetOps) Ioctl(request int) (int, error) {
	switch request {
	case SIOCINQ:
		return o.s.Waiting(), nil
	case SIOCOUTQ:
		return 0, nil // a frame leaves while it is sent
	}
	return 0, syscall.ENOTTY
}

func (o packetOps) SetInt(level, name, value int) error {
	if level != SOL_PACKET {
		return syscall.ENOPROTOOPT
	}
	return o.s.SetOption(name, value)
}

func (o packetOps) GetInt(level, name int) (int, error) {
	if level != SOL_PACKET {
		return 0, syscall.ENOPROTOOPT
	}
	return o.s.Option(name)
}
