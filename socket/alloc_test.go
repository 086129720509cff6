package socket_test

import (
	"testing"

	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// The hot paths of a datagram socket allocate nothing. The peer never reads its
// end of the link, so that only the stack's own work is counted.
func TestSendingAndReceivingADatagramAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector lets pools forget")
	}
	p := world.NewPeer(t)
	p.Introduce()
	out, in := dgram(t, p.S), dgram(t, p.S)
	to := at("10.0.0.9:9")
	payload := make([]byte, 1472)
	for range 2 * netdev.DefaultPipeQueue { // the link is full from now on, and the pools are
		_, err := out.SendTo(payload, 0, to)
		require.NoError(t, err)
	}
	require.Zero(t, testing.AllocsPerRun(200, func() { _, _ = out.SendTo(payload, 0, to) }), "sendto")
	require.NoError(t, out.Connect(to))
	require.Zero(t, testing.AllocsPerRun(200, func() { _, _ = out.Send(payload, 0) }), "send")

	require.NoError(t, in.Bind(at("127.0.0.1:9")))
	local := dgram(t, p.S)
	_, err := local.SendTo(payload, 0, at("127.0.0.1:9"))
	require.NoError(t, err)
	p.Clock.Run(0)
	buf := make([]byte, 1500)
	n, err := in.Recv(buf, socket.MSG_PEEK)
	require.NoError(t, err)
	require.Equal(t, len(payload), n)
	require.Zero(t, testing.AllocsPerRun(200, func() { _, _, _ = in.RecvFrom(buf, socket.MSG_PEEK) }), "recvfrom")
}

// What passes a stream without a copy needs no more memory than with one, which
// is that of the virtual clock's events.
func TestLendingAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector lets pools forget")
	}
	const n = 32 << 10
	w := world.PairOver(t, netdev.PipeOptions{MTU: 1500, Offload: true})
	c, s := connect(t, w)
	buf := make([]byte, n)
	copied := allocsOf(func() {
		_, err := c.Send(buf, 0)
		require.NoError(t, err)
		_, err = s.Recv(buf, socket.MSG_WAITALL)
		require.NoError(t, err)
	})
	lent := allocsOf(func() {
		require.NoError(t, c.SendStorage(c.Storage(n), n, 0))
		for got := 0; got < n; {
			l, err := s.RecvLent(0)
			require.NoError(t, err)
			got += l.Len()
			l.Done(l.Len())
		}
	})
	require.LessOrEqual(t, lent, copied)
}

func allocsOf(once func()) float64 {
	for range 300 {
		once()
	}
	return testing.AllocsPerRun(200, once)
}

func BenchmarkSendDatagram(b *testing.B) {
	p := world.NewPeer(b)
	p.Introduce()
	k := dgram(b, p.S)
	require.NoError(b, k.Connect(at("10.0.0.9:9")))
	payload := make([]byte, 1472)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = k.Send(payload, 0)
	}
}
