package socket

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/tcp"
)

// streamOps are the operations of SOCK_STREAM (inet_stream_ops).
type streamOps struct{ c *tcp.Conn }

func (o streamOps) Bind(a netip.AddrPort) error { return o.c.Bind(a) }

func (o streamOps) Listen(backlog int) error { return o.c.Listen(backlog) }

func (o streamOps) Accept(p *inet.Patience) (Ops, error) {
	c, err := o.c.Accept(p)
	if err != nil {
		return nil, err
	}
	return streamOps{c}, nil
}

func (o streamOps) Connect(to netip.AddrPort, p *inet.Patience) error { return o.c.Connect(to, p) }

// Disconnect is connect(2) with AF_UNSPEC.
func (o streamOps) Disconnect() error { return o.c.Disconnect() }

// SendMsg ignores an address, except that one on a socket without a
// connection would ask for Fast Open.
func (o streamOps) SendMsg(m *Message, flags int, p *inet.Patience) (int, error) {
	if flags&MSG_FASTOPEN != 0 || o.c.OpensLate() {
		return o.c.SendFastOpen(m.Data, flags, m.Addr, p)
	}
	return o.c.Send(m.Data, flags, p)
}

func (o streamOps) RecvMsg(m *Message, flags int, p *inet.Patience) (int, error) {
	return o.c.Recv(m.Data, flags, p)
}

func (o streamOps) Shutdown(how int) error { return o.c.Shutdown(how) }

func (o streamOps) Close(p *inet.Patience) error { return o.c.Close(p) }

func (o streamOps) Names() (local, peer netip.AddrPort) { return o.c.Names() }

func (o streamOps) Poll() inet.Ready { return o.c.Poll() }

func (o streamOps) Common() *inet.Sock { return &o.c.Sock }

func (o streamOps) Ioctl(request int) (int, error) {
	switch request {
	case SIOCINQ:
		if o.c.State() == tcp.Listen {
			return 0, syscall.EINVAL
		}
		return o.c.InQueue(), nil
	case SIOCOUTQ:
		if o.c.State() == tcp.Listen {
			return 0, syscall.EINVAL
		}
		return o.c.OutQueue(), nil
	case SIOCATMARK:
		if o.c.AtMark() {
			return 1, nil
		}
		return 0, nil
	}
	return 0, syscall.ENOTTY
}

func (o streamOps) SetInt(level, name, value int) error {
	if level != SOL_TCP {
		return syscall.ENOPROTOOPT
	}
	return o.c.SetOption(name, value)
}

func (o streamOps) GetInt(level, name int) (int, error) {
	if level != SOL_TCP {
		return 0, syscall.ENOPROTOOPT
	}
	return o.c.Option(name)
}

// connected reports whether a stream has, or had a moment ago, a peer.
func connected(o Ops) bool {
	s, ok := o.(streamOps)
	if !ok {
		return true
	}
	switch s.c.State() {
	case tcp.Closed, tcp.Listen, tcp.SynSent:
		return false
	}
	return true
}

// Conn returns the TCP connection behind a stream, nil for other sockets.
func (s *Socket) Conn() *tcp.Conn {
	if o, ok := s.ops.(streamOps); ok {
		return o.c
	}
	return nil
}
