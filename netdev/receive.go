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
		go d.run()
		return
	}
	close(d.done)
	d.driver.(Poller).OnReadable(d.postPoll)
	d.postPoll()
}

func (d *Device) run() {
	defer close(d.done)
	if b, ok := d.driver.(BusyPoller); ok {
		d.pollLoop(b)
		return
	}
	d.loop()
}

// loop receives from a driver that sleeps in Read.
func (d *Device) loop() {
	var batch [rxBatch]*skb.Buffer
	var sched scheduler
	for {
		n, err := d.driver.Read(d.table.Pool, batch[:])
		d.deliver(batch[:n])
		if err != nil {
			d.stopped(err)
			return
		}
		sched.giveWay(d.table.Clock)
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
// Where the batch is full more frames wait, and would be lost if they waited
// for that: by a driver that others can use meanwhile the timer goroutine then
// sends (net_tx_action).
func (d *Device) deliver(batch []*skb.Buffer) {
	if len(batch) == 0 {
		return
	}
	t := d.table
	if t.Trace.On(trace.StackPoll) {
		t.Trace.Event(trace.StackPoll, 0, uint32(d.Index), uint32(len(batch)), 0, 0)
	}
	d.countRx(batch)
	more := len(batch) == rxBatch && d.multi
	if !d.Features.Has(GRO) {
		batch = joinSegments(batch, d.linkLen())
	}
	now := t.Clock.Now()
	for i, b := range batch {
		batch[i] = nil
		b.Time, b.IfIndex = now, int32(d.Index)
		d.receive(b)
	}
	t.BatchEnd()
	if more {
		t.flushSoon()
	} else {
		t.Flush()
	}
}

// countRx counts what came in, as it came.
func (d *Device) countRx(batch []*skb.Buffer) {
	frames, bytes := 0, 0
	for _, b := range batch {
		frames += max(1, int(b.GSOSegs))
		bytes += b.Len()
	}
	d.Counters.RxPackets.Add(uint64(frames))
	d.Counters.RxBytes.Add(uint64(bytes))
}

func (d *Device) receive(b *skb.Buffer) {
	switch {
	case !d.Up():
		b.Drop(skb.DevReady)
	case b.GSO == skb.GSOUDPv4 && b.Csum == skb.CsumNone:
		d.receiveCut(b)
	case !markChecksum(b):
		d.Counters.RxDropped.Add(1)
		b.Drop(skb.HdrTrunc)
	default:
		d.input(b)
	}
}

// receiveCut passes on the datagrams of a UDP super-segment one by one: its
// checksum, which is that of none of them, could not be verified further up.
func (d *Device) receiveCut(b *skb.Buffer) {
	parts, r := cutReceived(b, d.linkLen())
	if r != skb.NotDropped {
		d.Counters.RxDropped.Add(1)
	}
	for s := parts.PopFront(); s != nil; s = parts.PopFront() {
		d.input(s)
	}
}

// cutReceived cuts a super-segment whose headers nobody has marked yet, and
// consumes it.
func cutReceived(b *skb.Buffer, link int) (parts skb.Queue, r skb.Reason) {
	if !b.MayPull(link + ipMinLen) {
		return parts, b.Drop(skb.HdrTrunc)
	}
	markHeaders(b, link, link)
	r = Segment(b, &parts)
	return parts, r
}

// markChecksum marks where an unfinished checksum starts, so that the frame
// can be forwarded by a device with another link header. It reports false
// where the frame does not hold the place.
func markChecksum(b *skb.Buffer) bool {
	if b.Csum != skb.CsumPartial {
		return true
	}
	start := int(b.CsumStart)
	if !b.MayPull(start + int(b.CsumOffset) + 2) {
		return false
	}
	b.Pull(start)
	b.SetTransport()
	b.Push(start)
	return true
}

// markStart marks the header that the frame begins with.
func (d *Device) markStart(b *skb.Buffer) {
	if d.HasLink() {
		b.SetLink()
	} else {
		b.SetNetwork()
	}
}

func (d *Device) input(b *skb.Buffer) {
	d.markStart(b)
	d.table.Trace.Mark(b)
	if b.Traced {
		d.table.Trace.Packet(trace.LinkRx, b, uint32(d.Index), uint32(b.Len()), uint32(b.Csum), uint32(b.GSOSize))
	}
	if r := d.table.Rx(d, b); r != skb.NotDropped && r != skb.OtherHost {
		d.Counters.RxDropped.Add(1)
	}
}
