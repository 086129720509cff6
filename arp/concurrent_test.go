package arp

import (
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReadersFindWhatStaysWhileWritersWork is for the race detector, and for
// the chains: an entry that is not touched is found at every moment.
func TestReadersFindWhatStaysWhileWritersWork(t *testing.T) {
	x := newBench(t)
	require.True(t, x.m.Add(x.d, theirs, theyAre))
	var wg sync.WaitGroup
	for w := range byte(2) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range 3000 {
				ip := netip.AddrFrom4([4]byte{10, 2 + w, byte(i >> 4), byte(i)})
				x.m.Add(x.d, ip, another)
				if i%2 == 0 {
					x.m.Delete(x.d, ip)
				}
			}
		}()
	}
	for range 3000 {
		if x.m.lookup(x.d, theirs) == nil {
			t.Error("an entry was not found while others came and went")
			break
		}
		x.m.Confirm(x.d, theirs)
	}
	wg.Wait()
	require.Len(t, x.m.Entries(), 3001)
	require.Zero(t, x.m.collectable.Load())
}
