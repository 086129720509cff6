package ministack

import (
	"net"
	"net/netip"

	"github.com/slankdev/ministack/socket"
)

// Many datagrams a call, as golang.org/x/net/ipv4 has it for the kernel's
// sockets: one lock, and one visit of the driver, for all of them.

// WriteBatch sends the messages in order and returns how many were sent; N of
// each is what was taken of its Data. A message without an address goes to the
// peer. With Control.SegmentSize a message is many datagrams (UDP_SEGMENT). The
// error is that of the first message, nil if that was sent.
func (p *PacketConn) WriteBatch(ms []socket.Message) (int, error) {
	if _, write := p.s.Deadlines(); write {
		return 0, p.fail("write", errDeadline(p.s))
	}
	for i := range ms {
		a := &ms[i].Addr
		if p.RemoteAddr() != nil && a.IsValid() {
			return 0, p.fail("write", net.ErrWriteToConnected)
		}
		*a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	n, err := p.s.SendMMsg(ms, 0)
	return n, p.fail("write", err)
}

// ReadBatch waits for a datagram, reads as many as there are and fit the
// messages, and returns their number; Addr, N and Flags of each are filled in,
// and Ancillary as far as the socket's options ask for it.
func (p *PacketConn) ReadBatch(ms []socket.Message) (int, error) {
	if read, _ := p.s.Deadlines(); read {
		return 0, p.fail("read", errDeadline(p.s))
	}
	n, err := p.s.RecvMMsg(ms, socket.MSG_WAITFORONE, 0)
	return n, p.fail("read", err)
}
