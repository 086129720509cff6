package lockorder

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Every way to take a lock under another is found, with the calls that lead
// there, and what gives up the first lock before is not.
func TestEveryWayToNestIsFound(t *testing.T) {
	p, err := Load(".", "./testdata/locks")
	require.NoError(t, err)
	ways := map[string][]string{}
	for _, n := range p.Nestings() {
		if n.Taken == pkg+"inner.mu" {
			ways[n.Held] = n.Way
		}
	}
	for _, by := range []string{"direct", "call", "iface", "value", "handed", "wrapped", "deferred", "branch", "loop"} {
		require.NotEmpty(t, ways[pkg+"outer."+by], by)
		delete(ways, pkg+"outer."+by)
	}
	require.Empty(t, ways, "reported, but given up before")
}

const pkg = "test/policy/lockorder/testdata/locks."

func TestTheWayNamesEachCall(t *testing.T) {
	p, err := Load(".", "./testdata/locks")
	require.NoError(t, err)
	for _, n := range p.Nestings() {
		if n.Held == pkg+"outer.value" {
			require.Equal(t, []string{pkg + "user.byValue (locks.go:51)", "func at locks.go:24 (locks.go:24)",
				pkg + "user.deeper (locks.go:28)", pkg + "inner.take (locks.go:10)"}, n.Way)
		}
	}
}
