package wire

import (
	"testing"
	"time"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
	"github.com/stretchr/testify/require"
)

// impaired wraps every driver in the impairment device.
func impaired(t *testing.T, spec string) func(netdev.Driver, *ministack.Stack) netdev.Driver {
	return func(d netdev.Driver, s *ministack.Stack) netdev.Driver {
		o, err := netdev.ParseImpairment(spec)
		require.NoError(t, err)
		return netdev.Impair(d, s.Clock(), o)
	}
}

func TestCurlOverABadLink(t *testing.T) {
	need(t, "curl")
	data, sum := noise(10*mb, 2)
	for name, spec := range map[string]string{
		"loss":      "loss=5%,seed=1",
		"reorder":   "reorder=5%,delay=1ms,seed=2",
		"duplicate": "dup=5%,seed=3",
		"corrupt":   "corrupt=2%,seed=4",
		"all":       "loss=2%,reorder=2%,dup=2%,corrupt=1%,delay=1ms,seed=5",
	} {
		t.Run(name, func(t *testing.T) {
			onEveryLink(t, func(w *wire) { w.curlBothWays(data, sum, 2*time.Minute) }, impaired(t, spec))
		})
	}
}
