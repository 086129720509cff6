package link_test

import (
	"testing"

	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/stretchr/testify/require"
)

// FuzzInput gives any bytes as a frame to the link alone, on a device with and
// on one without a link header. Each tap of everything sees each whole frame
// once, and every buffer meets one fate.
func FuzzInput(f *testing.F) {
	f.Add([]byte{}, false)
	f.Add(frame(mac, link.TypeIPv4, 0x45), false)
	f.Add(frame(netdev.BroadcastMAC, link.TypeVLAN, 0, 1, 8, 0), false)
	f.Add([]byte{0x60}, true)
	f.Fuzz(func(t *testing.T, data []byte, noLink bool) {
		feature, least := netdev.Features(0), link.HeaderLen
		if noLink {
			feature, least = netdev.NoLink, 1
		}
		b := newBare(t, feature)
		seen := b.count(0, 0)
		r := b.input(data)
		require.Equal(t, len(data) < least, r == skb.PktTooSmall)
		require.Equal(t, len(data) >= least, *seen == 1)
		require.Equal(t, r == skb.NotDropped, len(b.got) == 1)
		if len(b.got) == 1 && !noLink {
			require.Equal(t, data[link.HeaderLen:], b.got[0].Data())
		}
	})
}
