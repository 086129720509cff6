package inet

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func sources(list ...byte) []netip.Addr {
	var out []netip.Addr
	for _, n := range list {
		out = append(out, netip.AddrFrom4([4]byte{10, 0, 0, n}))
	}
	return out
}

// RFC 3376 3.2: what an interface receives is what any of its sockets wants;
// the cases are those of its examples.
func TestFiltersMergeToWhatAnySocketWants(t *testing.T) {
	in := func(list ...byte) Filter { return NewFilter(false, sources(list...)) }
	ex := func(list ...byte) Filter { return NewFilter(true, sources(list...)) }
	for _, c := range []struct {
		filters []Filter
		want    Filter
	}{
		{nil, in()},
		{[]Filter{in(1, 2), in(2, 3)}, in(1, 2, 3)},
		{[]Filter{ex(1, 2), ex(2, 3)}, ex(2)},
		{[]Filter{ex(1, 2, 3, 4), ex(2, 3, 4, 5), in(4, 9)}, ex(2, 3)},
		{[]Filter{in(1), ex()}, ex()},
	} {
		got := Merge(c.filters)
		for n := byte(1); n < 12; n++ {
			src := sources(n)[0]
			any := false
			for _, f := range c.filters {
				any = any || f.Allows(src)
			}
			require.Equal(t, any, got.Allows(src), "%v of %v", src, c.filters)
		}
		require.Equal(t, c.want.Exclude, got.Exclude)
		require.ElementsMatch(t, c.want.Sources, got.Sources)
	}
}

// RFC 3376 2: a socket's filter decides for its group; IP_MULTICAST_ALL for
// groups that others have joined.
func TestAMembershipsFilterDecides(t *testing.T) {
	group, other := netip.MustParseAddr("239.1.1.1"), netip.MustParseAddr("239.1.1.2")
	var m Memberships
	require.NoError(t, m.Change(func([]Membership) ([]Membership, error) {
		f := NewFilter(true, sources(9, 1, 9))
		f = f.With(sources(3)[0])
		f = f.Without(sources(9)[0])
		return []Membership{{Device: 2, Group: group, Filter: f}}, nil
	}))
	require.False(t, m.Allows(group, sources(1)[0], 2))
	require.False(t, m.Allows(group, sources(3)[0], 2))
	require.True(t, m.Allows(group, sources(9)[0], 2))
	require.True(t, m.Allows(group, sources(1)[0], 3), "another device")
	require.True(t, m.Allows(other, sources(1)[0], 2))
	m.SetAll(false)
	require.False(t, m.Allows(other, sources(1)[0], 2))
}
