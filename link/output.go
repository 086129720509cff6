package link

import (
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
)

// Output puts the link header before b and queues the frame for the device
// (dev_queue_xmit). It takes b over. The frame leaves, and the taps see it,
// with the next flush of the device table.
func (m *Module) Output(d *netdev.Device, dst netdev.MACAddr, etherType uint16, b *skb.Buffer) skb.Reason {
	b.EtherType = etherType
	if d.HasLink() {
		n := b.Len()
		b.EnsureHeadroom(HeaderLen)
		Header(b.Push(HeaderLen)).encode(dst, d.MAC, etherType, n)
	}
	b.SetLink()
	return d.Transmit(b)
}

// OutputRaw queues a frame whose link header is there already. If the caller
// leaves b.EtherType 0 it is read from the frame.
func (m *Module) OutputRaw(d *netdev.Device, b *skb.Buffer) skb.Reason {
	if d.HasLink() && !b.MayPull(HeaderLen) {
		return b.Drop(skb.PktTooSmall)
	}
	switch {
	case b.EtherType != 0:
	case d.HasLink():
		b.EtherType = Header(b.Data()).kind(b.Data()[HeaderLen:])
	default:
		b.EtherType = bareType(b.Data())
	}
	b.SetLink()
	return d.Transmit(b)
}
