package ipv4

import (
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// deliverLocal reassembles, then gives the datagram to raw sockets and to its
// protocol (ip_local_deliver).
func (m *Module) deliverLocal(b *skb.Buffer) skb.Reason {
	h := Header(b.Data())
	if h.MF() || h.Offset() != 0 {
		whole, r := m.frags.add(b)
		if whole == nil {
			return r
		}
		b = whole
	}
	return m.deliver(b)
}

// deliver is ip_protocol_deliver_rcu: raw sockets first, each with a clone
// (B7), then the protocol; where neither is, the sender is told (B9).
func (m *Module) deliver(b *skb.Buffer) skb.Reason {
	h := Header(b.Data())
	proto := h.Proto()
	if b.Traced {
		m.env.Trace.Packet(trace.IPv4Local, b, uint32(proto), uint32(b.Len()), 0, 0)
	}
	b.Pull(h.Len())
	b.SetTransport()
	raw := m.raw.Input(b)
	p := m.protocols[proto].Load()
	if p == nil {
		return m.noProtocol(b, raw)
	}
	m.env.Stat.Inc(stat.IpInDelivers)
	return (*p).Input(b)
}

func (m *Module) noProtocol(b *skb.Buffer, raw bool) skb.Reason {
	if raw {
		m.env.Stat.Inc(stat.IpInDelivers)
		b.Consume()
		return skb.NotDropped
	}
	m.SendError(b, &inet.Error{Kind: inet.ProtoUnreachable})
	return b.Drop(skb.IPNoProto)
}
