package netdev

import (
	"errors"
	"net"
	"sync"
	"syscall"

	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
)

// txQueueLen bounds the frames that wait for the driver, as Linux's default
// txqueuelen.
const txQueueLen = 1000

// txBatch is how many frames go to the driver in one Write.
const txBatch = 64

// txQuota is how many batches a flush sends before it leaves the rest to the
// timer goroutine: who sends for others is to get back to its own work
// (dev_tx_weight and __qdisc_run's way out to net_tx_action).
const txQuota = 8

// txQueue collects frames until a flush. Whoever flushes first sends for all:
// nobody waits for another's system call, and a frame that is pushed meanwhile
// goes with the sender's next batch, because the sender stops only when it
// finds the queue empty under the lock.
type txQueue struct {
	mu       sync.Mutex
	idle     sync.Cond // the sender has stopped; only close waits for it
	q        skb.Queue
	limit    int // frames
	shown    int // how many frames at the front the taps have seen: a busy driver did not take them
	sending  bool
	closed   bool
	wakeable bool   // the driver is a Waker; set before the device starts
	stopped  bool   // the driver is busy, and will say when it no longer is
	wakes    uint32 // how often it has

	batch [txBatch]*skb.Buffer // the sender's
}

// setLimit changes how many frames may wait.
func (t *txQueue) setLimit(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.limit = n
}

// push queues b and takes it over.
func (t *txQueue) push(d *Device, b *skb.Buffer) skb.Reason {
	t.mu.Lock()
	n, closed := t.q.Len(), t.closed
	if n >= t.limit || closed {
		t.mu.Unlock()
		return d.refuse(b, n, closed)
	}
	t.q.PushBack(b)
	t.mu.Unlock()
	d.table.markDirty()
	return skb.NotDropped
}

func (d *Device) refuse(b *skb.Buffer, queued int, closed bool) skb.Reason {
	d.Counters.TxDropped.Add(1)
	if closed {
		return b.Drop(skb.DevReady)
	}
	d.table.Trace.Slow(trace.LinkTxFull, 0, b.Cause, [4]uint32{uint32(d.Index), uint32(queued)})
	return b.Drop(skb.QdiscDrop)
}

// flush hands all queued frames to the driver, unless another goroutine is
// doing so.
func (t *txQueue) flush(d *Device) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sending || t.stopped {
		return
	}
	t.sending = true
	for quota := txQuota; !t.stopped; quota-- {
		if quota == 0 && t.q.Len() > 0 {
			d.table.Clock.Post(func() { t.resume(d) })
			break
		}
		n := t.take()
		if n == 0 {
			break
		}
		wakes, shown := t.wakes, t.shown
		t.mu.Unlock()
		d.show(t.batch[shown:n])
		left := d.write(t.batch[:n])
		t.mu.Lock()
		t.putBack(left)
		t.shown = len(left)
		t.stopped = len(left) > 0 && t.wakes == wakes
	}
	t.sending = false
	if t.closed {
		t.idle.Broadcast()
	}
}

// putBack puts frames that a busy driver did not take where they were.
func (t *txQueue) putBack(left []*skb.Buffer) {
	for i := len(left) - 1; i >= 0; i-- {
		t.q.PushFront(left[i])
		left[i] = nil
	}
}

// wake goes on where a busy driver stopped (netif_wake_queue). The count tells
// a flush whose driver found room before the flush had noted that it was busy.
func (t *txQueue) wake(d *Device) {
	t.mu.Lock()
	t.wakes++
	t.stopped = false
	t.mu.Unlock()
	t.resume(d)
}

// resume flushes and lets those go on who waited for that.
func (t *txQueue) resume(d *Device) {
	t.flush(d)
	d.table.Flush()
}

// take moves the next frames from the queue to the batch.
func (t *txQueue) take() int {
	n := 0
	for n < txBatch && t.q.Len() > 0 {
		t.batch[n] = t.q.PopFront()
		n++
	}
	return n
}

// close refuses frames from now on, waits until the sender is out of the
// driver and purges what is queued.
func (t *txQueue) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for t.sending {
		t.idle.Wait()
	}
	t.q.Purge(skb.QueuePurge)
}

// show is the taps' look at frames that are about to leave.
func (d *Device) show(batch []*skb.Buffer) {
	if fn := d.table.Tx; fn != nil && len(batch) > 0 {
		fn(d, batch)
	}
}

// write gives a batch to the driver. A frame that the driver refuses with an
// error costs only itself; a full or closed device costs the rest of the batch;
// what a busy one did not take is returned.
func (d *Device) write(batch []*skb.Buffer) []*skb.Buffer {
	for len(batch) > 0 {
		n, err := d.driver.Write(batch)
		d.sent(batch[:n])
		batch = batch[n:]
		switch {
		case len(batch) == 0:
		case err == ErrBusy && d.tx.wakeable:
			return batch
		case err == nil || err == ErrBusy: // a wrapper that passes no wake-up on
			d.Counters.TxDropped.Add(uint64(len(batch)))
			batch = d.lose(batch, len(batch), skb.FullRing)
		case errors.Is(err, net.ErrClosed):
			d.Counters.TxErrors.Add(uint64(len(batch)))
			batch = d.lose(batch, len(batch), skb.DevReady)
		default:
			d.Counters.TxErrors.Add(1)
			batch = d.lose(batch, 1, refusal(err))
		}
	}
	return nil
}

// sent counts and ends frames that the driver took.
func (d *Device) sent(batch []*skb.Buffer) {
	for i, b := range batch {
		d.Counters.TxPackets.Add(uint64(max(1, int(b.GSOSegs))))
		d.Counters.TxBytes.Add(uint64(b.Len()))
		b.Consume()
		batch[i] = nil
	}
}

// lose drops the first n frames of the batch and returns the rest.
func (d *Device) lose(batch []*skb.Buffer, n int, r skb.Reason) []*skb.Buffer {
	for i, b := range batch[:n] {
		b.Drop(r)
		batch[i] = nil
	}
	return batch[n:]
}

// refusal says why a driver did not take one frame.
func refusal(err error) skb.Reason {
	switch {
	case errors.Is(err, syscall.EMSGSIZE):
		return skb.PktTooBig
	case errors.Is(err, syscall.EINVAL):
		return skb.DevHdr
	}
	return skb.DevReady
}
