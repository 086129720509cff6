package netdev

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
)

// Busy polling (napi_busy_loop in net/core/dev.c has the idea). Latency is
// wake-ups: a thread that sleeps in the kernel takes many times as long to come
// back as a small segment takes to be answered. So the goroutine of a device
// that has run empty asks it again for a while before it sleeps.
//
// It does so only while that pays (pace.go), and gives way after each look: to
// goroutines that wait for a core (giveway.go), and to other threads of the
// machine. An idle device is not polled at all.

// BusyPoller is a Driver whose reader need not sleep in it.
type BusyPoller interface {
	Driver
	// TryRead is Read without waiting: 0 and no error where nothing is there.
	TryRead(pool *skb.Pool, dst []*skb.Buffer) (int, error)
	// Await sleeps until TryRead may find something. After Close it returns
	// net.ErrClosed.
	Await() error
}

// busyMicros is how long polling lasts unless net.core.busy_poll says
// otherwise, in microseconds: as long as that of Linux's haltpoll governor.
const busyMicros = 200

// poller is what a device's goroutine needs for a BusyPoller.
type poller struct {
	driver BusyPoller
	table  *Table
	pace   pace
	sched  scheduler
	batch  [rxBatch]*skb.Buffer
}

// pollLoop is loop for a driver that can be polled.
func (d *Device) pollLoop(b BusyPoller) {
	p := &poller{driver: b, table: d.table}
	for {
		n, err := p.driver.TryRead(d.table.Pool, p.batch[:])
		if n > 0 {
			p.arrived(n)
			d.deliver(p.batch[:n])
		}
		if err == nil {
			err = p.next(n)
		}
		if err != nil {
			d.stopped(err)
			return
		}
	}
}

// arrived learns from a pause's end, and counts what polling found.
func (p *poller) arrived(n int) {
	if p.pace.ended(p.table.Clock.Now(), p.window()) {
		p.table.Stat.Add(stat.TcpExtBusyPollRxPackets, n)
	}
}

func (p *poller) window() time.Duration {
	return time.Duration(p.table.busyPoll.Get()) * time.Microsecond
}

// next comes between two looks, of which the first found n frames: it gives
// way, or sleeps.
func (p *poller) next(n int) error {
	if n == 0 && !p.pace.goOn(p.table.Clock.Now(), p.window()) {
		return p.driver.Await()
	}
	p.sched.giveWay(p.table.Clock)
	if n == 0 {
		p.yield(p.table.Clock)
	}
	return nil
}

// yield gives the core to other threads, and notes how long they had it.
func (p *poller) yield(c clock.Clock) {
	before := c.Now()
	yield()
	p.pace.yielded(before, c.Now())
}
