package raw_test

import (
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// open makes a raw socket that is closed with the test.
func open(t testing.TB, s *ministack.Stack, protocol int) *socket.Socket {
	k, err := s.Socket(socket.AF_INET, socket.SOCK_RAW, protocol)
	require.NoError(t, err)
	t.Cleanup(func() { _ = k.Close() }) // the test may have
	return k
}

func at(s string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(s), 0) }

var peer = at("10.0.0.9")

// echo is a frame from the peer with an echo request, or a packet of another
// protocol with the same bytes.
func echo(p *world.Peer, ip *layers.IPv4) []byte {
	return p.Build(p.Ether(layers.EthernetTypeIPv4), ip,
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0)}, gopacket.Payload("data"))
}

// read takes a datagram without waiting.
func read(k *socket.Socket) ([]byte, error) {
	buf := make([]byte, 1<<16)
	n, err := k.Recv(buf, socket.MSG_DONTWAIT)
	return buf[:n], err
}

func set(t testing.TB, k *socket.Socket, level, name, value int) {
	t.Helper()
	require.NoError(t, k.Setsockopt(level, name, value))
}

func raw(p []byte) gopacket.Payload { return p }

func ipOf(p gopacket.Packet) *layers.IPv4 {
	h, _ := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	return h
}

func icmpOf(p gopacket.Packet) *layers.ICMPv4 {
	h, _ := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	return h
}
