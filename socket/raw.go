package socket

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/raw"
)

// rawOps are the operations of SOCK_RAW (inet_sockraw_ops).
type rawOps struct{ s *raw.Sock }

func (f *Family) newRaw(protocol int) Ops {
	s := f.proto.Raw.NewSock(protocol)
	f.size(&s.Sock)
	return rawOps{s}
}

func (o rawOps) Bind(a netip.AddrPort) error { return o.s.Bind(a) }

func (o rawOps) Listen(int) error { return syscall.EOPNOTSUPP }

func (o rawOps) Accept(*inet.Patience) (Ops, error) { return nil, syscall.EOPNOTSUPP }

func (o rawOps) Connect(to netip.AddrPort, _ *inet.Patience) error { return o.s.Connect(to) }

// Disconnect is connect(2) with AF_UNSPEC.
func (o rawOps) Disconnect() error { return o.s.Connect(netip.AddrPort{}) }

func (o rawOps) SendMsg(m *Message, flags int, _ *inet.Patience) (int, error) {
	return o.s.SendMsg(m, flags)
}

func (o rawOps) RecvMsg(m *Message, flags int, p *inet.Patience) (int, error) {
	return o.s.RecvMsg(m, flags, p)
}

func (o rawOps) Shutdown(how int) error { return o.s.Shutdown(how) }

func (o rawOps) Close(*inet.Patience) error { return o.s.Close() }

func (o rawOps) Names() (local, peer netip.AddrPort) { return o.s.Names() }

func (o rawOps) Poll() inet.Ready { return o.s.Poll() }

func (o rawOps) Common() *inet.Sock { return &o.s.Sock }

func (o rawOps) Ioctl(request int) (int, error) {
	switch request {
	case SIOCINQ:
		return o.s.Pending(), nil
	case SIOCOUTQ:
		return 0, nil // a datagram leaves while it is sent
	}
	return 0, syscall.ENOTTY
}

func (o rawOps) SetInt(level, name, value int) error {
	if level != SOL_RAW {
		return syscall.ENOPROTOOPT
	}
	return o.s.SetOption(name, value)
}

func (o rawOps) GetInt(level, name int) (int, error) {
	if level != SOL_RAW {
		return 0, syscall.ENOPROTOOPT
	}
	return o.s.Option(name)
}

func (o rawOps) setDevice(index int) { o.s.SetDevice(index) }

// setHdrIncl is IP_HDRINCL. Error: ENOPROTOOPT for other than raw sockets.
func (s *Socket) setHdrIncl(on bool) error {
	o, ok := s.ops.(rawOps)
	if !ok {
		return syscall.ENOPROTOOPT
	}
	o.s.SetHdrIncl(on)
	return nil
}

// hdrIncl is off where it cannot be set, as on Linux.
func (s *Socket) hdrIncl() bool {
	o, ok := s.ops.(rawOps)
	return ok && o.s.HdrIncl()
}
