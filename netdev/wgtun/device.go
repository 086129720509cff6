package wgtun

import (
	"context"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/slankdev/ministack/netdev"
)

// Options describes a device that New makes; the zero value of each field is
// its default.
type Options struct {
	Name string // default "ministack"
	MTU  int    // bytes, default 1420, which is wireguard-go's
	// Queue is how many packets each direction holds. Default
	// netdev.DefaultPipeQueue.
	Queue int
	// Drop has what does not fit a queue be lost. Without it wireguard-go's
	// writer waits for the stack, and the stack keeps what wireguard-go has not
	// read, as netdev.EndpointOptions.Backpressure says.
	Drop bool
}

// TUN is a Device whose other side is a stack.
type TUN[E ~int] struct {
	ep     *netdev.Endpoint
	name   string
	events chan E
	once   sync.Once
}

var _ Device[int] = (*TUN[int])(nil)

// batchSize is wireguard-go's own.
const batchSize = 128

// New returns the two sides: a device for wireguard-go and a driver for the
// stack. Closing either closes both.
func New[E ~int](o Options) (*TUN[E], netdev.Driver) {
	if o.Name == "" {
		o.Name = "ministack"
	}
	if o.MTU == 0 {
		o.MTU = 1420
	}
	ep := netdev.NewEndpoint(netdev.EndpointOptions{MTU: o.MTU, Queue: o.Queue, NoLink: true, Backpressure: !o.Drop})
	t := &TUN[E]{ep: ep, name: o.Name, events: make(chan E, 1)}
	t.events <- eventUp
	return t, ep
}

// Read waits for packets of the stack and takes as many as there are and fit.
// Error: os.ErrClosed.
func (t *TUN[E]) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	n, err := t.ep.ReceiveBatch(context.Background(), bufs, sizes, offset)
	return n, closedAs(os.ErrClosed, err)
}

// Write gives packets to the stack. Errors: os.ErrClosed, EMSGSIZE.
func (t *TUN[E]) Write(bufs [][]byte, offset int) (int, error) {
	for i, b := range bufs {
		switch err := t.ep.Send(context.Background(), b[offset:]); err {
		case nil, syscall.ENOBUFS: // a network may lose a packet
		case net.ErrClosed:
			return i, os.ErrClosed
		default:
			return i, err
		}
	}
	return len(bufs), nil
}

// MTU is that of the options.
func (t *TUN[E]) MTU() (int, error) { return t.ep.MTU(), nil }

// Name is that of the options.
func (t *TUN[E]) Name() (string, error) { return t.name, nil }

// File is nil: there is no descriptor.
func (t *TUN[E]) File() *os.File { return nil }

// Events tells that the device is up, and is closed with it.
func (t *TUN[E]) Events() <-chan E { return t.events }

// BatchSize is 128.
func (t *TUN[E]) BatchSize() int { return batchSize }

// Close ends both sides.
func (t *TUN[E]) Close() error {
	t.once.Do(func() { close(t.events) })
	return t.ep.Close()
}
