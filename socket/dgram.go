package socket

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/udp"
)

// dgramOps are the operations of SOCK_DGRAM over UDP (inet_dgram_ops).
type dgramOps struct{ s *udp.Sock }

func (o dgramOps) Bind(a netip.AddrPort) error { return o.s.Bind(a) }

func (o dgramOps) Listen(int) error { return syscall.EOPNOTSUPP }

func (o dgramOps) Accept(*inet.Patience) (Ops, error) { return nil, syscall.EOPNOTSUPP }

func (o dgramOps) Connect(to netip.AddrPort, _ *inet.Patience) error { return o.s.Connect(to) }

// Disconnect is connect(2) with AF_UNSPEC.
func (o dgramOps) Disconnect() error { return o.s.Connect(netip.AddrPort{}) }

func (o dgramOps) SendMsg(m *Message, flags int, p *inet.Patience) (int, error) {
	return o.s.SendMsg(m, flags, p)
}

func (o dgramOps) RecvMsg(m *Message, flags int, p *inet.Patience) (int, error) {
	return o.s.RecvMsg(m, flags, p)
}

func (o dgramOps) SendMMsg(ms []Message, flags int, p *inet.Patience) (int, error) {
	return o.s.SendMMsg(ms, flags, p)
}

func (o dgramOps) RecvMMsg(ms []Message, flags int, p *inet.Patience, until clock.Time) (int, error) {
	return o.s.RecvMMsg(ms, flags, p, until)
}

func (o dgramOps) Shutdown(how int) error { return o.s.Shutdown(how) }

func (o dgramOps) Close(*inet.Patience) error { return o.s.Close() }

func (o dgramOps) Names() (local, peer netip.AddrPort) { return o.s.Names() }

func (o dgramOps) Poll() inet.Ready { return o.s.Poll() }

func (o dgramOps) Common() *inet.Sock { return &o.s.Sock }

func (o dgramOps) Ioctl(request int) (int, error) {
	switch request {
	case SIOCINQ:
		return o.s.InQueue(), nil
	case SIOCOUTQ:
		return int(o.s.WmemAlloc.Load()), nil
	}
	return 0, syscall.ENOTTY
}

func (o dgramOps) SetInt(level, name, value int) error {
	if level != SOL_UDP {
		return syscall.ENOPROTOOPT
	}
	return o.s.SetOption(name, value)
}

func (o dgramOps) GetInt(level, name int) (int, error) {
	if level != SOL_UDP {
		return 0, syscall.ENOPROTOOPT
	}
	return o.s.Option(name)
}

func (o dgramOps) setDevice(index int) { o.s.SetDevice(index) }
