package link

import (
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
)

// Input takes over a received frame (eth_type_trans, __netif_receive_skb_core):
// taps first, each with a clone, whomever the frame is for and whatever is in
// it (B10, B13), then whoever has the device, or else the handler of the
// EtherType.
func (m *Module) Input(d *netdev.Device, b *skb.Buffer) skb.Reason {
	b.SetLink()
	if r := classify(d, b); r != skb.NotDropped {
		return b.Drop(r)
	}
	m.tap(d, b)
	if b.Traced {
		m.env.Trace.Packet(trace.LinkDemux, b, uint32(b.EtherType), uint32(b.Type), 0, 0)
	}
	if rx := *m.rx.Load(); len(rx) > 0 && rx[d] != nil {
		return rx[d](d, b)
	}
	if b.Type == skb.PacketOtherHost {
		return b.Drop(skb.OtherHost)
	}
	h := (*m.handlers.Load())[b.EtherType]
	if h == nil {
		return b.Drop(skb.UnhandledProto)
	}
	return h(d, b)
}

// classify reads what the frame is and for whom, and pulls the link header.
func classify(d *netdev.Device, b *skb.Buffer) skb.Reason {
	if !d.HasLink() {
		return classifyBare(b)
	}
	if !b.MayPull(HeaderLen) {
		return skb.PktTooSmall
	}
	h := Header(b.Data())
	b.EtherType = h.kind(b.Data()[HeaderLen:])
	b.Type = packetType(d, h.Dst())
	b.Pull(HeaderLen)
	b.SetNetwork()
	return skb.NotDropped
}

// classifyBare is for devices whose frames begin with the IP header: its
// version is the type, and all of them are for us.
func classifyBare(b *skb.Buffer) skb.Reason {
	if !b.MayPull(1) {
		return skb.PktTooSmall
	}
	b.Type = skb.PacketHost
	b.SetNetwork()
	b.EtherType = bareType(b.Data())
	return skb.NotDropped
}

// bareType is the type of a packet without link header, by the IP version
// (ip_tunnel_parse_protocol).
func bareType(p []byte) uint16 {
	if len(p) > 0 {
		switch p[0] >> 4 {
		case 4:
			return TypeIPv4
		case 6:
			return TypeIPv6
		}
	}
	return 0
}

// packetType says whom a destination address is for, as packet(7) counts.
func packetType(d *netdev.Device, dst netdev.MACAddr) skb.PacketType {
	switch {
	case dst == d.MAC:
		return skb.PacketHost
	case dst == netdev.BroadcastMAC:
		return skb.PacketBroadcast
	case dst.IsMulticast():
		return skb.PacketMulticast
	}
	return skb.PacketOtherHost
}
