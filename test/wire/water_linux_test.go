package wire

import (
	"os"
	"testing"
	"time"

	"github.com/slankdev/ministack/netdev"
	"github.com/stretchr/testify/require"
)

// The portable driver carries ping and HTTP as well.
func TestThePortableDriver(t *testing.T) {
	need(t, "ping", "curl")
	if f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil {
		t.Skip("no TAP: /dev/net/tun cannot be opened")
	} else {
		_ = f.Close()
	}
	w := newWire(t, kind{"water", func(t *testing.T) (netdev.Driver, string) {
		d, err := netdev.OpenWater("tapw", 1500)
		require.NoError(t, err)
		return d, "tapw"
	}})
	w.must(5*time.Second, "ping", "-c", "2", "-i", "0.01", stackIP)
	data, sum := noise(5*mb, 8)
	w.curlBothWays(data, sum, 30*time.Second)
}
