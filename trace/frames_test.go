package trace

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/skb"
)

// frames are one packet of each kind that a filter tells apart, built by an
// independent encoder.
func frames(t testing.TB) [][]byte {
	var all [][]byte
	add := func(parts ...gopacket.SerializableLayer) {
		b := gopacket.NewSerializeBuffer()
		require.NoError(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, parts...))
		all = append(all, append([]byte(nil), b.Bytes()...))
	}
	for _, flow := range [][2]string{{"10.9.0.1", "10.9.0.2"}, {"10.9.0.2", "10.9.0.1"}, {"10.9.7.7", "192.168.1.1"}, {"1.2.3.4", "10.9.0.2"}, {"10.0.0.9", "10.0.0.9"}} {
		ip := func(p layers.IPProtocol) *layers.IPv4 {
			return &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: p, SrcIP: net.ParseIP(flow[0]).To4(), DstIP: net.ParseIP(flow[1]).To4()}
		}
		for _, ports := range [][2]uint16{{43210, 81}, {80, 40000}, {53, 53}, {443, 80}} {
			add(ether(0x0800), ip(6), &layers.TCP{SrcPort: layers.TCPPort(ports[0]), DstPort: layers.TCPPort(ports[1]), Seq: 1000, SYN: true})
			add(ether(0x0800), ip(17), &layers.UDP{SrcPort: layers.UDPPort(ports[0]), DstPort: layers.UDPPort(ports[1])}, gopacket.Payload("hello"))
		}
		options := ip(6)
		options.Options = []layers.IPv4Option{{OptionType: 7, OptionLength: 7, OptionData: make([]byte, 5)}, {OptionType: 0}}
		add(ether(0x0800), options, &layers.TCP{SrcPort: 1, DstPort: 80})
		later := ip(17)
		later.FragOffset = 185
		add(ether(0x0800), later, gopacket.Payload{0, 80, 0, 80, 0, 80, 0, 80})
		add(ether(0x0800), ip(1), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 80, Seq: 80})
		add(ether(0x0800), ip(2), gopacket.Payload{0, 80, 0, 80, 0, 0, 0, 0})
		add(ether(0x0800), ip(132), gopacket.Payload{0, 80, 0, 80, 0, 0, 0, 0})
		for _, typ := range []layers.EthernetType{0x0806, 0x8035} {
			add(ether(typ), &layers.ARP{AddrType: 1, Protocol: 0x0800, HwAddressSize: 6, ProtAddressSize: 4, Operation: 1, SourceHwAddress: make([]byte, 6),
				SourceProtAddress: net.ParseIP(flow[0]).To4(), DstHwAddress: make([]byte, 6), DstProtAddress: net.ParseIP(flow[1]).To4()})
		}
	}
	ip6 := func(p layers.IPProtocol) *layers.IPv6 {
		return &layers.IPv6{Version: 6, NextHeader: p, HopLimit: 1, SrcIP: net.ParseIP("fe80::1"), DstIP: net.ParseIP("2001:db8::2")}
	}
	add(ether(0x86dd), ip6(6), &layers.TCP{SrcPort: 80, DstPort: 2})
	add(ether(0x86dd), ip6(17), &layers.UDP{SrcPort: 3, DstPort: 53})
	add(ether(0x86dd), ip6(58), gopacket.Payload{135, 0, 0, 0, 0, 0, 0, 0})
	add(ether(0x86dd), ip6(44), gopacket.Payload{6, 0, 0, 0, 0, 0, 0, 1, 0, 80, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 80, 0, 0, 0, 0, 0, 0, 0})
	add(ether(0x88cc), gopacket.Payload(make([]byte, 60)))
	return all
}

func ether(typ layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: typ}
}

// received is a frame as a device delivers it.
func received(p *skb.Pool, frame []byte) *skb.Buffer {
	b := p.New(len(frame))
	b.Append(frame)
	b.IfIndex = 1
	b.SetLink()
	return b
}

// leaving is the same packet on its way out: at the network layer, or still
// without a network header.
func leaving(p *skb.Pool, frame []byte, early bool) *skb.Buffer {
	b := received(p, frame)
	ip := frame[14:]
	b.Meta = skb.Meta{ID: b.ID, Type: skb.PacketOutgoing, Net: skb.Net{
		Src: netip.AddrFrom4([4]byte(ip[12:])), Dst: netip.AddrFrom4([4]byte(ip[16:])), Proto: ip[9]}}
	out := p.New(len(frame))
	out.Meta = b.Meta
	hlen := int(ip[0]&0xf) * 4
	if early {
		out.Append(ip[hlen:])
		out.SetTransport()
	} else {
		out.Append(ip)
		out.SetNetwork()
	}
	b.Consume()
	return out
}

// pcapFile is frames in a capture file, numbered by their time.
func pcapFile(frames [][]byte) []byte {
	le := binary.LittleEndian
	f := le.AppendUint32(nil, 0xa1b2c3d4)
	f = le.AppendUint16(f, 2)
	f = le.AppendUint16(f, 4)
	f = append(f, make([]byte, 8)...)
	f = le.AppendUint32(f, 65535)
	f = le.AppendUint32(f, 1) // Ethernet
	for i, frame := range frames {
		for _, v := range []int{i, 0, len(frame), len(frame)} {
			f = le.AppendUint32(f, uint32(v))
		}
		f = append(f, frame...)
	}
	return f
}
