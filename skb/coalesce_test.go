package skb

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// A queue of small packets takes as much memory as its bytes need, not a buffer
// for each.
func TestSmallBuffersCoalesce(t *testing.T) {
	p := NewPool(nil)
	first := p.New(SmallSize - DefaultHeadroom)
	first.Append([]byte("ab"))
	size := first.TrueSize()
	for range 100 {
		next := p.New(10)
		next.Append([]byte("cd"))
		require.True(t, first.TryCoalesce(next))
		require.Equal(t, "cd", string(next.Data()), "it stays as it is")
		next.Consume()
	}
	require.Equal(t, "ab"+string(bytes.Repeat([]byte("cd"), 100)), string(first.Data()))
	require.Equal(t, size, first.TrueSize())
	first.Consume()
	require.Zero(t, p.Count().Live)
}

func TestBuffersThatMustNotCoalesce(t *testing.T) {
	p := NewPool(nil)
	small := func() *Buffer { b := p.New(100); b.Append([]byte("ab")); return b }
	next := small()

	shared := small()
	clone := shared.Clone()
	require.False(t, shared.TryCoalesce(next), "somebody else has the storage")
	clone.Consume()
	require.True(t, shared.TryCoalesce(next))

	large := p.New(LargeSize - DefaultHeadroom)
	require.False(t, large.TryCoalesce(next), "what is copied there is not worth it")

	full := small()
	full.Put(full.Tailroom())
	require.False(t, full.TryCoalesce(next))
	for _, b := range []*Buffer{next, shared, large, full} {
		b.Consume()
	}
	require.Zero(t, p.Count().Live)
}
