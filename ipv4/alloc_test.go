package ipv4_test

import (
	"testing"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// sink is a protocol that is content with anything.
type sink struct{}

func (sink) Input(b *skb.Buffer) skb.Reason     { b.Consume(); return skb.NotDropped }
func (sink) Error(_ *skb.Buffer, _ *inet.Error) {}

// receiver returns a function that has the stack receive one packet.
func receiver(p *world.Peer) func() {
	p.S.IP().Handle(253, sink{})
	packet := echoTo(p, p.IPv4(253), 1000)[14:]
	eth := p.S.Devices()[1]
	return func() {
		b := p.S.Pool().New(len(packet))
		b.Append(packet)
		p.S.IP().Input(eth, b)
	}
}

// sender returns a function that has the stack send one packet, to a peer that
// never reads its end of the link.
func sender(t testing.TB, p *world.Peer) func() {
	p.Introduce()
	return func() {
		b := p.S.Pool().New(1000)
		b.Put(1000)
		r, err := p.S.IP().Route(&inet.Flow{Dst: addr("10.0.0.9")})
		require.NoError(t, err)
		_ = p.S.IP().Output(b, r, &inet.Header{Proto: 253, DF: true}) // the link is full in the end
		p.S.Flush()
	}
}

func TestReceivingAndSendingAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector lets pools forget")
	}
	p := world.NewPeer(t)
	receive, send := receiver(p), sender(t, p)
	for range 2 * netdev.DefaultPipeQueue { // the link is full from now on, and the pools are
		receive()
		send()
	}
	require.Zero(t, testing.AllocsPerRun(300, receive), "Input to a protocol")
	require.Zero(t, testing.AllocsPerRun(300, send), "Route and Output")
}

func BenchmarkInput(b *testing.B) {
	receive := receiver(world.NewPeer(b))
	b.ReportAllocs()
	for b.Loop() {
		receive()
	}
}

func BenchmarkOutput(b *testing.B) {
	send := sender(b, world.NewPeer(b))
	b.ReportAllocs()
	for b.Loop() {
		send()
	}
}
