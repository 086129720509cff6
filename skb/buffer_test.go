package skb

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func filled(p *Pool, n int) *Buffer {
	b := p.New(n)
	for i := range b.Put(n) {
		b.Data()[i] = byte(i)
	}
	return b
}

func TestPushAndPutStopAtTheEndsOfTheStorage(t *testing.T) {
	b := NewPool(nil).New(100)
	require.Equal(t, DefaultHeadroom, b.Headroom())
	require.Len(t, b.Push(DefaultHeadroom), DefaultHeadroom)
	require.Zero(t, b.Headroom())
	require.Panics(t, func() { b.Push(1) })
	require.Len(t, b.Put(b.Tailroom()), SmallSize-DefaultHeadroom)
	require.Panics(t, func() { b.Put(1) })
	require.Equal(t, SmallSize, b.Len())
	b.Consume()
}

func TestReserveWantsAnEmptyBuffer(t *testing.T) {
	b := NewPool(nil).NewRaw(100)
	b.Reserve(SmallSize)
	require.Zero(t, b.Tailroom())
	require.Panics(t, func() { b.Reserve(1) })
	b.Push(1)
	require.Panics(t, func() { b.Reserve(0) })
	b.Consume()
}

func TestNothingCanBePutBehindReferences(t *testing.T) {
	p := NewPool(nil)
	b, c := p.New(10), p.Chunk(100)
	require.True(t, b.AddFrag(c, 0, 50))
	c.Release()
	require.Zero(t, b.Tailroom())
	require.Panics(t, func() { b.Put(1) })
	b.Consume()
}

func TestPullAndMayPullRefuseWhatIsNotThere(t *testing.T) {
	b := filled(NewPool(nil), 20)
	require.False(t, b.Pull(21))
	require.False(t, b.MayPull(21))
	require.False(t, b.Advance(21))
	require.Equal(t, 20, b.Len())
	require.True(t, b.Pull(20))
	require.True(t, b.MayPull(0))
	require.False(t, b.MayPull(1))
	b.Consume()
}

func TestMayPullBringsTheHeadersOfASharedBufferInWithoutTouchingTheOther(t *testing.T) {
	p := NewPool(nil)
	head, tail := filled(p, 10), filled(p, 100)
	require.True(t, head.Take(tail))
	other := head.Clone()
	require.True(t, head.MayPull(60))
	require.Equal(t, 60, head.HeadLen())
	require.Equal(t, 10, other.HeadLen())
	require.Equal(t, other.Bytes(), head.Bytes())
	head.Data()[0] = 0xff
	require.Equal(t, byte(0), other.Data()[0])
	head.Consume()
	other.Consume()
	require.Zero(t, p.Count().Live)
}

func TestAFullBufferRefusesReferencesAndIsLeftAlone(t *testing.T) {
	p := NewPool(nil)
	b, src, c := p.New(0), filled(p, 10), p.Chunk(4000)
	for i := range MaxFrags {
		require.True(t, b.AddFrag(c, 2*i, 1))
	}
	require.False(t, b.AddFrag(c, 1000, 1))
	require.True(t, b.AddFrag(c, 2*MaxFrags-1, 7), "bytes that continue the last reference need none")
	require.False(t, b.Take(src))
	require.False(t, b.AddRange(src, 0, 10))
	require.Equal(t, MaxFrags+7, b.Len())
	require.Equal(t, 10, src.Len())
	half := p.New(0)
	for i := range MaxFrags - 1 {
		half.AddFrag(c, 2*i, 1)
	}
	require.False(t, half.AddRange(b, 0, 5), "one would fit, five do not")
	require.Equal(t, MaxFrags-1, half.Len())
	c.Release()
	for _, x := range []*Buffer{b, src, half} {
		x.Consume()
	}
	require.Zero(t, c.refs.Load())
}

func TestOffsetsKeepTheirBytesWhenStorageMoves(t *testing.T) {
	moves := map[string]func(*Buffer){
		"EnsureHeadroom": func(b *Buffer) { b.EnsureHeadroom(1000) },
		"Unshare":        func(b *Buffer) { b.Clone().Consume(); c := b.Clone(); b.Unshare(); c.Consume() },
		"MayPull":        func(b *Buffer) { b.Take(filled(b.Pool(), 3000)); b.MayPull(b.Len()) },
	}
	for name, move := range moves {
		p := NewPool(nil)
		b := filled(p, 100)
		b.SetLink()
		b.Pull(14)
		b.SetNetwork()
		b.Pull(20)
		b.SetTransport()
		b.Pull(6)
		move(b)
		require.Equal(t, byte(0), b.Link()[0], name)
		require.Equal(t, byte(14), b.Network()[0], name)
		require.Equal(t, byte(34), b.Transport()[0], name)
		off, ok := b.TransportOffset()
		require.True(t, ok)
		require.Equal(t, -6, off, name)
		require.True(t, b.PushToNetwork(), name)
		require.Equal(t, byte(14), b.Data()[0], name)
		require.True(t, b.PushToLink(), name)
		require.Equal(t, byte(0), b.Data()[0], name)
		b.Consume()
		require.Zero(t, p.Count().Live, name)
	}
}

func TestUnmarkedOffsetsAreNotThere(t *testing.T) {
	b := filled(NewPool(nil), 10)
	require.Nil(t, b.Link())
	require.Nil(t, b.Network())
	require.Nil(t, b.Transport())
	require.False(t, b.PushToLink())
	require.False(t, b.PushToNetwork())
	_, ok := b.NetworkOffset()
	require.False(t, ok)
	b.Consume()
}

func TestATrimmedHeaderIsNotThere(t *testing.T) {
	b := filled(NewPool(nil), 40)
	b.Pull(20)
	b.SetTransport()
	b.Push(20)
	b.Trim(10)
	require.Nil(t, b.Transport())
	b.Consume()
}

func TestCompactMovesASmallPacketOutOfALargeChunk(t *testing.T) {
	p := NewPool(nil)
	b := p.New(LargeSize - DefaultHeadroom)
	b.Append([]byte("small"))
	require.Greater(t, b.TrueSize(), LargeSize)
	b.Compact()
	require.Less(t, b.TrueSize(), SmallSize+1024)
	require.Equal(t, "small", string(b.Data()))
	b.Consume()

	big := filled(p, MediumSize-DefaultHeadroom)
	size := big.TrueSize()
	big.Compact()
	require.Equal(t, size, big.TrueSize(), "a packet that fills its storage stays")
	big.Consume()
}

// What a queue of joined segments is charged must be close to what it holds:
// each reference keeps a whole chunk alive, not just its bytes.
func TestTrueSizeCountsTheStorageThatJoinedPacketsHold(t *testing.T) {
	p := NewPool(nil)
	b, small := filled(p, 10), filled(p, 10)
	require.True(t, b.Take(small))
	require.GreaterOrEqual(t, b.TrueSize(), 2*SmallSize)
	b.Consume()
}

func TestClonesCarryTheMetadataAndSharedFramesOnlyWhatAWireWould(t *testing.T) {
	p, q := NewPool(nil), NewPool(nil)
	b := filled(p, 60)
	b.Cause, b.Traced, b.IfIndex, b.CB[3] = 7, true, 2, 9
	b.Csum, b.CsumStart, b.CsumOffset = CsumPartial, 34, 16
	b.GSO, b.GSOSize, b.GSOSegs = GSOTCPv4, 1448, 3
	b.SetNetwork()
	c, s := b.Clone(), q.Share(b)
	require.Equal(t, b.Meta, c.Meta)
	require.NotNil(t, c.Network())
	require.Equal(t, Meta{ID: s.ID, Csum: CsumPartial, CsumStart: 34, CsumOffset: 16, GSO: GSOTCPv4, GSOSize: 1448, GSOSegs: 3}, s.Meta)
	require.Nil(t, s.Network())
	b.Consume()
	c.Consume()
	require.Equal(t, Count{Born: 2, Consumed: 2}, p.Count())
	require.Equal(t, int64(1), q.Count().Live)
	s.Consume()
}
