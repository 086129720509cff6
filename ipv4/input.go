package ipv4

import (
	"net/netip"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// Input takes over a received packet (ip_rcv, ip_rcv_finish): the checks of
// B37 in their order, then options, then the question whom it is for.
func (m *Module) Input(d *netdev.Device, b *skb.Buffer) skb.Reason {
	if r := m.read(b); r != skb.NotDropped {
		return b.Drop(r)
	}
	kind, r := m.routeInput(d, b)
	if r != skb.NotDropped {
		return b.Drop(r)
	}
	return m.accept(d, b, kind)
}

// inputOwn takes over the copy of what this host sent to many. That it has our
// own source address is as it should be (ip_rcv_finish of an skb with a dst).
func (m *Module) inputOwn(d *netdev.Device, b *skb.Buffer, kind destination) skb.Reason {
	if r := m.read(b); r != skb.NotDropped {
		return b.Drop(r)
	}
	return m.accept(d, b, m.counted(b, kind))
}

// read counts and checks a packet, and notes what its header says.
func (m *Module) read(b *skb.Buffer) skb.Reason {
	m.env.Stat.Inc(stat.IpInReceives)
	m.env.Stat.Add(stat.IpExtInOctets, b.Len())
	h, r := m.check(b)
	if r != skb.NotDropped {
		return r
	}
	b.Net = skb.Net{Src: h.Src(), Dst: h.Dst(), Proto: h.Proto(), TTL: h.TTL(), TOS: h.TOS(), DF: h.DF()}
	if b.Traced {
		m.env.Trace.Packet(trace.IPv4Rx, b, trace.Addr(b.Net.Src), trace.Addr(b.Net.Dst),
			uint32(h.Proto())<<8|uint32(h.TTL()), uint32(h.ID()))
	}
	return skb.NotDropped
}

// accept passes on a packet of which it is known whom it is for.
func (m *Module) accept(d *netdev.Device, b *skb.Buffer, kind destination) skb.Reason {
	if h := Header(b.Data()); h.Len() > HeaderLen {
		if r := m.inputOptions(d, b, kind); r != skb.NotDropped {
			return b.Drop(r)
		}
	}
	if kind == forwarded {
		return m.forward(d, b)
	}
	return m.deliverLocal(b)
}

// check is RFC 1122 3.2.1.1 to 3.2.1.2, in Linux's order.
func (m *Module) check(b *skb.Buffer) (Header, skb.Reason) {
	if !b.MayPull(HeaderLen) {
		return nil, skb.PktTooSmall
	}
	h := Header(b.Data())
	if h[offVersion]>>4 != 4 || h.Len() < HeaderLen || !b.MayPull(h.Len()) {
		return nil, skb.IPInHdr
	}
	h = Header(b.Data())
	m.env.Stat.Add(stat.IpExtInNoECTPkts+stat.ID(h.TOS()&ecnMask), max(1, int(b.GSOSegs)))
	if !h.checksumRight() {
		return nil, skb.IPCsum
	}
	switch total := h.Total(); {
	case b.Len() < total:
		m.env.Stat.Inc(stat.IpExtInTruncatedPkts)
		return nil, skb.PktTooSmall
	case total < h.Len():
		return nil, skb.IPInHdr
	default:
		b.Trim(total) // Ethernet's padding
	}
	b.SetNetwork()
	return Header(b.Data()), skb.NotDropped
}

// destination is what a received packet's destination address is.
type destination uint8

const (
	local destination = iota
	toBroadcast
	toMulticast
	forwarded
)

// routeInput decides whom the packet is for (ip_route_input).
func (m *Module) routeInput(d *netdev.Device, b *skb.Buffer) (destination, skb.Reason) {
	src, dst := b.Net.Src, b.Net.Dst
	t := m.routes.load()
	loop := d.Flags()&netdev.IsLoopback != 0
	switch {
	case src.IsMulticast() || src == broadcast || src.IsLoopback() && !loop:
		return 0, skb.IPInvalidSource
	case dst == broadcast:
		return m.counted(b, toBroadcast), skb.NotDropped
	case dst.IsMulticast():
		if !m.groups.admits(d, dst, src, b.Net.Proto) {
			return 0, skb.IPInvalidDest
		}
		return m.counted(b, toMulticast), skb.NotDropped
	case dst.IsUnspecified() || src.IsUnspecified() || dst.IsLoopback() && !loop:
		return 0, skb.IPInvalidDest
	case !loop && t.isLocal(src):
		return 0, skb.IPInvalidSource // somebody else has our address
	case t.isLocal(dst):
		return local, skb.NotDropped
	case t.isBroadcast(d, dst):
		return m.counted(b, toBroadcast), skb.NotDropped
	case d.Is(netdev.Promiscuous):
		return local, skb.NotDropped
	case !m.set.forward.Bool():
		return 0, skb.IPForwardOff
	}
	return forwarded, skb.NotDropped
}

// counted counts what is for many, and says so in the packet type, which
// decides what may be answered.
func (m *Module) counted(b *skb.Buffer, to destination) destination {
	if to == toBroadcast {
		m.env.Stat.Inc(stat.IpExtInBcastPkts)
		b.Type = skb.PacketBroadcast
	} else {
		m.env.Stat.Inc(stat.IpExtInMcastPkts)
		b.Type = skb.PacketMulticast
	}
	return to
}

// IsLocal reports whether a is an address of this host.
func (m *Module) IsLocal(a netip.Addr) bool { return a.Is4() && m.routes.load().isLocal(a) }

// Kind says what a is to this host.
func (m *Module) Kind(a netip.Addr) inet.RouteType {
	switch t := m.routes.load(); {
	case a.IsMulticast():
		return inet.Multicast
	case a == broadcast || t.broadcasts[a] != nil:
		return inet.Broadcast
	case t.isLocal(a):
		return inet.Local
	}
	return inet.Unicast
}
