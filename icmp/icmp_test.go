package icmp_test

import (
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

func request(typ uint8, n int) []gopacket.SerializableLayer {
	return []gopacket.SerializableLayer{
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(typ, 0), Id: 0x77, Seq: 3}, gopacket.Payload(make([]byte, n))}
}

func send(p *world.Peer, ip *layers.IPv4, parts ...gopacket.SerializableLayer) {
	p.Send(append([]gopacket.SerializableLayer{p.Ether(layers.EthernetTypeIPv4), ip}, parts...)...)
}

func icmpOf(t *testing.T, pkt gopacket.Packet) *layers.ICMPv4 {
	i, ok := pkt.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	require.True(t, ok, "not ICMP: %v", pkt)
	return i
}

func ipOf(pkt gopacket.Packet) *layers.IPv4 { return pkt.Layer(layers.LayerTypeIPv4).(*layers.IPv4) }

func udpTo(t *testing.T, p *world.Peer, ip *layers.IPv4, port uint16, n int) []gopacket.SerializableLayer {
	u := &layers.UDP{SrcPort: 1000, DstPort: layers.UDPPort(port)}
	require.NoError(t, u.SetNetworkLayerForChecksum(ip))
	return []gopacket.SerializableLayer{u, gopacket.Payload(make([]byte, n))}
}

// RFC 1122 3.2.2.6.
func TestEchoIsAnsweredAsLinuxDoes(t *testing.T) { // B32
	for _, n := range []int{0, 1, 56, 1472} {
		p := world.NewPeer(t)
		p.Introduce()
		ip := p.IPv4(layers.IPProtocolICMPv4)
		ip.TOS, ip.TTL, ip.Flags = 0x48, 9, layers.IPv4DontFragment
		send(p, ip, request(8, n)...)
		pkt := p.One()
		i := icmpOf(t, pkt)
		require.Equal(t, layers.CreateICMPv4TypeCode(0, 0), i.TypeCode)
		require.EqualValues(t, 0x77, i.Id)
		require.EqualValues(t, 3, i.Seq)
		require.Len(t, i.Payload, n)
		require.EqualValues(t, 0x48, ipOf(pkt).TOS, "tos is copied")
		require.EqualValues(t, 64, ipOf(pkt).TTL)
		require.Zero(t, ipOf(pkt).Flags&layers.IPv4DontFragment, "DF is clear")
	}
}

func TestEchoToABroadcastIsNotAnswered(t *testing.T) { // B32
	for _, dst := range []net.IP{net.IPv4(10, 0, 0, 255).To4(), net.IPv4bcast.To4(), net.IPv4(224, 0, 0, 1).To4()} {
		p := world.NewPeer(t)
		ip := p.IPv4(layers.IPProtocolICMPv4)
		ip.DstIP = dst
		send(p, ip, request(8, 10)...)
		p.Silent(dst)
		require.EqualValues(t, 1, p.S.Pool().Drops(skb.ICMPIgnored))
	}
}

// RFC 1122 3.2.2.8, 3.2.2.9.
func TestTimestampIsAnsweredAndAddressMaskIsNot(t *testing.T) { // B32
	p := world.NewPeer(t)
	p.Introduce()
	send(p, p.IPv4(layers.IPProtocolICMPv4), request(13, 12)...)
	i := icmpOf(t, p.One())
	require.Equal(t, layers.CreateICMPv4TypeCode(14, 0), i.TypeCode)
	midnight := p.Clock.Wall().Truncate(24 * time.Hour)
	require.EqualValues(t, p.Clock.Wall().Sub(midnight).Milliseconds(), binary.BigEndian.Uint32(i.Payload[4:]))
	send(p, p.IPv4(layers.IPProtocolICMPv4), request(17, 4)...)
	p.Silent()
}

func TestABadChecksumIsNotAnswered(t *testing.T) { // B10
	p := world.NewPeer(t)
	p.Introduce()
	frame := p.Build(append([]gopacket.SerializableLayer{p.Ether(layers.EthernetTypeIPv4), p.IPv4(layers.IPProtocolICMPv4)}, request(8, 20)...)...)
	frame[len(frame)-1] ^= 1
	p.SendRaw(frame)
	p.Silent()
	require.EqualValues(t, 1, p.S.Counters().Get(stat.IcmpInCsumErrors))
}

// RFC 1812 4.3.2.4, 4.3.2.5: from the address that was asked, with the precedence
// of internetwork control.
func TestAClosedUDPPortIsUnreachable(t *testing.T) { // B33
	p := world.NewPeer(t)
	p.Introduce()
	ip := p.IPv4(layers.IPProtocolUDP)
	ip.TOS = 0x10
	send(p, ip, udpTo(t, p, ip, 9, 1000)...)
	pkt := p.One()
	require.Equal(t, layers.CreateICMPv4TypeCode(3, 3), icmpOf(t, pkt).TypeCode)
	require.EqualValues(t, 576, ipOf(pkt).Length, "at most 576 bytes")
	require.EqualValues(t, 0xc0, ipOf(pkt).TOS&0xe0, "internetwork control")
	require.Equal(t, world.StackIP, ipOf(pkt).SrcIP.To4())
	quoted := icmpOf(t, pkt).Payload
	require.EqualValues(t, 0x45, quoted[0])
	require.Equal(t, []byte(world.PeerIP), quoted[12:16])
}

// RFC 1812 4.3.
func TestErrorsThatMustNotBeSentAreNot(t *testing.T) { // B33, RFC 1122 3.2.2
	for name, change := range map[string]func(p *world.Peer, e *layers.Ethernet, ip *layers.IPv4){
		"broadcast": func(_ *world.Peer, e *layers.Ethernet, ip *layers.IPv4) { ip.DstIP = net.IPv4(10, 0, 0, 255).To4() },
		"multicast": func(_ *world.Peer, e *layers.Ethernet, ip *layers.IPv4) { ip.DstIP = net.IPv4(224, 0, 0, 1).To4() },
		"link broadcast": func(_ *world.Peer, e *layers.Ethernet, ip *layers.IPv4) {
			e.DstMAC = net.HardwareAddr{255, 255, 255, 255, 255, 255}
		},
		"source is many": func(_ *world.Peer, e *layers.Ethernet, ip *layers.IPv4) { ip.SrcIP = net.IPv4(10, 0, 0, 255).To4() },
		"source is zero": func(_ *world.Peer, e *layers.Ethernet, ip *layers.IPv4) { ip.SrcIP = net.IPv4zero.To4() },
	} {
		p := world.NewPeer(t)
		p.Introduce()
		ip, e := p.IPv4(layers.IPProtocolUDP), p.Ether(layers.EthernetTypeIPv4)
		change(p, e, ip)
		p.Send(append([]gopacket.SerializableLayer{e, ip}, udpTo(t, p, ip, 9, 10)...)...)
		p.Silent(name)
	}
}

func TestNoErrorAnswersAnError(t *testing.T) { // B33
	p := world.NewPeer(t)
	require.NoError(t, p.S.SetSysctl("net.ipv4.ip_forward", "1"))
	p.Introduce()
	for _, typ := range []uint8{3, 4, 5, 11, 12} {
		ip := p.IPv4(layers.IPProtocolICMPv4)
		ip.TTL, ip.DstIP = 1, net.IPv4(192, 0, 2, 1).To4()
		send(p, ip, request(typ, 28)...)
		p.Silent(typ)
	}
	ip := p.IPv4(layers.IPProtocolICMPv4)
	ip.TTL, ip.DstIP = 1, net.IPv4(192, 0, 2, 1).To4()
	send(p, ip, request(8, 28)...)
	require.Equal(t, layers.CreateICMPv4TypeCode(11, 0), icmpOf(t, p.One()).TypeCode, "an echo request is answered")
}

// RFC 1812 4.3.2.8.
func TestErrorsAreLimitedForEachTarget(t *testing.T) { // B36
	p := world.NewPeer(t)
	p.Introduce()
	ip := p.IPv4(layers.IPProtocolUDP)
	for range 40 {
		send(p, ip, udpTo(t, p, ip, 9, 10)...)
	}
	require.Len(t, p.Take(), 6, "the bucket's depth")
	sent := 0
	for range 10 {
		p.Wait(time.Second)
		p.Introduce() // or ARP would doubt the peer meanwhile
		for range 5 {
			send(p, ip, udpTo(t, p, ip, 9, 10)...)
		}
		for _, pkt := range p.Take() {
			if pkt.Layer(layers.LayerTypeICMPv4) != nil {
				sent++
			}
		}
	}
	require.Equal(t, 10, sent, "one a second")
	require.NotZero(t, p.S.Counters().Get(stat.IcmpOutRateLimitHost))
}

func TestErrorsAreLimitedInAll(t *testing.T) { // B36: 1000 a second, 50 at once
	p := world.NewPeer(t)
	sent := 0
	for i := range 400 {
		ip := p.IPv4(layers.IPProtocolUDP)
		ip.SrcIP = net.IPv4(10, 0, 0, byte(20+i%200)).To4()
		a := p.ARP(layers.ARPRequest)
		a.SourceProtAddress = ip.SrcIP
		p.Send(p.Ether(layers.EthernetTypeARP), a)
		p.Take()
		send(p, ip, udpTo(t, p, ip, 9, 10)...)
		sent += len(p.Take())
	}
	require.Equal(t, 50, sent)
	require.NotZero(t, p.S.Counters().Get(stat.IcmpOutRateLimitGlobal))
}

// FuzzICMP has the stack read any message.
func FuzzICMP(f *testing.F) {
	for typ := range uint8(20) {
		f.Add(typ, uint8(0), []byte("\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x09\x00\x35\x00\x35\x00\x08\x00\x00"))
	}
	f.Fuzz(func(t *testing.T, typ, code uint8, body []byte) {
		if len(body) > 1400 {
			return
		}
		p := world.NewPeer(t)
		p.Introduce()
		c, err := p.S.Dial("udp", "10.0.0.9:53")
		require.NoError(t, err)
		defer c.Close()
		send(p, p.IPv4(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(typ, code)}, gopacket.Payload(body))
		p.Take()
	})
}
