package netdev

import (
	"net"
	"sync"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
)

// Impair wraps a driver in a bad link: both directions lose, delay, reorder,
// duplicate and corrupt frames as o says, each with randomness of its own from
// o.Seed. It works on a real and on a virtual clock; what is wrapped must be a
// Poller for the latter. Super-segments are cut first, so that every fate is
// that of one segment.
func Impair(d Driver, clk clock.Clock, o Impairment) Poller {
	i := &impaired{inner: d, clk: clk, arrived: newLane(1 << 16), link: !d.Features().Has(NoLink)}
	i.tx.init(i, o, 1, func(b *skb.Buffer) {
		_, _ = i.inner.Write([]*skb.Buffer{b}) // a full device loses it, as a device does
	})
	i.rx.init(i, o, 2, func(b *skb.Buffer) {
		_, _ = i.arrived.write([]*skb.Buffer{b}) // a reader that has gone reads no more
	})
	if p, ok := d.(Poller); ok && clk.Virtual() {
		p.OnReadable(func() { clk.Post(i.pollInner) })
		clk.Post(i.pollInner) // frames that were there before
		return i
	}
	i.pumped = make(chan struct{})
	go i.pump()
	return i
}

// impaired is the wrapper; see Impair.
type impaired struct {
	inner   Driver
	clk     clock.Clock
	arrived *lane // what has passed the receiving direction
	tx, rx  direction
	link    bool
	pool    *skb.Pool // of frames inside the wrapper
	once    sync.Once
	pumped  chan struct{}
}

// SetRxMode passes on what the stack wants let through; see RxModer.
func (i *impaired) SetRxMode(promisc, allMulti bool) error {
	if d, ok := i.inner.(RxModer); ok {
		return d.SetRxMode(promisc, allMulti)
	}
	return nil
}

func (i *impaired) own() *skb.Pool {
	i.once.Do(func() { i.pool = skb.NewPool(nil) })
	return i.pool
}

// pump carries frames from the wrapped driver in real time.
func (i *impaired) pump() {
	defer close(i.pumped)
	batch := make([]*skb.Buffer, rxBatch)
	for {
		n, err := i.inner.Read(i.own(), batch)
		i.rx.take(batch[:n])
		if err != nil {
			i.arrived.closeReader()
			return
		}
	}
}

// pollInner does so in an event of a virtual clock.
func (i *impaired) pollInner() {
	batch := make([]*skb.Buffer, rxBatch)
	n := i.inner.(Poller).Poll(i.own(), batch)
	i.rx.take(batch[:n])
	if n > 0 {
		i.clk.Post(i.pollInner)
	}
}

// take passes on frames that belong to the wrapper.
func (t *direction) take(batch []*skb.Buffer) {
	for k, b := range batch {
		batch[k] = nil
		t.pass(b)
		b.Consume()
	}
}

func (i *impaired) Read(pool *skb.Pool, dst []*skb.Buffer) (int, error) {
	return i.arrived.read(pool, dst)
}

func (i *impaired) Poll(pool *skb.Pool, dst []*skb.Buffer) int { return i.arrived.poll(pool, dst) }

func (i *impaired) OnReadable(fn func()) { i.arrived.onReadable(fn) }

// Write takes every frame: what the link does to them nobody is told.
func (i *impaired) Write(src []*skb.Buffer) (int, error) {
	for _, b := range src {
		i.tx.pass(b)
	}
	return len(src), nil
}

// Features hides super-segments on the way out.
func (i *impaired) Features() Features { return i.inner.Features() &^ (TSO4 | USO | GRO) }

func (i *impaired) MTU() int { return i.inner.MTU() }

func (i *impaired) MAC() net.HardwareAddr { return i.inner.MAC() }

// Close drops what is under way and closes the wrapped driver.
func (i *impaired) Close() error {
	err := i.inner.Close()
	if i.pumped != nil {
		<-i.pumped
	}
	i.tx.close()
	i.rx.close()
	i.arrived.closeReader()
	return err
}

// Counts is what a direction did so far, in frames.
type Counts struct{ Passed, Lost, Duplicated, Corrupted, Reordered, Overflowed, Marked int }

// ImpairmentCounts returns what an impaired driver did on the way out and in,
// false for other drivers.
func ImpairmentCounts(d Driver) (tx, rx Counts, ok bool) {
	i, ok := d.(*impaired)
	if !ok {
		return tx, rx, false
	}
	return i.tx.counts(), i.rx.counts(), true
}
