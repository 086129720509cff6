package netdev

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
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
// goes with the sender's next batch, because the sender looks once more when it
// has stopped being one.
//
// No lock is taken on the way. A goroutine that finds one taken is parked, and
// where all cores are busy it comes back when another has used up its time: it
// would wait milliseconds for the end of a few memory accesses.
type txQueue struct {
	writer   Writer
	bit      uint32 // of Device.queued
	wakeable bool   // the driver is a Waker

	pushed  skb.Inbox
	waiting atomic.Int32 // frames that were not yet given to the driver
	limit   atomic.Int32 // of waiting
	sending atomic.Bool  // somebody is the sender
	stopped atomic.Bool  // the driver is busy, and will say when it no longer is
	wakes   atomic.Uint32
	left    atomic.Bool // the last sender left frames in q
	closed  atomic.Bool

	mu   sync.Mutex
	idle sync.Cond // the sender has stopped; only close waits for it

	// The sender's.
	q     skb.Queue
	shown int // how many frames at the front the taps have seen: a busy driver did not take them
	batch [txBatch]*skb.Buffer
}

// push queues b and takes it over.
func (t *txQueue) push(d *Device, b *skb.Buffer) skb.Reason {
	if t.enter(1) == 0 {
		return d.refuse(b, t)
	}
	t.pushed.Put(b)
	t.entered(d)
	return skb.NotDropped
}

// pushAll is push for the pieces of one super-segment. It reports a drop only
// where none was queued.
func (t *txQueue) pushAll(d *Device, parts *skb.Queue) skb.Reason {
	room := t.enter(parts.Len())
	var enough skb.Queue
	for range room {
		enough.PushBack(parts.PopFront())
	}
	r := skb.NotDropped
	for b := parts.PopFront(); b != nil; b = parts.PopFront() {
		r = d.refuse(b, t)
	}
	if room == 0 {
		return r
	}
	t.pushed.PutAll(&enough)
	t.entered(d)
	return skb.NotDropped
}

// enter reserves places for up to n frames and returns how many.
func (t *txQueue) enter(n int) int {
	if t.closed.Load() {
		return 0
	}
	over := max(int(t.waiting.Add(int32(n))-t.limit.Load()), 0)
	room := max(n-over, 0)
	t.waiting.Add(int32(room - n))
	return room
}

// entered comes after frames were queued. Where close did not see them any
// more they end here.
func (t *txQueue) entered(d *Device) {
	d.markQueued(t.bit)
	if t.closed.Load() {
		t.flush(d)
	}
}

func (d *Device) refuse(b *skb.Buffer, t *txQueue) skb.Reason {
	d.Counters.TxDropped.Add(1)
	if t.closed.Load() {
		return b.Drop(skb.DevReady)
	}
	d.table.Trace.Slow(trace.LinkTxFull, 0, b.Cause, [4]uint32{uint32(d.Index), uint32(t.waiting.Load())})
	return b.Drop(skb.QdiscDrop)
}

// flush hands all queued frames to the driver, unless another goroutine is
// doing so.
func (t *txQueue) flush(d *Device) {
	for t.due() && t.sending.CompareAndSwap(false, true) {
		goOn := t.send(d)
		t.resign()
		if !goOn {
			return
		}
	}
}

// due reports whether there is something that can be sent.
func (t *txQueue) due() bool {
	return (t.left.Load() || !t.pushed.Empty()) && (!t.stopped.Load() || t.closed.Load())
}

// send is the sender's work. It reports false where it leaves the rest to the
// timer goroutine.
func (t *txQueue) send(d *Device) bool {
	for quota := txQuota; !t.stopped.Load() && !t.closed.Load(); quota-- {
		n := t.take()
		if n == 0 {
			return true
		}
		if quota == 0 {
			t.putBack(t.batch[:n])
			d.table.Clock.Post(func() { t.resume(d) })
			return false
		}
		wakes, shown := t.wakes.Load(), t.shown
		d.show(t.batch[shown:n])
		left := d.write(t, t.batch[:n])
		t.shown = len(left)
		if len(left) > 0 {
			t.putBack(left)
			t.stop(wakes)
		}
	}
	if t.closed.Load() {
		t.purge()
	}
	return true
}

// take moves the next frames from the queue to the batch.
func (t *txQueue) take() int {
	if t.q.Len() < txBatch {
		t.pushed.TakeAll(&t.q)
	}
	n := min(t.q.Len(), txBatch)
	for i := range n {
		t.batch[i] = t.q.PopFront()
	}
	t.waiting.Add(-int32(n))
	return n
}

// putBack puts frames that were not sent where they were.
func (t *txQueue) putBack(left []*skb.Buffer) {
	t.waiting.Add(int32(len(left)))
	for i := len(left) - 1; i >= 0; i-- {
		t.q.PushFront(left[i])
		left[i] = nil
	}
}

// stop notes that the driver is busy, unless it has found room since wakes was
// read.
func (t *txQueue) stop(wakes uint32) {
	t.stopped.Store(true)
	if t.wakes.Load() != wakes {
		t.stopped.Store(false)
	}
}

// wake goes on where a busy driver stopped (netif_wake_queue).
func (t *txQueue) wake(d *Device) {
	t.wakes.Add(1)
	t.stopped.Store(false)
	t.resume(d)
}

// resume flushes and lets those go on who waited for that.
func (t *txQueue) resume(d *Device) {
	t.flush(d)
	d.table.Flush()
}

// close refuses frames from now on, waits until the sender is out of the
// driver and purges what is queued.
func (t *txQueue) close() {
	t.closed.Store(true)
	t.mu.Lock()
	for !t.sending.CompareAndSwap(false, true) {
		t.idle.Wait()
	}
	t.mu.Unlock()
	t.purge()
	t.resign()
}

// resign is the end of a sender, for which close may wait.
func (t *txQueue) resign() {
	t.left.Store(t.q.Len() > 0)
	t.sending.Store(false)
	if t.closed.Load() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.idle.Broadcast()
	}
}

func (t *txQueue) purge() {
	t.pushed.TakeAll(&t.q)
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
func (d *Device) write(t *txQueue, batch []*skb.Buffer) []*skb.Buffer {
	for len(batch) > 0 {
		n, err := t.writer.Write(batch)
		d.sent(batch[:n])
		batch = batch[n:]
		switch {
		case len(batch) == 0:
		case err == ErrBusy && t.wakeable:
			return batch
		case err == nil || err == ErrBusy: // a wrapper that passes no wake-up on
			d.Counters.TxDropped.Add(uint64(len(batch)))
			batch = d.lose(batch, len(batch), skb.FullRing)
		case errors.Is(err, net.ErrClosed):
			d.Counters.TxErrors.Add(uint64(len(batch)))
			batch = d.lose(batch, len(batch), skb.DevReady)
		case full(err):
			d.Counters.TxDropped.Add(1)
			batch = d.lose(batch, 1, skb.FullRing)
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

// full reports whether a device that is not closed had no room for a frame, but
// may have some for the next.
func full(err error) bool { return errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.EAGAIN) }

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
