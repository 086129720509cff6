package socket

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/ping"
)

// pingOps are the operations of SOCK_DGRAM over ICMP (ping.c, B48).
type pingOps struct{ s *ping.Sock }

func (f *Family) newPing(int) Ops {
	s := f.proto.Ping.NewSock()
	f.size(&s.Sock)
	return pingOps{s}
}

func (o pingOps) Bind(a netip.AddrPort) error { return o.s.Bind(a) }

func (o pingOps) Listen(int) error { return syscall.EOPNOTSUPP }

func (o pingOps) Accept(*inet.Patience) (Ops, error) { return nil, syscall.EOPNOTSUPP }

func (o pingOps) Connect(to netip.AddrPort, _ *inet.Patience) error { return o.s.Connect(to) }

// Disconnect is connect(2) with AF_UNSPEC.
func (o pingOps) Disconnect() error { return o.s.Connect(netip.AddrPort{}) }

func (o pingOps) SendMsg(m *Message, flags int, _ *inet.Patience) (int, error) {
	return o.s.SendMsg(m, flags)
}

func (o pingOps) RecvMsg(m *Message, flags int, p *inet.Patience) (int, error) {
	return o.s.RecvMsg(m, flags, p)
}

func (o pingOps) Shutdown(how int) error { return o.s.Shutdown(how) }

func (o pingOps) Close(*inet.Patience) error { return o.s.Close() }

func (o pingOps) Names() (local, peer netip.AddrPort) { return o.s.Names() }

func (o pingOps) Poll() inet.Ready { return o.s.Poll() }

func (o pingOps) Common() *inet.Sock { return &o.s.Sock }

// Ioctl has nothing to answer: ping_prot has no ioctl.
func (o pingOps) Ioctl(int) (int, error) { return 0, syscall.ENOTTY }

func (o pingOps) SetInt(int, int, int) error { return syscall.ENOPROTOOPT }

func (o pingOps) GetInt(int, int) (int, error) { return 0, syscall.ENOPROTOOPT }

func (o pingOps) setDevice(index int) { o.s.SetDevice(index) }
