package packet_test

import (
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

const (
	raw, dgram = socket.SOCK_RAW, socket.SOCK_DGRAM
	testProto  = 0x88b5
	eth0       = 2 // after lo
)

// open makes a packet socket that does not block.
func open(t testing.TB, s *ministack.Stack, typ, protocol int) *socket.Socket {
	t.Helper()
	k, err := s.Socket(socket.AF_PACKET, typ|socket.SOCK_NONBLOCK, protocol)
	require.NoError(t, err)
	return k
}

// read returns the next frame.
func read(t testing.TB, k *socket.Socket) ([]byte, socket.LinkAddr) {
	t.Helper()
	m := socket.Message{Data: make([]byte, 70000)}
	n, err := k.RecvMsg(&m, 0)
	require.NoError(t, err)
	return m.Data[:n], m.Link
}

// frame is one to the stack whose EtherType nobody handles.
func frame(p *world.Peer, n int) []byte {
	return p.Build(p.Ether(testProto), gopacket.Payload(make([]byte, n)))
}

// echo is a request that the stack answers.
func echo(p *world.Peer) []gopacket.SerializableLayer {
	return []gopacket.SerializableLayer{p.Ether(layers.EthernetTypeIPv4), p.IPv4(layers.IPProtocolICMPv4),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 1, Seq: 1}, gopacket.Payload("0123456789abcdef0123456789abcdef")}
}
