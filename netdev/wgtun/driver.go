package wgtun

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
)

// driver is a Device as a stack sees it. Packets are copied once each way, to
// and from buffers of its own: what a device writes before and behind a packet
// is no business of the stack's.
type driver[E ~int] struct {
	dev  Device[E]
	mtu  atomic.Int32
	quit chan struct{}
	once sync.Once

	mu      sync.Mutex
	changed func(mtu int)

	in         [][]byte // the reader's, as are the next
	sizes      []int
	next, have int // what the last Read brought and is not passed on

	out [][]byte // the writer's
	vec [][]byte
}

var _ netdev.Driver = (*driver[int])(nil)

// NewDriver makes a driver of a device, for Attach, which is then the stack's:
// it closes it. Errors are those of the device's MTU.
func NewDriver[E ~int](dev Device[E]) (netdev.Driver, error) {
	mtu, err := dev.MTU()
	if err != nil {
		return nil, err
	}
	n := max(dev.BatchSize(), 1)
	d := &driver[E]{dev: dev, quit: make(chan struct{}), in: make([][]byte, n), sizes: make([]int, n), out: make([][]byte, n), vec: make([][]byte, n)}
	d.mtu.Store(int32(mtu))
	for i := range d.in {
		d.in[i] = make([]byte, offset+maxPacket)
		d.out[i] = make([]byte, offset, offset+mtu)
	}
	go d.watch()
	return d, nil
}

// watch follows the device's events, which block it if nobody takes them.
func (d *driver[E]) watch() {
	events := d.dev.Events()
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return
			}
			if e&eventMTU != 0 {
				d.follow()
			}
		case <-d.quit:
			return
		}
	}
}

// follow takes over the device's new MTU.
func (d *driver[E]) follow() {
	mtu, err := d.dev.MTU()
	if err != nil {
		return // it is going away, which Read will tell
	}
	d.mtu.Store(int32(mtu))
	d.mu.Lock()
	changed := d.changed
	d.mu.Unlock()
	if changed != nil {
		changed(mtu)
	}
}

// OnMTU has fn called when the MTU changes; see netdev.MTUChanger.
func (d *driver[E]) OnMTU(fn func(mtu int)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed = fn
}

// Read passes on what the device's last Read brought, or reads again. An error
// that comes with packets says that there were more than fit.
func (d *driver[E]) Read(pool *skb.Pool, dst []*skb.Buffer) (int, error) {
	for {
		if n := d.pass(pool, dst); n > 0 {
			return n, nil
		}
		n, err := d.dev.Read(d.in, d.sizes, offset)
		if err != nil && n <= 0 {
			return 0, closedAs(net.ErrClosed, err)
		}
		d.next, d.have = 0, n
	}
}

func (d *driver[E]) pass(pool *skb.Pool, dst []*skb.Buffer) int {
	n := 0
	for ; d.next < d.have && n < len(dst); d.next++ {
		size := d.sizes[d.next]
		if size == 0 {
			continue
		}
		b := pool.New(size)
		b.Append(d.in[d.next][offset : offset+size])
		dst[n] = b
		n++
	}
	return n
}

// Write gives the device batches of its size. A device tries all packets of a
// batch and reports what went wrong with any: one is counted as lost then.
func (d *driver[E]) Write(src []*skb.Buffer) (int, error) {
	for done := 0; done < len(src); {
		n := min(len(src)-done, len(d.out))
		for i, b := range src[done : done+n] {
			d.vec[i] = d.fill(i, b)
		}
		_, err := d.dev.Write(d.vec[:n], offset) // some count bytes, some packets
		switch {
		case errors.Is(err, os.ErrClosed) || errors.Is(err, net.ErrClosed):
			return done, net.ErrClosed
		case err != nil:
			return done + n - 1, err
		}
		done += n
	}
	return len(src), nil
}

// fill copies a packet to the i-th buffer, behind the room for the device.
func (d *driver[E]) fill(i int, b *skb.Buffer) []byte {
	size := offset + b.Len()
	if cap(d.out[i]) < size {
		d.out[i] = make([]byte, size)
	}
	d.out[i] = d.out[i][:size]
	b.CopyOut(0, d.out[i][offset:])
	return d.out[i]
}

// Features: packets have no link header.
func (d *driver[E]) Features() netdev.Features { return netdev.NoLink }

// MTU is the device's.
func (d *driver[E]) MTU() int { return int(d.mtu.Load()) }

// MAC is none.
func (d *driver[E]) MAC() net.HardwareAddr { return nil }

// Close closes the device.
func (d *driver[E]) Close() error {
	var err error
	d.once.Do(func() {
		close(d.quit)
		err = closedAs(nil, d.dev.Close())
	})
	return err
}
