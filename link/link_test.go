package link_test

import (
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// seen is a frame that a tap got.
type seen struct {
	typ   skb.PacketType
	ether uint16
	link  int // bytes from the link header on
	net   int // from the network header on
}

func tap(p *world.Peer, etherType uint16) *[]seen {
	var list []seen
	p.S.Link().AddTap(&link.Tap{EtherType: etherType, Deliver: func(_ *netdev.Device, b *skb.Buffer) {
		list = append(list, seen{b.Type, b.EtherType, len(b.Link()), b.Len()})
		b.Consume()
	}})
	return &list
}

func echo(p *world.Peer) []gopacket.SerializableLayer {
	return []gopacket.SerializableLayer{p.Ether(layers.EthernetTypeIPv4), p.IPv4(layers.IPProtocolICMPv4),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 1, Seq: 1}, gopacket.Payload("0123456789abcdef0123456789abcdef")}
}

func TestTapsSeeTheLinkHeaderAndTheStackStillAnswers(t *testing.T) { // B16, B7's order at the link
	p := world.NewPeer(t)
	p.Introduce()
	got := tap(p, link.TypeIPv4)
	p.Send(echo(p)...)
	require.Equal(t, []seen{{skb.PacketHost, link.TypeIPv4, 14 + 20 + 8 + 32, 20 + 8 + 32}}, *got)
	require.NotNil(t, p.One().Layer(layers.LayerTypeICMPv4))
}

func TestOnlyATapOfEverythingSeesWhatLeaves(t *testing.T) { // B20
	p := world.NewPeer(t)
	p.Introduce()
	all, ip := tap(p, 0), tap(p, link.TypeIPv4)
	p.Send(echo(p)...)
	p.Take()
	require.Len(t, *ip, 1)
	require.Len(t, *all, 2)
	require.Equal(t, skb.PacketOutgoing, (*all)[1].typ, "packet type 4")
	require.EqualValues(t, 4, skb.PacketOutgoing)
}

func TestAFrameForAnotherStationIsSeenByTapsAlone(t *testing.T) { // B13
	p := world.NewPeer(t)
	p.Introduce()
	got := tap(p, link.TypeIPv4)
	parts := echo(p)
	parts[0].(*layers.Ethernet).DstMAC = net.HardwareAddr{2, 9, 9, 9, 9, 9}
	p.Send(parts...)
	p.Silent()
	require.Equal(t, skb.PacketOtherHost, (*got)[0].typ)
	require.EqualValues(t, 3, skb.PacketOtherHost)
	require.EqualValues(t, 1, p.S.Pool().Drops(skb.OtherHost))
}

func TestABroadcastFrameIsPacketType1(t *testing.T) { // B13
	p := world.NewPeer(t)
	got := tap(p, link.TypeIPv4)
	parts := echo(p)
	parts[0].(*layers.Ethernet).DstMAC = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	p.Send(parts...)
	require.EqualValues(t, 1, (*got)[0].typ)
}

func TestTapsSeeWhatTheLayersAboveReject(t *testing.T) { // B10
	p := world.NewPeer(t)
	got := tap(p, link.TypeIPv4)
	frame := p.Build(echo(p)...)
	frame[14+10]++ // the IP checksum
	p.SendRaw(frame)
	p.Silent()
	require.Len(t, *got, 1)
	require.EqualValues(t, 1, p.S.Pool().Drops(skb.IPCsum))
}

func TestFramesThatNobodyHandlesAreDroppedWithTheirReason(t *testing.T) {
	for name, c := range map[string]struct {
		frame func(p *world.Peer) []byte
		want  skb.Reason
	}{
		"a runt": {func(p *world.Peer) []byte { return p.StackMAC()[:5] }, skb.PktTooSmall},
		"VLAN": {func(p *world.Peer) []byte {
			return p.Build(p.Ether(layers.EthernetTypeDot1Q), gopacket.Payload(make([]byte, 50)))
		}, skb.UnhandledProto},
		"802.3 length": {func(p *world.Peer) []byte {
			return append(append(append([]byte(nil), p.StackMAC()...), p.MAC...), append([]byte{0, 50}, make([]byte, 50)...)...)
		}, skb.UnhandledProto},
	} {
		p := world.NewPeer(t)
		p.SendRaw(c.frame(p))
		p.Silent(name)
		require.EqualValues(t, 1, p.S.Pool().Drops(c.want), name)
	}
}

func TestARemovedTapSeesNothing(t *testing.T) {
	p := world.NewPeer(t)
	n := 0
	tp := &link.Tap{Deliver: func(_ *netdev.Device, b *skb.Buffer) { n++; b.Consume() }}
	p.S.Link().AddTap(tp)
	p.Introduce()
	require.Equal(t, 2, n)
	p.S.Link().RemoveTap(tp)
	p.Introduce()
	require.Equal(t, 2, n)
}

// FuzzFrames is the fuzz target of the whole stack: whatever comes in by the
// link, nothing panics, and every buffer meets one fate.
func FuzzFrames(f *testing.F) {
	p := world.NewPeer(f)
	syn := &layers.TCP{SrcPort: 1, DstPort: 80, SYN: true, Seq: 7, Window: 1000}
	ip := p.IPv4(layers.IPProtocolTCP)
	_ = syn.SetNetworkLayerForChecksum(ip)
	udp := &layers.UDP{SrcPort: 1, DstPort: 53}
	uip := p.IPv4(layers.IPProtocolUDP)
	_ = udp.SetNetworkLayerForChecksum(uip)
	frag := p.IPv4(layers.IPProtocolUDP)
	frag.Flags = layers.IPv4MoreFragments
	for _, seed := range [][]byte{
		p.Build(echo(p)...),
		p.Build(p.Ether(layers.EthernetTypeARP), p.ARP(layers.ARPRequest)),
		p.Build(p.Ether(layers.EthernetTypeIPv4), ip, syn),
		p.Build(p.Ether(layers.EthernetTypeIPv4), uip, udp, gopacket.Payload("query")),
		p.Build(p.Ether(layers.EthernetTypeIPv4), frag, gopacket.Payload(make([]byte, 64))),
	} {
		f.Add(seed, uint8(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		p := world.NewPeer(t)
		l, err := p.S.Listen("tcp", ":80")
		require.NoError(t, err)
		defer l.Close()
		u, err := p.S.ListenPacket("udp", ":53")
		require.NoError(t, err)
		defer u.Close()
		n := int(cut)%8 + 1
		for i := range n { // the input is cut into frames for one stack
			p.SendRaw(data[len(data)*i/n : len(data)*(i+1)/n])
		}
		p.Take()
	})
}
