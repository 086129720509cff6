package ipv4

import (
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
)

// InputError passes on an ICMP error about a packet that this host sent: b's
// data begins at the quoted header. It reports whether the quote made sense; b
// stays the caller's (icmp_socket_deliver).
func (m *Module) InputError(b *skb.Buffer, e *inet.Error) bool {
	if !b.MayPull(HeaderLen) {
		return false
	}
	h := Header(b.Data())
	if h[offVersion]>>4 != 4 || h.Len() < HeaderLen || !b.MayPull(h.Len()+8) {
		return false
	}
	h = Header(b.Data())
	if h.Offset() != 0 || m.Kind(h.Dst()) == inet.Broadcast {
		return false // RFC 1122 3.2.2: nobody may report on these
	}
	own := m.MayBind(h.Src(), 0) // or else a raw socket's that wrote another source
	m.report(b, h, e)
	return own
}

// report tells raw sockets and the protocol of an error about the packet in b.
func (m *Module) report(b *skb.Buffer, h Header, e *inet.Error) {
	b.Net = skb.Net{Src: h.Src(), Dst: h.Dst(), Proto: h.Proto(), TTL: h.TTL(), TOS: h.TOS(), DF: h.DF()}
	b.SetNetwork()
	b.Pull(h.Len())
	b.SetTransport()
	m.raw.Error(b, e)
	if p := m.protocols[h.Proto()].Load(); p != nil && m.MayBind(h.Src(), 0) {
		(*p).Error(b, e)
	}
}

// unreachable is told of a packet whose next hop did not answer ARP
// (ipv4_link_failure): the socket that sent it learns so, or, for a packet
// that was forwarded, its sender.
func (m *Module) unreachable(b *skb.Buffer) {
	h := Header(b.Data())
	if !h.Valid() {
		return
	}
	if !m.IsLocal(h.Src()) && b.IfIndex != 0 { // it came by a device
		m.SendError(b, &inet.Error{Kind: inet.HostUnreachable})
		return
	}
	if h.Offset() != 0 {
		return
	}
	e := &inet.Error{Kind: inet.HostUnreachable, Type: 3, Code: 1, From: h.Src(), Errno: syscall.EHOSTUNREACH, Hard: false}
	q := b.Clone()
	if q.MayPull(h.Len() + 8) {
		m.report(q, Header(q.Data()), e)
	}
	q.Consume()
}
