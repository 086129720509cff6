package udp

import (
	"net/netip"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// Input takes over a received datagram (__udp4_lib_rcv).
func (m *Module) Input(b *skb.Buffer) skb.Reason {
	h, r := m.check(b)
	if r != skb.NotDropped {
		return b.Drop(r)
	}
	local := netip.AddrPortFrom(b.Net.Dst, h.DstPort())
	peer := netip.AddrPortFrom(b.Net.Src, h.SrcPort())
	if b.Traced {
		m.env.Trace.Packet(trace.UDPRx, b, trace.Addr(peer.Addr()), trace.Addr(local.Addr()),
			uint32(peer.Port())<<16|uint32(local.Port()), uint32(h.Length()))
	}
	b.Pull(HeaderLen)
	if b.Type != skb.PacketHost && m.net.Kind(b.Net.Dst) >= inet.Broadcast {
		return m.deliverMany(b, local, peer)
	}
	s := m.table.lookup(local, peer, int(b.IfIndex))
	if s == nil {
		if r, taken := m.inputFlow(b, local, peer); taken {
			return r
		}
		return m.noSocket(b)
	}
	if b.Traced {
		m.env.Trace.Packet(trace.UDPLookup, b, s.ID, uint32(local.Port()), 0, 0)
	}
	return s.receive(b, peer)
}

// check reads the header; the length may be less than the packet's, never more
// (RFC 1122 4.1.3.4 for the checksum).
func (m *Module) check(b *skb.Buffer) (Header, skb.Reason) {
	if !b.MayPull(HeaderLen) {
		return nil, skb.UDPHdr
	}
	b.SetTransport()
	h := Header(b.Data())
	if n := h.Length(); n < HeaderLen || n > b.Len() {
		return nil, skb.UDPHdr
	}
	b.Trim(h.Length())
	if h.Checksum() != 0 && b.Csum == skb.CsumNone && !inet.ChecksumRight(b, inet.ProtoUDP) {
		return nil, skb.UDPCsum
	}
	return Header(b.Data()), skb.NotDropped
}

// noSocket tells the sender that nobody is here (RFC 1122 4.1.3.1, B33).
func (m *Module) noSocket(b *skb.Buffer) skb.Reason {
	m.env.Stat.Inc(stat.UdpNoPorts)
	m.net.SendError(b, &inet.Error{Kind: inet.PortUnreachable})
	return b.Drop(skb.NoSocket)
}

// deliverMany gives a broadcast or multicast to every socket that it fits, and
// tells nobody if there is none (RFC 1122 3.2.2).
func (m *Module) deliverMany(b *skb.Buffer, local, peer netip.AddrPort) skb.Reason {
	any := false
	for _, s := range m.table.at(local.Port()) {
		if s.identity().score(local, peer, int(b.IfIndex)) >= 0 && s.admits(b) {
			any = true
			s.receive(b.Clone(), peer)
		}
	}
	if !any {
		m.env.Stat.Inc(stat.UdpIgnoredMulti)
		return b.Drop(skb.NoSocket)
	}
	b.Consume()
	return skb.NotDropped
}

// admits asks the socket's memberships about a multicast (ip_mc_sf_allow).
func (s *Sock) admits(b *skb.Buffer) bool {
	return !b.Net.Dst.IsMulticast() || s.Groups().Allows(b.Net.Dst, b.Net.Src, int(b.IfIndex))
}

// Error is told of an ICMP error about a datagram that this host sent
// (__udp4_lib_err). Only a connected socket, or one with IP_RECVERR, learns of
// it (B15, B47).
func (m *Module) Error(b *skb.Buffer, e *inet.Error) {
	if !b.MayPull(HeaderLen) {
		return
	}
	h := Header(b.Data())
	local := netip.AddrPortFrom(b.Net.Src, h.SrcPort())
	peer := netip.AddrPortFrom(b.Net.Dst, h.DstPort())
	s := m.table.lookup(local, peer, int(b.IfIndex))
	if s == nil {
		s = m.flow(local, peer)
	}
	if s == nil {
		return
	}
	if e.Kind == inet.NeedFrag {
		m.net.UpdatePMTU(b.Net.Dst, int(e.Info))
	}
	s.QueueError(e, peer, b, HeaderLen)
	s.reported.Store(e)
	s.Defer(deferError)
}
