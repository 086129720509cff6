package ministack_test

import (
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// echoTo sends an echo request to an address that is not the stack's.
func echoTo(p *world.Peer, dst net.IP) {
	ip := p.IPv4(layers.IPProtocolICMPv4)
	ip.DstIP = dst
	p.Send(p.Ether(layers.EthernetTypeIPv4), ip,
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 1, Seq: 1}, gopacket.Payload("data"))
}

var elsewhere = net.IPv4(203, 0, 113, 1).To4()

func TestOnlyAPromiscuousDeviceTakesWhatIsForOthers(t *testing.T) {
	p := world.NewPeer(t)
	p.Introduce()
	echoTo(p, elsewhere)
	p.Silent("a device without modes is as before")
	require.EqualValues(t, 1, p.S.Pool().Drops(skb.IPForwardOff))
	require.NoError(t, p.S.SetPromiscuousMode("eth0", true))
	echoTo(p, elsewhere)
	p.Silent("it may not answer from another's address")
	require.NoError(t, p.S.SetSpoofing("eth0", true))
	echoTo(p, elsewhere)
	reply := p.One()
	require.Equal(t, "203.0.113.1->10.0.0.9", reply.NetworkLayer().NetworkFlow().String())
	require.NoError(t, p.S.SetPromiscuousMode("eth0", false))
	echoTo(p, elsewhere)
	p.Silent()
	require.ErrorIs(t, p.S.SetPromiscuousMode("eth7", true), syscall.ENODEV)
}

// RFC 1122 3.2.1.3: the checks of sources and destinations stay.
func TestAPromiscuousDeviceTakesNoMartians(t *testing.T) {
	p := world.NewPeer(t)
	p.Introduce()
	everything(t, p.S, "eth0")
	for _, dst := range []net.IP{net.IPv4(127, 0, 0, 1).To4(), net.IPv4zero.To4(), net.IPv4(224, 0, 0, 9).To4()} {
		echoTo(p, dst)
		p.Silent("to %v", dst)
	}
	for _, src := range []net.IP{net.IPv4(127, 0, 0, 1).To4(), world.StackIP, net.IPv4(224, 0, 0, 1).To4(), net.IPv4bcast.To4()} {
		ip := p.IPv4(layers.IPProtocolICMPv4)
		ip.SrcIP, ip.DstIP = src, elsewhere
		p.Send(p.Ether(layers.EthernetTypeIPv4), ip, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0)})
		p.Silent("from %v", src)
	}
	eth := p.Ether(layers.EthernetTypeIPv4)
	eth.DstMAC = net.HardwareAddr{2, 9, 9, 9, 9, 9}
	ip := p.IPv4(layers.IPProtocolICMPv4)
	ip.DstIP = elsewhere
	p.Send(eth, ip, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0)})
	p.Silent("another station's frame")
}

func TestASpoofingDeviceLetsSocketsHaveAnyAddress(t *testing.T) {
	client, gateway := pair(t)
	_, err := gateway.ListenPacket("udp", "203.0.113.1:53")
	require.ErrorIs(t, err, syscall.EADDRNOTAVAIL)
	everything(t, gateway, "eth0")
	require.NoError(t, client.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr(world.Addr(1)), ""))
	u, err := gateway.ListenPacket("udp", "203.0.113.1:53")
	require.NoError(t, err)
	l, err := gateway.Listen("tcp", "203.0.113.1:80")
	require.NoError(t, err)
	c, err := client.Dial("udp", "203.0.113.1:53")
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = c.Write([]byte("q"))
	require.NoError(t, err)
	b := make([]byte, 9)
	n, from, err := u.ReadFrom(b)
	require.NoError(t, err)
	_, err = u.WriteTo(b[:n], from)
	require.NoError(t, err)
	_, err = c.Read(b)
	require.NoError(t, err, "the answer came from the address that was asked")
	tc, err := client.Dial("tcp", "203.0.113.1:80")
	require.NoError(t, err)
	require.NoError(t, tc.Close())
	s, err := l.Accept()
	require.NoError(t, err)
	require.Equal(t, "203.0.113.1:80", s.LocalAddr().String())
	for _, bad := range []string{"224.0.0.1:1", "255.255.255.255:1"} {
		_, err = gateway.Listen("tcp", bad)
		require.ErrorIs(t, err, syscall.EADDRNOTAVAIL, bad)
	}
}
