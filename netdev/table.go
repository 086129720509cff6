package netdev

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/sysctl"
	"github.com/slankdev/ministack/trace"
)

// rxBatch is how many frames a receive goroutine takes in one go (the NAPI
// weight).
const rxBatch = 64

// rxBudget is how many octets end a batch earlier. A batch of super-segments
// could be 4 MB: by the time that its last frame is read the first has left
// the cache, and the reader copies all of it from memory. What fits in a
// second-level cache is copied out of it, and the storage that the reader gives
// back is warm when the next frames land in it.
const rxBudget = 256 << 10

// Rand is the randomness that a stack is given.
type Rand interface {
	Uint32() uint32
	Uint64() uint64
}

// Config is what a table needs. Rx gets every received frame and takes it
// over; BatchEnd runs after each batch, before transmissions are flushed; Tx is
// shown the frames that are about to go to a driver, as they will, and may
// clone them (dev_queue_xmit_nit). BatchEnd and Tx may be nil.
type Config struct {
	Clock    clock.Clock
	Rand     Rand
	Pool     *skb.Pool
	Trace    *trace.Tracer
	Stat     *stat.Counters   // may be nil
	Sysctl   *sysctl.Registry // may be nil
	Rx       func(d *Device, b *skb.Buffer) skb.Reason
	BatchEnd func()
	Tx       func(d *Device, batch []*skb.Buffer)
	// Resume runs after frames have gone to drivers: it lets those send who
	// waited for that, and reports whether there were any. May be nil.
	Resume func() bool
	// Changed is told that a device's MTU is another; may be nil.
	Changed func()
}

// Table holds a stack's devices.
type Table struct {
	Config
	list   atomic.Pointer[[]*Device] // by index; index 0 is empty
	mu     sync.Mutex                // writers of list
	closed bool
	dirty  atomic.Bool // a device may have frames queued
	soon   atomic.Bool // a flush is posted

	busyPoll *sysctl.Int // microseconds

	watchers watchers
}

// NewTable returns an empty table.
func NewTable(c Config) *Table {
	if c.BatchEnd == nil {
		c.BatchEnd = func() {}
	}
	if c.Sysctl == nil {
		c.Sysctl = sysctl.New()
	}
	if c.Stat == nil {
		c.Stat = new(stat.Counters)
	}
	if c.Resume == nil {
		c.Resume = func() bool { return false }
	}
	t := &Table{Config: c}
	t.busyPoll = c.Sysctl.Int("net.core.busy_poll", busyMicros, 0, 1e6)
	t.list.Store(&[]*Device{nil})
	return t
}

// ByIndex returns the device with the index i, nil if there is none.
func (t *Table) ByIndex(i int) *Device {
	l := *t.list.Load()
	if i <= 0 || i >= len(l) {
		return nil
	}
	return l[i]
}

// ByName returns the device called name, nil if there is none.
func (t *Table) ByName(name string) *Device {
	for _, d := range t.All() {
		if d.Name == name {
			return d
		}
	}
	return nil
}

// All returns the devices in the order of their indices.
func (t *Table) All() []*Device {
	var all []*Device
	for _, d := range *t.list.Load() {
		if d != nil {
			all = append(all, d)
		}
	}
	return all
}

// Attach makes a device of a driver, up and receiving. An empty name becomes
// eth0, eth1, ... Errors: EEXIST for a name in use, EINVAL for one too long or
// for a driver that a virtual clock cannot drive, net.ErrClosed after Close.
func (t *Table) Attach(drv Driver, name string) (*Device, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, fmt.Errorf("device %s: %w", name, net.ErrClosed)
	}
	if name == "" {
		name = t.freeName()
	}
	if len(name) > 15 {
		return nil, fmt.Errorf("device name %q is longer than 15 bytes: %w", name, syscall.EINVAL)
	}
	if t.ByName(name) != nil {
		return nil, fmt.Errorf("device %s is attached already: %w", name, syscall.EEXIST)
	}
	if _, ok := drv.(Poller); t.Clock.Virtual() && !ok {
		return nil, fmt.Errorf("device %s: %T cannot be driven by a virtual clock: %w", name, drv, syscall.EINVAL)
	}
	d := t.newDevice(drv, name)
	next := append(append([]*Device(nil), *t.list.Load()...), d)
	t.list.Store(&next)
	if c, ok := drv.(MTUChanger); ok {
		c.OnMTU(d.SetMTU)
	}
	if w, ok := drv.(Waker); ok {
		w.OnWritable(d.wakeTx)
	}
	d.start()
	return d, nil
}

func (t *Table) freeName() string {
	for i := 0; ; i++ {
		if name := fmt.Sprintf("eth%d", i); t.ByName(name) == nil {
			return name
		}
	}
}

func (t *Table) newDevice(drv Driver, name string) *Device {
	d := &Device{Index: len(*t.list.Load()), Name: name, Features: drv.Features(), table: t, driver: drv, done: make(chan struct{})}
	d.mtu.Store(int32(drv.MTU()))
	_, d.multi = drv.(MultiWriter)
	d.tx = newTxQueues(drv)
	flags := Up | IsBroadcast | IsMulticast
	switch {
	case d.Features.Has(Loopback):
		flags = Up | IsLoopback | NoARP
	case d.Features.Has(NoLink):
		flags = Up | NoARP | IsMulticast
	case len(drv.MAC()) == len(d.MAC):
		copy(d.MAC[:], drv.MAC())
	default:
		d.MAC = t.randomMAC()
	}
	d.flags.Store(uint32(flags))
	return d
}

// randomMAC returns a locally administered unicast address.
func (t *Table) randomMAC() MACAddr {
	r := t.Rand.Uint64()
	m := MACAddr{byte(r), byte(r >> 8), byte(r >> 16), byte(r >> 24), byte(r >> 32), byte(r >> 40)}
	m[0] = m[0]&^1 | 2
	return m
}

// markDirty notes that a device has frames to send. It comes after the frame
// was queued.
func (t *Table) markDirty() {
	if !t.dirty.Load() {
		t.dirty.Store(true)
	}
}

// Flush hands every queued frame to its driver. It ends each receive batch,
// each user's call and each timer that sent anything. The mark goes before the
// queues are looked at: a frame queued later sets it again.
//
// Then those send who waited for frames of theirs to leave, and that is flushed,
// too. As with what others queue meanwhile this has an end: the timer goroutine
// goes on.
func (t *Table) Flush() {
	for quota := flushQuota; ; quota-- {
		t.flushOnce()
		if !t.Resume() {
			return
		}
		if quota == 0 {
			t.flushSoon()
			return
		}
	}
}

// flushSoon has the timer goroutine flush, or, on a virtual clock, an event.
func (t *Table) flushSoon() {
	if t.soon.CompareAndSwap(false, true) {
		t.Clock.Post(func() {
			t.soon.Store(false)
			t.Flush()
		})
	}
}

// flushQuota is how often a flush comes again for those who waited for it.
const flushQuota = 8

func (t *Table) flushOnce() {
	if !t.dirty.Load() {
		return
	}
	t.dirty.Store(false)
	for _, d := range *t.list.Load() {
		if d != nil {
			d.flushTx()
		}
	}
}

// Close closes every driver, waits for the receive goroutines and purges the
// queues. Afterwards no frame is taken in either direction, and Attach fails.
func (t *Table) Close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	for _, d := range t.All() {
		d.SetFlags(0, Up)
		_ = d.driver.Close() // ends the receive goroutine; there is nobody to tell
	}
	for _, d := range t.All() {
		<-d.done
		for _, q := range d.tx {
			q.close()
		}
	}
}
