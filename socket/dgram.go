package socket

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/udp"
)

// dgramOps are the operations of SOCK_DGRAM over UDP (inet_dgram_ops).
type dgramOps struct{ s *udp.Sock }

func (o dgramOps) Bind(a netip.AddrPort) error { return o.s.Bind(a) }

func (o dgramOps) Listen(int) error { return syscall.EOPNOTSUPP }

func (o dgramOps) Accept(*inet.Patience) (Ops, error) { return nil, syscall.EOPNOTSUPP }

func (o dgramOps) Connect(to netip.AddrPort, _ *inet.Patience) error { return o.s.Connect(to) }

func (o dgramOps) SendMsg(m *Message, flags int, _ *inet.Patience) (int, error) {
	if flags&(MSG_OOB|MSG_MORE) != 0 { // no urgent data, no corking
		return 0, syscall.EOPNOTSUPP
	}
	return o.s.Send(m.Data, m.Addr, flags)
}

func (o dgramOps) RecvMsg(m *Message, flags int, p *inet.Patience) (int, error) {
	d, err := o.s.Recv(m.Data, flags, p)
	if err != nil {
		return 0, err
	}
	m.Addr, m.To, m.IfIndex, m.TTL, m.TOS, m.Time = d.From, d.To, d.IfIndex, d.TTL, d.TOS, d.Time
	return m.filled(d.N, d.Len, flags), nil
}

// filled notes a datagram of length bytes of which n were copied.
func (m *Message) filled(n, length, flags int) int {
	m.Len, m.Flags = length, 0
	if n < length {
		m.Flags = MSG_TRUNC
		if flags&MSG_TRUNC != 0 {
			return length
		}
	}
	return n
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
		return 0, nil // a datagram leaves while it is sent
	}
	return 0, syscall.ENOTTY
}

func (o dgramOps) SetInt(int, int, int) error { return syscall.ENOPROTOOPT }

func (o dgramOps) GetInt(int, int) (int, error) { return 0, syscall.ENOPROTOOPT }

func (o dgramOps) setDevice(index int) { o.s.SetDevice(index) }
