package link_test

import (
	"testing"

	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/stretchr/testify/require"
)

// hot is the work of one frame in each direction.
func hot(b *bare) map[string]func() {
	b.m.Handle(link.TypeIPv4, func(_ *netdev.Device, p *skb.Buffer) skb.Reason { p.Consume(); return skb.NotDropped })
	f := frame(mac, link.TypeIPv4, make([]byte, 60)...)
	return map[string]func(){
		"Input": func() { b.input(f) },
		"Output": func() {
			p := b.env.Pool.New(60)
			p.Put(60)
			b.m.Output(b.d, peer, link.TypeIPv4, p)
			b.env.Dev.Flush()
		},
	}
}

func TestAFramePassesWithoutAllocation(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector sync.Pool drops items at random")
	}
	b := newBare(t, 0)
	for name, fn := range hot(b) {
		require.Zero(t, testing.AllocsPerRun(1000, fn), name)
	}
	n := b.count(0, 0) // a tap costs a clone, which is pooled
	for name, fn := range hot(b) {
		require.Zero(t, testing.AllocsPerRun(1000, fn), "%s with a tap", name)
	}
	require.NotZero(t, *n)
}

func BenchmarkLink(bm *testing.B) {
	b := newBare(bm, 0)
	for name, fn := range hot(b) {
		bm.Run(name, func(bm *testing.B) {
			bm.ReportAllocs()
			for bm.Loop() {
				fn()
			}
		})
	}
}
