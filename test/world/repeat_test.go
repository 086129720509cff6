package world_test

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// frames transfers over a bad link and returns a hash of every frame with its
// time.
func frames(t *testing.T, spec string) [32]byte {
	w := world.Pair(t, func(side int, d netdev.Driver, clk clock.Clock) netdev.Driver {
		o, err := netdev.ParseImpairment(spec)
		require.NoError(t, err)
		o.Seed += uint64(side)
		return netdev.Impair(d, clk, o)
	})
	h := sha256.New()
	w.Stacks[1].Link().AddTap(&link.Tap{Deliver: func(_ *netdev.Device, b *skb.Buffer) {
		_ = binary.Write(h, binary.BigEndian, int64(w.Clock.Now()))
		h.Write(b.Link())
		b.Consume()
	}})
	l, err := w.Stacks[1].Listen("tcp", ":80")
	require.NoError(t, err)
	c, err := w.Stacks[0].Dial("tcp", world.Addr(1)+":80")
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	for range 30 {
		_, err = c.Write(make([]byte, 20_000))
		require.NoError(t, err)
		for got := 0; got < 20_000; {
			n, err := s.Read(make([]byte, 20_000))
			require.NoError(t, err)
			got += n
		}
	}
	return [32]byte(h.Sum(nil))
}

func TestASeedRepeatsEveryFrameToTheNanosecond(t *testing.T) {
	const bad = "loss=2%,reorder=2%/3ms,dup=1%,corrupt=1%,delay=2ms,jitter=1ms,seed="
	first := frames(t, bad+"5")
	require.Equal(t, first, frames(t, bad+"5"))
	require.NotEqual(t, first, frames(t, bad+"6"))
}
