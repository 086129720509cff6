package ping_test

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

var (
	peer = netip.MustParseAddrPort("10.0.0.9:0")
	any7 = netip.MustParseAddrPort("0.0.0.0:7")
)

func open(t testing.TB, s *ministack.Stack) *socket.Socket {
	k, err := s.Socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
	require.NoError(t, err)
	t.Cleanup(func() { _ = k.Close() }) // the test may have
	return k
}

// request is an echo request with n bytes of data.
func request(n int) []byte { return append([]byte{8, 0, 0, 0, 0, 0, 0, 1}, make([]byte, n)...) }

func reply(p *world.Peer, id uint16) {
	p.Send(p.Ether(layers.EthernetTypeIPv4), p.IPv4(1), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(0, 0), Id: id})
}

func read(k *socket.Socket) error {
	_, err := k.Recv(make([]byte, 100), socket.MSG_DONTWAIT)
	return err
}

// B48: an identifier that nobody may share is refused, one that may be is the
// last one's until it is gone.
func TestIdentifiersAreSharedByWhoSaysSo(t *testing.T) {
	s := world.NewPeer(t)
	first, last, strict := open(t, s.S), open(t, s.S), open(t, s.S)
	require.NoError(t, first.Bind(any7))
	require.NoError(t, last.Bind(any7))
	require.NoError(t, strict.Setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0))
	require.Equal(t, syscall.EADDRINUSE, strict.Bind(any7))
	reply(s, 7)
	require.NoError(t, read(last))
	require.Equal(t, syscall.EAGAIN, read(first))
	require.NoError(t, last.Close())
	reply(s, 7)
	require.NoError(t, read(first))
}

// B48: connect chooses an identifier and disconnect gives it back; what the
// user bound stays.
func TestDisconnectUndoesWhatConnectChose(t *testing.T) {
	s := world.NewPeer(t).S
	chosen, bound := open(t, s), open(t, s)
	require.NoError(t, bound.Bind(any7))
	for _, k := range []*socket.Socket{chosen, bound} {
		require.NoError(t, k.Connect(peer))
		local, err := k.Getsockname()
		require.NoError(t, err)
		require.Equal(t, "10.0.0.1", local.Addr().String())
		require.NotZero(t, local.Port())
		require.NoError(t, k.Disconnect())
	}
	for k, want := range map[*socket.Socket]uint16{chosen: 0, bound: 7} {
		local, err := k.Getsockname()
		require.NoError(t, err)
		require.Equal(t, want, local.Port())
	}
}

// B14: what finds the buffer full is dropped and counted.
func TestAFullBufferDropsAndCounts(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S)
	require.NoError(t, k.Bind(any7))
	require.NoError(t, k.Setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1))
	for range 20 {
		reply(p, 7)
	}
	got := 0
	for read(k) == nil {
		got++
	}
	require.Greater(t, got, 0)
	require.EqualValues(t, 20-got, p.S.Pool().Drops(skb.SocketRcvBuff))
}

// ping.c ping_err: fragmentation needed lowers the path MTU, and is EMSGSIZE
// for who has a peer.
func TestFragmentationNeeded(t *testing.T) {
	p := world.NewPeer(t)
	p.Introduce()
	k := open(t, p.S)
	require.NoError(t, k.Connect(peer))
	_, err := k.Send(request(1400), 0)
	require.NoError(t, err)
	sent := p.One().Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	quoted := append(append([]byte(nil), sent.Contents...), sent.Payload[:8]...)
	p.Send(p.Ether(layers.EthernetTypeIPv4), p.IPv4(1), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 4), Seq: 1000},
		gopacket.Payload(quoted))
	require.Equal(t, syscall.EMSGSIZE, read(k))
	_, err = k.Send(request(1400), 0)
	require.NoError(t, err)
	require.Len(t, p.Take(), 2, "in fragments now")
}

// Sending allocates nothing. The peer never reads its end of the link.
func TestSendingAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector lets pools forget")
	}
	p := world.NewPeer(t)
	p.Introduce()
	k, message := open(t, p.S), request(56)
	send := func() { _, _ = k.SendTo(message, 0, peer) }
	for range 2 * netdev.DefaultPipeQueue {
		send()
	}
	require.Zero(t, testing.AllocsPerRun(200, send))
}
