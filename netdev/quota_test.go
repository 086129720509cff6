package netdev

import (
	"testing"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
	"github.com/stretchr/testify/require"
)

// crowd is a driver during whose every Write others queue as much again.
type crowd struct {
	Poller
	left int
	more func(n int)
}

func (c *crowd) Write(src []*skb.Buffer) (int, error) {
	n := min(c.left, len(src))
	c.left -= n
	c.more(n)
	return len(src), nil
}

// Who sends for others comes back to its own work: the timer goroutine, here
// the virtual clock, sends the rest.
func TestAFlushHasAnEndThoughOthersGoOn(t *testing.T) {
	const frames = 50 * txBatch
	c := clock.NewVirtual()
	h := newHost(c)
	a, _ := Pipe(1500)
	drv := &crowd{Poller: a.(Poller), left: frames}
	d := h.attach(t, drv)
	drv.more = func(n int) {
		for range n {
			require.Equal(t, skb.NotDropped, d.Transmit(frameSpec{payload: []byte("x")}.buffer(t, h.Pool)))
		}
	}
	drv.more(txBatch)
	h.Flush()
	sent := d.Counters.TxPackets.Load()
	require.GreaterOrEqual(t, sent, uint64(2*txBatch))
	require.LessOrEqual(t, sent, uint64(txQuota*txBatch))
	c.Run(0)
	require.EqualValues(t, frames+txBatch, d.Counters.TxPackets.Load())
	h.Close()
	requireBalance(t, h.Pool)
}

// Those who waited for frames to leave send, and what they send leaves, too, in
// the same flush; but if they go on without end, that has one.
func TestAFlushLetsThoseGoOnWhoWaitedForIt(t *testing.T) {
	for rounds, inOne := range map[int]int{3: 4, 3 * flushQuota: flushQuota + 1} {
		c := clock.NewVirtual()
		h := newHost(c)
		a, _ := Pipe(1500)
		d := h.attach(t, a)
		send := func() {
			require.Equal(t, skb.NotDropped, d.Transmit(frameSpec{payload: []byte("x")}.buffer(t, h.Pool)))
		}
		left := rounds
		h.Resume = func() bool {
			if left == 0 {
				return false
			}
			left--
			send()
			return true
		}
		send()
		h.Flush()
		require.EqualValues(t, inOne, d.Counters.TxPackets.Load())
		c.Run(0)
		require.EqualValues(t, rounds+1, d.Counters.TxPackets.Load())
		h.Close()
		requireBalance(t, h.Pool)
	}
}
