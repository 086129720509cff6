package bridge

import (
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
)

// input takes over a frame that came in by a port (br_handle_frame,
// br_handle_frame_finish): its source is learnt, and it leaves by the port of
// its destination, or by all.
func (b *Bridge) input(in *netdev.Device, p *skb.Buffer) skb.Reason {
	p.PushToLink()
	h := link.Header(p.Data())
	src, dst := h.Src(), h.Dst()
	switch {
	case src.IsMulticast() || src == (netdev.MACAddr{}):
		return p.Drop(skb.MACInvalidSource)
	case isReserved(dst) && b.fdb.ageing != 0:
		return p.Drop(skb.BridgeReserved)
	}
	now := b.env.Clock.Now()
	b.fdb.learn(src, in, now)
	if dst.IsMulticast() {
		return b.flood(in, p)
	}
	switch out := b.fdb.find(dst, now); {
	case out == nil:
		return b.flood(in, p)
	case out == in:
		return p.Drop(skb.BridgeSamePort)
	default:
		return b.output(out, p)
	}
}

// isReserved reports an address whose frames stay on their link, 01-80-C2-00-
// 00-00 to -0F (IEEE 802.1D-2004 7.12.6). A hub, which is below that layer,
// repeats them.
func isReserved(m netdev.MACAddr) bool {
	return m[0] == 0x01 && m[1] == 0x80 && m[2] == 0xc2 && m[3] == 0 && m[4] == 0 && m[5] < 0x10
}

// flood sends a frame out of every other port (br_flood).
func (b *Bridge) flood(in *netdev.Device, p *skb.Buffer) skb.Reason {
	var last *netdev.Device
	for _, out := range *b.ports.Load() {
		if out == in || !out.Up() {
			continue
		}
		if last != nil {
			b.output(last, p.Clone()) // what one port cannot take, others may
		}
		last = out
	}
	if last == nil {
		return p.Drop(skb.BridgeNoPort)
	}
	return b.output(last, p)
}

// output queues the frame as it is (br_dev_queue_push_xmit).
func (b *Bridge) output(out *netdev.Device, p *skb.Buffer) skb.Reason {
	if p.Traced {
		b.env.Trace.Packet(trace.LinkBridge, p, uint32(out.Index), uint32(p.Len()), 0, 0)
	}
	return b.link.OutputRaw(out, p)
}
