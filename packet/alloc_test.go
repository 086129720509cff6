package packet_test

import (
	"testing"

	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// work is one frame in each direction: shown to the socket and read, and sent.
func work(t testing.TB) (receive, send func()) {
	p := world.NewPeer(t)
	p.Introduce()
	k, s := open(t, p.S, raw, testProto), open(t, p.S, dgram, 0)
	f, buf := frame(p, 1000), make([]byte, 2000)
	pool, d, link := p.S.Pool(), p.S.Devices()[1], p.S.Link()
	m := socket.Message{Data: make([]byte, 1000), Link: socket.LinkAddr{Protocol: testProto, IfIndex: eth0, HaLen: 6}}
	receive = func() {
		b := pool.New(len(f))
		b.Append(f)
		link.Input(d, b)
		_, _ = k.Recv(buf, 0)
	}
	return receive, func() { _, _ = s.SendMsg(&m, 0) }
}

func TestAFramePassesWithoutAllocation(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector sync.Pool drops items at random")
	}
	receive, send := work(t)
	require.Zero(t, testing.AllocsPerRun(1000, receive), "receive")
	for range 3000 { // fill the link, and with it the pools
		send()
	}
	require.Zero(t, testing.AllocsPerRun(1000, send), "send")
}

func BenchmarkReceive(b *testing.B) {
	receive, _ := work(b)
	b.ReportAllocs()
	for b.Loop() {
		receive()
	}
}
