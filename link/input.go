package link

import (
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
)

// Input takes over a received frame (eth_type_trans, __netif_receive_skb_core):
// taps first, each with a clone, whomever the frame is for and whatever is in
// it (B10, B13), then the handler of its EtherType.
func (m *Module) Input(d *netdev.Device, b *skb.Buffer) skb.Reason {
	b.SetLink()
	if r := classify(d, b); r != skb.NotDropped {
		return b.Drop(r)
	}
	m.tap(d, b, b.EtherType)
	if b.Traced {
		m.env.Trace.Packet(trace.LinkDemux, b, uint32(b.EtherType), uint32(b.Type), 0, 0)
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
	b.EtherType = h.Type()
	b.Type = packetType(d, h.Dst())
	b.Pull(HeaderLen)
	b.SetNetwork()
	if b.EtherType < minType {
		b.EtherType = 0 // IEEE 802.3 with a length: nobody handles it
	}
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
	switch b.Data()[0] >> 4 {
	case 4:
		b.EtherType = TypeIPv4
	case 6:
		b.EtherType = TypeIPv6
	default:
		b.EtherType = 0
	}
	return skb.NotDropped
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
