package main

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"
)

func build(t testing.TB, parts ...gopacket.SerializableLayer) []byte {
	buf := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true}, parts...))
	return append([]byte(nil), buf.Bytes()...)
}

func testIP(proto layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Id: 7, Protocol: proto, SrcIP: []byte{10, 0, 0, 1}, DstIP: []byte{10, 0, 0, 2}}
}

func TestPacketsAreDescribedInTcpdumpsWords(t *testing.T) {
	echo := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 3, Seq: 4}
	frag := testIP(layers.IPProtocolICMPv4)
	frag.Flags, frag.FragOffset = layers.IPv4MoreFragments, 185
	first := testIP(layers.IPProtocolICMPv4)
	first.Flags = layers.IPv4MoreFragments
	for want, p := range map[string][]byte{
		"IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 3, seq 4, length 10": build(t, testIP(layers.IPProtocolICMPv4), echo, gopacket.Payload("hi")),
		"IP 10.0.0.1.80 > 10.0.0.2.81: Flags [S.], seq 9, ack 5, win 100, length 0": build(t, testIP(layers.IPProtocolTCP),
			&layers.TCP{SrcPort: 80, DstPort: 81, Seq: 9, Ack: 5, SYN: true, ACK: true, Window: 100}),
		"IP 10.0.0.1.53 > 10.0.0.2.54: UDP, length 3":                                                 build(t, testIP(layers.IPProtocolUDP), &layers.UDP{SrcPort: 53, DstPort: 54}, gopacket.Payload("abc")),
		"IP 10.0.0.1 > 10.0.0.2: ICMP (frag id 7, 2 bytes at 1480+)":                                  build(t, frag, gopacket.Payload("ab")),
		"IP 10.0.0.1 > 10.0.0.2: protocol 253, length 1":                                              build(t, testIP(253), gopacket.Payload("x")),
		"IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 3, seq 4, length 8 (frag id 7, 8 bytes at 0+)": build(t, first, echo),
		"IP 10.0.0.1 > 10.0.0.2: ICMP, length 0":                                                      build(t, testIP(layers.IPProtocolICMPv4)),
	} {
		require.Equal(t, want, describeIPv4(p))
	}
	arp := &layers.ARP{AddrType: 1, Protocol: 0x800, HwAddressSize: 6, ProtAddressSize: 4, Operation: 1,
		SourceHwAddress: []byte{2, 0, 0, 0, 0, 1}, SourceProtAddress: []byte{10, 0, 0, 1}, DstHwAddress: make([]byte, 6), DstProtAddress: []byte{10, 0, 0, 2}}
	eth := &layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, 1}, DstMAC: []byte{255, 255, 255, 255, 255, 255}, EthernetType: layers.EthernetTypeARP}
	require.Equal(t, "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ARP, Request who-has 10.0.0.2 tell 10.0.0.1", describeFrame(build(t, eth, arp)))
}

func TestHexdumpIsHexdumps(t *testing.T) {
	var b strings.Builder
	require.NoError(t, hexdump(&b, []byte("GET / HTTP/1.0\r\n\r\n")))
	require.Equal(t, "00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 30 0d 0a  |GET / HTTP/1.0..|\n"+
		"00000010  0d 0a                                             |..|\n", b.String())
}

// FuzzDescribe: whatever comes, there is a line, and no panic.
func FuzzDescribe(f *testing.F) {
	for _, s := range []string{"", "45", "4500002800000000400600000a0000010a000002005000510000000900000005f012006400000000"} {
		p, _ := hex.DecodeString(s)
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		require.NotEmpty(t, describeFrame(p))
		require.NotEmpty(t, describeIPv4(p))
		require.NotEmpty(t, describePacket(0x0806, p))
	})
}
