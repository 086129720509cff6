package socket_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// counted is a driver that notes how many frames each Write brought.
type counted struct {
	netdev.Poller
	writes *[]int
}

func (c counted) Write(src []*skb.Buffer) (int, error) {
	*c.writes = append(*c.writes, len(src))
	return c.Poller.Write(src)
}

// sendmmsg hands its datagrams to the driver together.
func TestManyMessagesLeaveTogether(t *testing.T) {
	var writes []int
	w := world.Pair(t, func(side int, d netdev.Driver, _ clock.Clock) netdev.Driver {
		if side == 0 {
			return counted{d.(netdev.Poller), &writes}
		}
		return d
	})
	k, r := dgram(t, w.Stacks[0]), dgram(t, w.Stacks[1])
	require.NoError(t, r.Bind(at("0.0.0.0:9")))
	require.NoError(t, k.Connect(at(world.Addr(1)+":9")))
	_, err := k.Send([]byte("the neighbour is known from here on"), 0)
	require.NoError(t, err)
	w.Clock.Run(time.Second)
	_, err = r.Recv(make([]byte, 100), 0)
	require.NoError(t, err)
	writes = nil
	out := make([]socket.Message, 40)
	for i := range out {
		out[i].Data = []byte{byte(i)}
	}
	n, err := k.SendMMsg(out, 0)
	require.NoError(t, err)
	require.Equal(t, 40, n)
	require.Equal(t, []int{40}, writes)
	w.Clock.Run(time.Millisecond)
	in := make([]socket.Message, 64)
	for i := range in {
		in[i].Data = make([]byte, 10)
	}
	n, err = r.RecvMMsg(in, socket.MSG_WAITFORONE, 0)
	require.NoError(t, err)
	require.Equal(t, 40, n)
	for i, m := range in[:n] {
		require.Equal(t, []byte{byte(i)}, m.Data[:m.N])
	}
}

// The time of a recvmmsg is looked at after each message: one that comes late
// is the last.
func TestRecvMMsgStopsWhenItsTimeIsOver(t *testing.T) {
	w := world.Pair(t)
	k, r := dgram(t, w.Stacks[0]), dgram(t, w.Stacks[1])
	require.NoError(t, r.Bind(at("0.0.0.0:9")))
	require.NoError(t, k.Connect(at(world.Addr(1)+":9")))
	var timer clock.Timer
	timer.Init(w.Clock, func(any) { _, _ = k.Send([]byte("late"), 0) }, nil)
	timer.Reset(w.Clock.Now().Add(2 * time.Second))
	ms := []socket.Message{{Data: make([]byte, 10)}, {Data: make([]byte, 10)}}
	n, err := r.RecvMMsg(ms, 0, time.Second)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, r.Setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 1000))
	_, err = r.RecvMMsg(ms, 0, time.Second)
	require.Equal(t, syscall.EAGAIN, err)
}

// Streams take many messages one after the other.
func TestManyMessagesOnAStream(t *testing.T) {
	w := world.Pair(t)
	l := stream(t, w.Stacks[1])
	require.NoError(t, l.Bind(at("0.0.0.0:80")))
	require.NoError(t, l.Listen(1))
	k := stream(t, w.Stacks[0])
	require.NoError(t, k.Connect(at(world.Addr(1)+":80")))
	s, _, err := l.Accept()
	require.NoError(t, err)
	n, err := k.SendMMsg([]socket.Message{{Data: []byte("ab")}, {Data: []byte("cde")}}, 0)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	w.Clock.Run(time.Millisecond)
	ms := []socket.Message{{Data: make([]byte, 4)}, {Data: make([]byte, 4)}, {Data: make([]byte, 4)}}
	n, err = s.RecvMMsg(ms, socket.MSG_WAITFORONE, 0)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, "abcd", string(ms[0].Data[:ms[0].N]))
	require.Equal(t, 1, ms[1].N)
}

func TestManyMessagesAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector lets pools forget")
	}
	p := world.NewPeer(t)
	p.Introduce()
	k := dgram(t, p.S)
	require.NoError(t, k.Connect(at("10.0.0.9:9")))
	ms := make([]socket.Message, 8)
	for i := range ms {
		ms[i].Data = make([]byte, 1000)
	}
	for range netdev.DefaultPipeQueue {
		_, err := k.SendMMsg(ms, 0)
		require.NoError(t, err)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = k.SendMMsg(ms, 0) }))
}

// BenchmarkSendMMsg is BenchmarkSendDatagram with 32 datagrams a call.
func BenchmarkSendMMsg(b *testing.B) {
	p := world.NewPeer(b)
	p.Introduce()
	k := dgram(b, p.S)
	require.NoError(b, k.Connect(at("10.0.0.9:9")))
	ms := make([]socket.Message, 32)
	for i := range ms {
		ms[i].Data = make([]byte, 1472)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = k.SendMMsg(ms, 0)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(ms)), "ns/datagram")
}
