package link_test

import (
	"testing"

	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
	"github.com/stretchr/testify/require"
)

func TestTheHandlerGetsTheNetworkPacketWithItsHeadersMarked(t *testing.T) {
	b := newBare(t, 0)
	f := frame(mac, link.TypeIPv4, 0x45, 1, 2, 3)
	require.Equal(t, skb.NotDropped, b.input(f))
	require.Len(t, b.got, 1)
	p := b.got[0]
	require.Equal(t, f[link.HeaderLen:], p.Data())
	require.Equal(t, f, p.Link())
	require.Equal(t, f[link.HeaderLen:], p.Network())
	require.EqualValues(t, link.TypeIPv4, p.EtherType)
	require.Equal(t, skb.PacketHost, p.Type)
}

// A group that the host has not joined is the network layer's to refuse, as on
// Linux: the link says only that many were meant.
func TestADestinationAddressDecidesThePacketType(t *testing.T) { // B13
	for _, c := range []struct {
		dst  netdev.MACAddr
		want skb.PacketType
	}{
		{mac, skb.PacketHost},
		{netdev.BroadcastMAC, skb.PacketBroadcast},
		{netdev.MACAddr{1, 0, 0x5e, 0, 0, 1}, skb.PacketMulticast},
		{netdev.MACAddr{1, 0, 0x5e, 9, 9, 9}, skb.PacketMulticast},
	} {
		b := newBare(t, 0)
		require.Equal(t, skb.NotDropped, b.input(frame(c.dst, link.TypeIPv4, 0x45)), c.dst)
		require.Equal(t, c.want, b.got[0].Type, c.dst)
	}
}

func TestAnotherStationsFrameReachesNoHandlerEvenInPromiscuousMode(t *testing.T) { // B13
	b := newBare(t, 0)
	b.d.SetFlags(netdev.Promisc, 0)
	require.Equal(t, skb.OtherHost, b.input(frame(netdev.MACAddr{2, 9, 9, 9, 9, 9}, link.TypeIPv4, 0x45)))
	require.Empty(t, b.got)
}

func TestAFrameOfOnlyAHeaderIsNoRunt(t *testing.T) {
	b := newBare(t, 0)
	f := frame(mac, link.TypeIPv4)
	require.Equal(t, skb.NotDropped, b.input(f))
	require.Zero(t, b.got[0].Len())
	for n := range f {
		require.Equal(t, skb.PktTooSmall, b.input(f[:n]), n)
	}
}

func TestWithoutALinkHeaderTheIPVersionIsTheType(t *testing.T) {
	for first, want := range map[byte]skb.Reason{0x45: skb.NotDropped, 0x60: skb.UnhandledProto, 0x00: skb.UnhandledProto, 0xf0: skb.UnhandledProto} {
		b := newBare(t, netdev.NoLink)
		require.Equal(t, want, b.input([]byte{first, 2, 3}), "%#x", first)
		if want == skb.NotDropped {
			require.Equal(t, []byte{first, 2, 3}, b.got[0].Network(), "nothing is pulled")
			require.Equal(t, skb.PacketHost, b.got[0].Type)
		}
	}
	b := newBare(t, netdev.NoLink)
	require.Equal(t, skb.PktTooSmall, b.input(nil))
}

func TestAnIEEE8023LengthIsNoEtherType(t *testing.T) {
	b := newBare(t, 0)
	b.m.Handle(38, func(_ *netdev.Device, p *skb.Buffer) skb.Reason { p.Consume(); return skb.NotDropped })
	require.Equal(t, skb.UnhandledProto, b.input(frame(mac, 38, 0x42, 0x42, 3)))
}

func TestALaterHandlerReplacesTheEarlier(t *testing.T) {
	b := newBare(t, 0)
	b.m.Handle(link.TypeIPv4, func(_ *netdev.Device, p *skb.Buffer) skb.Reason { return p.Drop(skb.IPInHdr) })
	require.Equal(t, skb.IPInHdr, b.input(frame(mac, link.TypeIPv4, 0x45)))
}

func TestTheWayThroughTheLinkIsRecorded(t *testing.T) { // events packet.lookup and link.demux
	b := newBare(t, 0)
	b.m.AddTap(&link.Tap{Deliver: func(_ *netdev.Device, c *skb.Buffer) { c.Consume() }})
	b.env.Trace.Start(trace.Watch{})
	b.input(frame(netdev.BroadcastMAC, link.TypeIPv6, 0x60))
	recs, _ := b.env.Trace.Read(0, nil)
	var events []trace.Event
	for _, r := range recs {
		events = append(events, r.Event)
		if r.Event != trace.StackDrop {
			require.Equal(t, [2]uint32{link.TypeIPv6, uint32(skb.PacketBroadcast)}, [2]uint32(r.Args[:2]))
		}
	}
	require.Equal(t, []trace.Event{trace.PacketLookup, trace.LinkDemux}, events)
}
