package link

import (
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
)

// Output puts the link header before b, shows the frame to the taps and queues
// it for the device (dev_queue_xmit). It takes b over. The frame leaves with
// the next flush of the device table.
func (m *Module) Output(d *netdev.Device, dst netdev.MACAddr, etherType uint16, b *skb.Buffer) skb.Reason {
	b.EtherType = etherType
	if d.HasLink() {
		b.EnsureHeadroom(HeaderLen)
		Header(b.Push(HeaderLen)).encode(dst, d.MAC, etherType)
	}
	b.SetLink()
	m.tapOutgoing(d, b)
	return d.Transmit(b)
}

// OutputRaw queues a frame whose link header is there already, the EtherType in
// it. Devices without a link header take b.EtherType from the caller.
func (m *Module) OutputRaw(d *netdev.Device, b *skb.Buffer) skb.Reason {
	if d.HasLink() {
		if !b.MayPull(HeaderLen) {
			return b.Drop(skb.PktTooSmall)
		}
		b.EtherType = Header(b.Data()).Type()
	}
	b.SetLink()
	m.tapOutgoing(d, b)
	return d.Transmit(b)
}
