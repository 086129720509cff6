package raw_test

import (
	"testing"

	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// The hot paths of a raw socket allocate nothing. The peer never reads its end
// of the link, so that only the stack's own work is counted.
func TestSendingAndReceivingAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector lets pools forget")
	}
	p := world.NewPeer(t)
	p.Introduce()
	plain, whole := open(t, p.S, 253), open(t, p.S, socket.IPPROTO_RAW)
	payload, packet := make([]byte, 1480), header(253, "10.0.0.9", 1480)
	send := func() {
		_, _ = plain.SendTo(payload, 0, peer)
		_, _ = whole.SendTo(packet, 0, peer)
	}
	for range 2 * netdev.DefaultPipeQueue { // the link is full from now on, and the pools are
		send()
	}
	require.Zero(t, testing.AllocsPerRun(200, send), "sendto")

	eth, buf := p.S.Devices()[1], make([]byte, 1500)
	in := p.Build(p.IPv4(253))
	receive := func() {
		b := p.S.Pool().New(len(in))
		b.Append(in)
		b.IfIndex = int32(eth.Index)
		if p.S.IP().Input(eth, b) != skb.NotDropped {
			t.Fatal("dropped")
		}
		if _, _, err := plain.RecvFrom(buf, socket.MSG_DONTWAIT); err != nil {
			t.Fatal(err)
		}
	}
	receive()
	require.Zero(t, testing.AllocsPerRun(200, receive), "recvfrom")
}
