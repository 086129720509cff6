package udp

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/inet"
)

// Corking (UDP_CORK and MSG_MORE, udp(7)): the data of several calls becomes
// one datagram. Route, addresses and ancillary requests are those of the first
// call, as in Linux, where the pending frames belong to a flow
// (udp_sock.pending); what later calls say of them is passed over. A send
// without MSG_MORE on a socket that is not corked, or the end of UDP_CORK,
// lets it go.

// corked is a datagram that is not whole yet.
type corked struct {
	open    bool
	data    []byte // kept from one datagram to the next
	to      netip.AddrPort
	route   *inet.Route
	control inet.Control
}

func (c *corked) begin(r *inet.Route, to netip.AddrPort, control *inet.Control) {
	c.open, c.route, c.to, c.control = true, r, to, *control
	c.data = c.data[:0]
}

// flush throws the datagram away (udp_flush_pending_frames).
func (c *corked) flush() { *c = corked{data: c.data[:0]} }

// corks reports whether a send leaves the datagram open.
func (s *Sock) corks(flags int) bool { return s.corkOn || flags&inet.MsgMore != 0 }

// append grows the datagram, and sends it if the call did not ask for more. A
// failure costs all of it. Errors: EMSGSIZE past what a datagram holds, those
// of sending.
func (s *Sock) append(data []byte, flags int) (int, error) {
	c := &s.cork
	if len(c.data)+len(data) > MaxPayload {
		s.QueueLocalError(syscall.EMSGSIZE, netip.AddrPortFrom(c.to.Addr(), s.identity().peer.Port()), c.route.MTU)
		c.flush()
		return 0, syscall.EMSGSIZE
	}
	if err := s.ready(); err != nil {
		c.flush()
		return 0, err
	}
	if !s.MaySend() {
		return 0, errNoSpace
	}
	c.data = append(c.data, data...)
	if s.corks(flags) {
		return len(data), nil
	}
	if err := s.push(); err != nil {
		return 0, err
	}
	return len(data), nil
}

// push sends the datagram (udp_push_pending_frames).
func (s *Sock) push() error {
	c := &s.cork
	if !c.open {
		return nil
	}
	defer c.flush()
	return s.transmit(c.data, c.to, c.route, &c.control)
}
