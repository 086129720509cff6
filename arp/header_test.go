package arp

import (
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"
)

func TestAnIndependentReaderFindsWhatEncodeWrote(t *testing.T) {
	h := make(Header, HeaderLen)
	h.encode(&packet{op: OpReply, senderMAC: theyAre, targetMAC: another, senderIP: theirs, targetIP: ours})
	require.True(t, h.Valid())
	a := gopacket.NewPacket(h, layers.LayerTypeARP, gopacket.Lazy).Layer(layers.LayerTypeARP).(*layers.ARP)
	a.BaseLayer = layers.BaseLayer{}
	require.Equal(t, &layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: layers.ARPReply, SourceHwAddress: theyAre[:], SourceProtAddress: net.IPv4(10, 0, 0, 9).To4(),
		DstHwAddress: another[:], DstProtAddress: net.IPv4(10, 0, 0, 1).To4()}, a)
	require.EqualValues(t, OpReply, h.Op())
	require.Equal(t, theyAre, h.SenderMAC())
	require.Equal(t, theirs, h.SenderIP())
	require.Equal(t, another, h.TargetMAC())
	require.Equal(t, ours, h.TargetIP())
}

func TestOnlyIPv4OverEthernetIsValid(t *testing.T) { // B28
	good := func() Header {
		h := make(Header, HeaderLen)
		h.encode(&packet{op: OpRequest, senderIP: theirs, targetIP: ours})
		return h
	}
	for n := range HeaderLen {
		require.False(t, good()[:n].Valid(), "%d bytes", n)
	}
	for i := range 6 { // hardware type, protocol type, both lengths
		h := good()
		h[i] ^= 0x80
		require.False(t, h.Valid(), "byte %d", i)
	}
	h := good()
	h[1] = 6
	require.True(t, h.Valid(), "IEEE 802 (RFC 1042)")
}
