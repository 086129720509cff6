package ministack

import (
	"time"

	"github.com/slankdev/ministack/udp"
)

// UDPOptions bounds the flows of HandleUDPWith; a zero field is its default:
// 4096 flows, 1024 of one source, 2 minutes without a datagram.
type UDPOptions = udp.ForwardOptions

// HandleUDP has f called for each flow of datagrams that no socket takes: a
// flow is what passes between two addresses and ports. See HandleUDPWith.
func (s *Stack) HandleUDP(f func(*UDPFlow)) { s.HandleUDPWith(UDPOptions{}, f) }

// HandleUDPWith is HandleUDP with limits. Datagrams that would begin a flow
// beyond them are dropped as HANDLER_FULL. Each call of f has a goroutine of
// its own; on a virtual clock it is an event of the clock, which must not wait.
// What is sent to many is no flow's. A nil f ends the handling; flows that
// there are go on.
func (s *Stack) HandleUDPWith(o UDPOptions, f func(*UDPFlow)) {
	if f == nil {
		s.udp.Forward(nil, o)
		return
	}
	s.udp.Forward(func(u *udp.Sock) {
		if k := s.socket.AdoptDatagram(u); k != nil {
			flow := &UDPFlow{PacketConn: s.newPacketConn(k), sock: u}
			s.spawn(func() { f(flow) })
		}
	}, o)
}

// UDPFlow is a net.Conn of the datagrams between the peer, RemoteAddr, and the
// address that it sent them to, LocalAddr, which need not be the stack's. The
// datagrams that came first can be read. When nothing passed for the idle time
// its calls return ETIMEDOUT, and the peer's next datagram begins a new flow;
// Close it in any case.
type UDPFlow struct {
	*PacketConn
	sock *udp.Sock
}

// Refuse tells the peer that its port is unreachable, and closes the flow.
func (u *UDPFlow) Refuse() error {
	if err := u.fail("refuse", u.sock.Refuse()); err != nil {
		return err
	}
	return u.Close()
}

// SetIdleTimeout changes how long nothing may pass. Error: EINVAL unless it is
// positive.
func (u *UDPFlow) SetIdleTimeout(d time.Duration) error { return u.fail("set", u.sock.SetIdle(d)) }
