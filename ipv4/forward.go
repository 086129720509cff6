package ipv4

import (
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// forward sends a packet on that is for another host (RFC 1812 5.2;
// ip_forward), if net.ipv4.ip_forward allows. It takes b over.
func (m *Module) forward(d *netdev.Device, b *skb.Buffer) skb.Reason {
	if b.Type != skb.PacketHost {
		return b.Drop(skb.IPInvalidDest)
	}
	if b.Net.TTL <= 1 {
		m.SendError(b, &inet.Error{Kind: inet.TimeExceeded})
		return b.Drop(skb.IPTTLExceeded)
	}
	r, err := m.Route(&inet.Flow{Dst: b.Net.Dst, TOS: b.Net.TOS})
	if err != nil || r.Type != inet.Unicast {
		m.SendError(b, &inet.Error{Kind: inet.NetUnreachable})
		return b.Drop(skb.IPInNoRoutes)
	}
	m.markTransport(b)
	if !fits(b, r.MTU) && b.Net.DF {
		m.SendError(b, &inet.Error{Kind: inet.NeedFrag, Info: uint32(r.MTU)})
		return b.Drop(skb.PktTooBig)
	}
	m.passOn(b, r)
	m.env.Stat.Inc(stat.IpForwDatagrams)
	m.countOut(b, r)
	if b.Traced {
		m.env.Trace.Packet(trace.IPv4Forward, b, trace.Addr(r.Dst), trace.Addr(r.NextHop), uint32(r.Dev.Index), uint32(b.Net.TTL))
	}
	if !fits(b, r.MTU) {
		_ = m.fragment(b, r) // the sender is not this host: nobody to tell
		return skb.NotDropped
	}
	_ = m.transmit(b, r)
	return skb.NotDropped
}

// passOn changes the header as a router does (RFC 1812 5.3.1, 5.2.4.1).
func (m *Module) passOn(b *skb.Buffer, r *inet.Route) {
	b.Unshare()
	h := Header(b.Data())
	h.decrementTTL()
	b.Net.TTL--
	if h.Len() > HeaderLen {
		m.walkOptions(h, r.Src, true)
		h.seal()
	}
}

// markTransport lets those who segment find the transport header, of a
// super-segment in the linear part.
func (m *Module) markTransport(b *skb.Buffer) {
	n := Header(b.Data()).Len()
	if b.GSO == skb.GSOTCPv4 {
		b.MayPull(n + tcpMinLen)
	}
	if b.Pull(n) {
		b.SetTransport()
		b.Push(n)
	}
}
