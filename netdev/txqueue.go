package netdev

import (
	"sync"
	"sync/atomic"

	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
)

// txQueueLen bounds the frames that wait for the driver, as Linux's default
// txqueuelen.
const txQueueLen = 1000

// txBatch is how many frames go to the driver in one Write.
const txBatch = 64

// txQueue collects frames until Flush. Whoever flushes first drains for all:
// nobody waits for another's system call.
type txQueue struct {
	mu      sync.Mutex
	q       skb.Queue
	busy    atomic.Bool
	dirty   atomic.Bool
	scratch [txBatch]*skb.Buffer
}

func (t *txQueue) push(d *Device, b *skb.Buffer) skb.Reason {
	t.mu.Lock()
	if t.q.Len() >= txQueueLen {
		n := t.q.Len()
		t.mu.Unlock()
		d.Counters.TxDropped.Add(1)
		d.table.Trace.Slow(trace.LinkTxFull, 0, b.Cause, [4]uint32{uint32(d.Index), uint32(n)})
		return b.Drop(skb.QdiscDrop)
	}
	t.q.PushBack(b)
	t.mu.Unlock()
	if !t.dirty.Load() {
		t.dirty.Store(true)
		d.table.dirty.Store(true)
	}
	return skb.NotDropped
}

// flush hands all queued frames to the driver, unless another goroutine is
// doing so; that one then sees ours.
func (t *txQueue) flush(d *Device) {
	for t.dirty.Load() && t.busy.CompareAndSwap(false, true) {
		t.dirty.Store(false)
		for t.sendBatch(d) {
		}
		t.busy.Store(false)
	}
}

func (t *txQueue) sendBatch(d *Device) bool {
	batch := t.scratch[:0]
	t.mu.Lock()
	for len(batch) < txBatch && t.q.Len() > 0 {
		batch = append(batch, t.q.PopFront())
	}
	t.mu.Unlock()
	if len(batch) == 0 {
		return false
	}
	sent, err := d.driver.Write(batch)
	for i, b := range batch {
		batch[i] = nil
		d.sent(b, i < sent, err)
	}
	return true
}

// sent counts one frame and ends it.
func (d *Device) sent(b *skb.Buffer, taken bool, err error) {
	switch {
	case taken:
		d.Counters.TxPackets.Add(uint64(max(1, int(b.GSOSegs))))
		d.Counters.TxBytes.Add(uint64(b.Len()))
		b.Consume()
	case err != nil:
		d.Counters.TxErrors.Add(1)
		b.Drop(skb.DevReady)
	default:
		d.Counters.TxDropped.Add(1)
		b.Drop(skb.FullRing)
	}
}

// purge empties the queue at close.
func (t *txQueue) purge() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.q.Purge(skb.QueuePurge)
}
