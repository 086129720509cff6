package link_test

import (
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/stretchr/testify/require"
)

var peer = netdev.MACAddr{2, 0, 0, 0, 0, 9}

func (b *bare) packet(headroom int, payload ...byte) *skb.Buffer {
	p := b.env.Pool.NewRaw(headroom + len(payload))
	p.Reserve(headroom)
	copy(p.Put(len(payload)), payload)
	p.SetNetwork()
	return p
}

func TestAnIndependentReaderFindsTheHeaderThatOutputWrote(t *testing.T) {
	for _, headroom := range []int{0, 13, 160} {
		b := newBare(t, 0)
		require.Equal(t, skb.NotDropped, b.m.Output(b.d, peer, link.TypeARP, b.packet(headroom, 1, 2, 3)))
		b.env.Dev.Flush()
		e := gopacket.NewPacket(b.wire.last, layers.LayerTypeEthernet, gopacket.Lazy).LinkLayer().(*layers.Ethernet)
		require.Equal(t, net.HardwareAddr(peer[:]), e.DstMAC)
		require.Equal(t, net.HardwareAddr(mac[:]), e.SrcMAC)
		require.Equal(t, layers.EthernetTypeARP, e.EthernetType)
		require.Equal(t, []byte{1, 2, 3}, e.LayerPayload())
	}
}

func TestADeviceWithoutLinkHeaderGetsThePacketAsItIs(t *testing.T) {
	b := newBare(t, netdev.NoLink)
	require.Equal(t, skb.NotDropped, b.m.Output(b.d, peer, link.TypeIPv4, b.packet(0, 0x45, 2)))
	b.env.Dev.Flush()
	require.Equal(t, []byte{0x45, 2}, b.wire.last)
}

func TestARawFrameLeavesAsItIs(t *testing.T) { // B21: 14 bytes pass, fewer do not
	b := newBare(t, 0)
	var types []uint16
	b.m.AddTap(&link.Tap{Deliver: func(_ *netdev.Device, c *skb.Buffer) {
		types = append(types, c.EtherType)
		require.Zero(t, c.Len(), "the data begins at the network header")
		require.Len(t, c.Link(), link.HeaderLen)
		c.Consume()
	}})
	f := frame(peer, 0x88b5)
	require.Equal(t, skb.NotDropped, b.m.OutputRaw(b.d, b.packet(0, f...)))
	require.Equal(t, skb.PktTooSmall, b.m.OutputRaw(b.d, b.packet(0, f[:13]...)))
	b.env.Dev.Flush()
	require.Equal(t, 1, b.wire.frames)
	require.Equal(t, f, b.wire.last)
	require.Equal(t, []uint16{0x88b5}, types)
}

func TestADeviceThatIsDownTransmitsAndShowsNothing(t *testing.T) {
	b := newBare(t, 0)
	b.m.AddTap(&link.Tap{Deliver: func(*netdev.Device, *skb.Buffer) { t.Error("a tap saw what did not leave") }})
	b.d.SetFlags(0, netdev.Up)
	require.Equal(t, skb.DevReady, b.m.Output(b.d, peer, link.TypeIPv4, b.packet(20, 0x45)))
	require.Equal(t, skb.DevReady, b.m.OutputRaw(b.d, b.packet(0, frame(peer, link.TypeIPv4)...)))
}
