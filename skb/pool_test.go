package skb

import (
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDropCountsItsReasonAndTellsTheSite(t *testing.T) {
	var got Reason
	var site string
	p := NewPool(func(b *Buffer, r Reason, pc uintptr) {
		f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
		got, site = r, f.Function
		require.Equal(t, 5, b.Len(), "the packet can still be read")
	})
	b := filled(p, 5)
	require.Equal(t, NoSocket, b.Drop(NoSocket))
	require.Equal(t, NoSocket, got)
	require.True(t, strings.HasSuffix(site, "TestDropCountsItsReasonAndTellsTheSite"), site)
	require.Equal(t, int64(1), p.Drops(NoSocket))
	require.Equal(t, Count{Born: 1, Dropped: 1}, p.Count())
}

func TestASecondDeathIsRefusedAndCounted(t *testing.T) {
	p := NewPool(nil)
	b := p.New(1)
	b.Consume()
	b.Consume()
	b.Drop(NoMem)
	require.Equal(t, Count{Born: 1, Consumed: 1, Twice: 2}, p.Count())
}

func TestAChunkCannotBeReleasedMoreOftenThanHeld(t *testing.T) {
	c := NewPool(nil).Chunk(1 << 20) // too large for a class: not pooled again
	c.Hold()
	c.Release()
	c.Release()
	require.Panics(t, c.Release)
}

func TestAReusedBufferRemembersNothing(t *testing.T) {
	p := NewPool(nil)
	for range 100 {
		b, c := filled(p, 40), p.Chunk(100)
		require.Zero(t, b.Traced)
		require.Empty(t, b.Frags())
		require.Nil(t, b.Network())
		require.Nil(t, b.Next())
		require.Equal(t, 40, b.Len())
		for i := range MaxFrags {
			b.AddFrag(c, 2*i, 1)
		}
		c.Release()
		b.Traced, b.Csum, b.GSO = true, CsumPartial, GSOTCPv4
		b.SetNetwork()
		b.Consume()
	}
}

func TestPacketIdsAreUnique(t *testing.T) {
	p := NewPool(nil)
	seen := map[uint64]bool{}
	for range 1000 {
		b := p.New(1)
		require.False(t, seen[b.ID])
		require.NotZero(t, b.ID)
		seen[b.ID] = true
		b.Consume()
	}
}

func TestThePoolBalancesUnderConcurrency(t *testing.T) {
	p, q := NewPool(nil), NewPool(nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 2000 {
				b := filled(p, 100)
				c := q.Adopt(b.Clone())
				b.Consume()
				c.Drop(QueuePurge)
			}
		}()
	}
	wg.Wait()
	require.Equal(t, Count{Born: 16000, Consumed: 16000}, p.Count())
	require.Equal(t, Count{Born: 8000, Dropped: 8000}, q.Count())
}

func TestEveryReasonHasANameOfItsOwnAndAnExplanation(t *testing.T) {
	seen := map[string]bool{}
	for r := range NumReasons {
		require.NotEmpty(t, r.String())
		require.NotEmpty(t, r.Text())
		require.False(t, seen[r.String()], r.String())
		seen[r.String()] = true
	}
	require.Equal(t, "UNKNOWN_REASON", NumReasons.String())
	require.Empty(t, NumReasons.Text())
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector sync.Pool drops items at random")
	}
	p := NewPool(nil)
	c := p.Chunk(MediumSize)
	defer c.Release()
	cases := map[string]func(){
		"New and Consume": func() { p.New(1500).Consume() },
		"New and Drop":    func() { p.New(1500).Drop(NoSocket) },
		"Clone":           func() { b := p.New(1500); b.Clone().Consume(); b.Consume() },
		"large":           func() { p.New(64 << 10).Consume() },
		"17 references": func() {
			b := p.New(60)
			for i := range MaxFrags {
				b.AddFrag(c, 2*i, 1)
			}
			b.Consume()
		},
		"Take and MayPull": func() {
			b, src := p.New(60), p.New(100)
			src.Put(100)
			b.Take(src)
			b.MayPull(40)
			b.Consume()
		},
	}
	for name, fn := range cases {
		require.Zero(t, testing.AllocsPerRun(1000, fn), name)
	}
}

func BenchmarkNewConsume(b *testing.B) {
	p := NewPool(nil)
	b.ReportAllocs()
	for b.Loop() {
		p.New(1500).Consume()
	}
}

func BenchmarkClone(b *testing.B) {
	p := NewPool(nil)
	src := p.New(1500)
	b.ReportAllocs()
	for b.Loop() {
		src.Clone().Consume()
	}
}
