package raw_test

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// header is a user's packet: version, header length, TTL, protocol and
// destination are set, n bytes follow.
func header(protocol byte, dst string, n int) []byte {
	p := make([]byte, 20+n)
	p[0], p[8], p[9] = 0x45, 64, protocol
	copy(p[16:], netip.MustParseAddr(dst).AsSlice())
	return p
}

// Event order 1 of the founding questions: a packet whose next hop is unknown
// waits for ARP, and leaves while the reply is processed.
func TestARawPacketWaitsForItsNeighbour(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S, socket.IPPROTO_RAW)
	_, err := k.SendTo(header(253, "10.0.0.9", 4), 0, peer)
	require.NoError(t, err)
	require.NotNil(t, p.One().Layer(layers.LayerTypeARP))
	p.Send(p.Ether(layers.EthernetTypeARP), p.ARP(layers.ARPReply))
	ip := ipOf(p.One())
	require.Equal(t, "10.0.0.1", ip.SrcIP.String())
	require.EqualValues(t, 24, ip.Length)
}

// A packet whose neighbour never answers is reported as unreachable, to who
// asked for all errors.
func TestANeighbourThatDoesNotAnswerIsReported(t *testing.T) {
	p := world.NewPeer(t)
	for _, protocol := range []int{253, socket.IPPROTO_RAW} {
		k := open(t, p.S, protocol)
		set(t, k, socket.SOL_IP, socket.IP_RECVERR, 1)
		_, err := k.SendTo(header(byte(protocol), "10.0.0.77", 8), 0, at("10.0.0.77"))
		require.NoError(t, err)
		p.Wait(4e9)
		_, err = read(k)
		require.Equal(t, syscall.EHOSTUNREACH, err)
		p.Take()
	}
}

// Path MTU: DF may not be fragmented, and what ICMP said of the path counts; a
// user's packet without DF is then cut, one with it is not.
func TestThePathMTUAndRawSockets(t *testing.T) {
	p := world.NewPeer(t)
	p.Introduce()
	plain, whole := open(t, p.S, 253), open(t, p.S, socket.IPPROTO_RAW)
	p.S.IP().UpdatePMTU(peer.Addr(), 1000)
	set(t, plain, socket.SOL_IP, socket.IP_MTU_DISCOVER, inet.PMTUDo)
	_, err := plain.SendTo(make([]byte, 981), 0, peer)
	require.Equal(t, syscall.EMSGSIZE, err)
	set(t, plain, socket.SOL_IP, socket.IP_MTU_DISCOVER, inet.PMTUProbe)
	_, err = plain.SendTo(make([]byte, 1480), 0, peer)
	require.NoError(t, err)
	require.EqualValues(t, 1500, ipOf(p.One()).Length, "a probe goes as far as the device lets it")
	set(t, plain, socket.SOL_IP, socket.IP_MTU_DISCOVER, inet.PMTUDont)
	_, err = plain.SendTo(make([]byte, 980), 0, peer)
	require.NoError(t, err)
	require.Zero(t, ipOf(p.One()).Flags)

	packet := header(253, "10.0.0.9", 1480)
	_, err = whole.SendTo(packet, 0, peer)
	require.NoError(t, err)
	require.Len(t, p.Take(), 2, "B4 is about the device's MTU, not the path's")
	packet[6] = 0x40
	_, err = whole.SendTo(packet, 0, peer)
	require.Equal(t, syscall.EMSGSIZE, err)
	p.Silent()
}

// Fragmentation needed lowers the path MTU, and is EMSGSIZE for who is
// connected and wants discovery.
func TestFragmentationNeeded(t *testing.T) {
	p := world.NewPeer(t)
	p.Introduce()
	k := open(t, p.S, 253)
	require.NoError(t, k.Connect(peer))
	_, err := k.Send(make([]byte, 1480), 0)
	require.NoError(t, err)
	sent := ipOf(p.One())
	p.Send(p.Ether(layers.EthernetTypeIPv4), p.IPv4(1), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 4), Seq: 1000},
		raw(append(append([]byte(nil), sent.Contents...), sent.Payload[:8]...)))
	_, err = read(k)
	require.Equal(t, syscall.EMSGSIZE, err)
	_, err = k.Send(make([]byte, 1480), 0)
	require.NoError(t, err)
	require.Len(t, p.Take(), 2)
}
