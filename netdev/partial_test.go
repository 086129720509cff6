package netdev

import (
	"testing"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
	"github.com/stretchr/testify/require"
)

// Whoever sends a super-segment of which only a part fits the queue must not
// believe that nothing left: the peer acknowledges the part.
func TestASuperSegmentThatWasQueuedInPartIsNotRefused(t *testing.T) {
	h := newHost(clock.NewVirtual())
	a, _ := Pipe(1500)
	d := h.attach(t, a)
	d.SetTxQueueLen(3)
	super := func(segs int) *skb.Buffer {
		return frameSpec{payload: make([]byte, 1000*segs)}.super(t, h.Pool, 1000, 1000*segs)
	}
	require.Equal(t, skb.NotDropped, d.Transmit(super(5)))
	require.EqualValues(t, 2, d.Counters.TxDropped.Load())
	require.Equal(t, skb.QdiscDrop, d.Transmit(super(2)), "of this nothing is queued")
	h.Close()
	requireBalance(t, h.Pool)
}
