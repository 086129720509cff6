package seq

import (
	"math"
	"testing"
	"testing/quick"

	"github.com/stretchr/testify/require"
)

// RFC 9293 3.4: comparisons hold across the wrap at 2^32.
func TestOrderWraps(t *testing.T) {
	for _, base := range []uint32{0, 1, 0x7fffffff, 0x80000000, math.MaxUint32} {
		a := New(base)
		for _, n := range []int{1, 2, 1000, math.MaxInt32} {
			b := a.Add(n)
			require.True(t, a.Before(b))
			require.True(t, b.After(a))
			require.True(t, a.AtOrBefore(b))
			require.True(t, b.AtOrAfter(a))
			require.False(t, b.Before(a))
			require.False(t, b.AtOrBefore(a))
			require.Equal(t, n, b.Sub(a))
			require.Equal(t, -n, a.Sub(b))
			require.Equal(t, b, Max(a, b))
			require.Equal(t, a, Min(a, b))
			require.Equal(t, b, Max(b, a))
			require.Equal(t, a, Min(b, a))
		}
		require.False(t, a.Before(a) || a.After(a))
		require.True(t, a.AtOrBefore(a) && a.AtOrAfter(a))
		require.Equal(t, base, a.Uint32())
	}
}

// RFC 9293 3.10.7.4: a window is half open, and may be empty.
func TestWindowIsHalfOpen(t *testing.T) {
	from := New(math.MaxUint32 - 4)
	for off, in := range map[int]bool{-1: false, 0: true, 9: true, 10: false, 11: false} {
		require.Equal(t, in, from.Add(off).In(from, 10), "offset %d", off)
	}
	require.False(t, from.In(from, 0))
}

func TestAddAndSubAreInverse(t *testing.T) {
	require.NoError(t, quick.Check(func(n uint32, d int32) bool {
		a := New(n)
		return a.Add(int(d)).Sub(a) == int(d) && a.Add(int(d)).Add(-int(d)) == a
	}, nil))
}
