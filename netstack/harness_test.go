package netstack_test

import (
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.zx2c4.com/wireguard/tun"

	"github.com/slankdev/ministack/netstack"
)

var (
	addrA = netip.MustParseAddr("10.1.0.1")
	addrB = netip.MustParseAddr("10.1.0.2")
)

func at(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }

// pair returns two networks whose tunnels are each other's: what one reads is
// written to the other, in batches, as a tunnel would.
func pair(t *testing.T) (a, b *netstack.Net) {
	ta, a := create(t, addrA)
	tb, b := create(t, addrB)
	var both sync.WaitGroup
	both.Go(func() { carry(t, ta, tb) })
	both.Go(func() { carry(t, tb, ta) })
	t.Cleanup(func() {
		require.NoError(t, ta.Close())
		require.NoError(t, tb.Close())
		both.Wait()
		for _, n := range []*netstack.Net{a, b} {
			require.Zero(t, n.Stack().Pool().Count().Live, "buffers that met no fate")
		}
	})
	return a, b
}

func create(t *testing.T, addrs ...netip.Addr) (tun.Device, *netstack.Net) {
	d, n, err := netstack.CreateNetTUN(addrs, []netip.Addr{addrB}, 1420)
	require.NoError(t, err)
	return d, n
}

// offset is the room before each packet that wireguard-go asks for.
const offset = 16

func carry(t *testing.T, from, to tun.Device) {
	n := from.BatchSize()
	bufs, sizes := make([][]byte, n), make([]int, n)
	for i := range bufs {
		bufs[i] = make([]byte, offset+1420)
	}
	for {
		n, err := from.Read(bufs, sizes, offset)
		if err != nil {
			return
		}
		out := make([][]byte, n)
		for i := range out {
			out[i] = bufs[i][:offset+sizes[i]]
		}
		if _, err := to.Write(out, offset); err != nil {
			return
		}
	}
}
