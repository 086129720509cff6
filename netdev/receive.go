package netdev

import (
	"errors"
	"net"

	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
)

// start begins to receive: in a goroutine that runs each batch to completion,
// or, on a virtual clock, in events of the clock.
func (d *Device) start() {
	if !d.table.Clock.Virtual() {
		go d.loop()
		return
	}
	close(d.done)
	d.driver.(Poller).OnReadable(d.postPoll)
	d.postPoll()
}

func (d *Device) loop() {
	defer close(d.done)
	var batch [rxBatch]*skb.Buffer
	for {
		n, err := d.driver.Read(d.table.Pool, batch[:])
		d.deliver(batch[:n])
		if err != nil {
			d.stopped(err)
			return
		}
	}
}

// stopped notes why a driver ended by itself.
func (d *Device) stopped(err error) {
	if !errors.Is(err, net.ErrClosed) {
		d.failed.Store(&err)
	}
	d.SetFlags(0, Up)
}

func (d *Device) postPoll() {
	if d.polled.CompareAndSwap(false, true) {
		d.table.Clock.Post(d.poll)
	}
}

func (d *Device) poll() {
	d.polled.Store(false)
	var batch [rxBatch]*skb.Buffer
	n := d.driver.(Poller).Poll(d.table.Pool, batch[:])
	if n == 0 {
		return
	}
	d.deliver(batch[:n])
	d.postPoll()
}

// deliver is net_rx_action: every frame of the batch up the stack, then the
// acknowledgements that the batch made due, then all transmissions at once.
func (d *Device) deliver(batch []*skb.Buffer) {
	if len(batch) == 0 {
		return
	}
	t := d.table
	if t.Trace.On(trace.StackPoll) {
		t.Trace.Event(trace.StackPoll, 0, uint32(d.Index), uint32(len(batch)), 0, 0)
	}
	now := t.Clock.Now()
	if !d.Features.Has(GRO) {
		batch = joinSegments(batch)
	}
	for i, b := range batch {
		batch[i] = nil
		b.Time, b.IfIndex = now, int32(d.Index)
		d.receive(b)
	}
	t.BatchEnd()
	t.Flush()
}

func (d *Device) receive(b *skb.Buffer) {
	d.Counters.RxPackets.Add(uint64(max(1, int(b.GSOSegs))))
	d.Counters.RxBytes.Add(uint64(b.Len()))
	if !d.Up() {
		b.Drop(skb.DevReady)
		return
	}
	d.table.Trace.Mark(b)
	if b.Traced {
		d.table.Trace.Packet(trace.LinkRx, b, uint32(d.Index), uint32(b.Len()), uint32(b.Csum), uint32(b.GSOSize))
	}
	if r := d.table.Rx(d, b); r != skb.NotDropped && r != skb.OtherHost {
		d.Counters.RxDropped.Add(1)
	}
}
