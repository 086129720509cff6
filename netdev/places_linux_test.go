package netdev

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/skb"
)

func TestPlacesForABurstAreGivenBackWhenItIsOver(t *testing.T) {
	pool := skb.NewPool(nil)
	p := newPlaces(16, 2, true, false)
	for _, want := range []int{2, 4, 8, 16, 16} {
		require.Equal(t, want, p.ask(64))
		for i := range want {
			p.at(i, pool)
		}
		require.True(t, p.got(want, want), "there may be more")
	}
	require.False(t, p.got(2, 16))
	require.True(t, p.spare())
	p.trim()
	require.False(t, p.spare())
	for i := range p.land {
		require.Equal(t, i < 3, p.land[i].small != nil, "place %d", i)
		require.Equal(t, i < 3, p.land[i].spill != nil, "place %d", i)
	}
	require.Equal(t, 1, p.ask(1), "no more than there is room for")
	p.release()
	require.Nil(t, p.land[0].small)
}
