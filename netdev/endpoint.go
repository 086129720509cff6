package netdev

import (
	"context"
	"net"
	"syscall"

	"github.com/slankdev/ministack/skb"
)

// EndpointOptions describes an Endpoint; the zero value of each field is its
// default.
type EndpointOptions struct {
	MTU int // bytes, default 1500
	// Queue is how many frames each direction holds. Default DefaultPipeQueue.
	Queue int
	// NoLink has frames begin with the IP header, without Ethernet and ARP.
	NoLink bool
	// MAC is the stack's address on an Ethernet link; nil has it make one up.
	MAC net.HardwareAddr
	// Backpressure has fullness slow the other side down. Send waits for room.
	// The stack stops its device's queue, of SetTxQueueLen frames, until a
	// frame has been taken: none of its goroutines waits. Without it what does
	// not fit is dropped.
	Backpressure bool
}

// Endpoint is a device whose far side is the program: what the stack sends is
// taken by Receive, and what is given to Send the stack receives. It is a
// Driver for Attach. Its methods may be called from any goroutine, and Close by
// either side ends the calls that wait.
type Endpoint struct {
	in, out *lane // as the stack sees it
	o       EndpointOptions
}

var (
	_ Poller = (*Endpoint)(nil)
	_ Waker  = (*Endpoint)(nil)
)

// NewEndpoint returns an endpoint.
func NewEndpoint(o EndpointOptions) *Endpoint {
	if o.MTU == 0 {
		o.MTU = 1500
	}
	if o.Queue == 0 {
		o.Queue = DefaultPipeQueue
	}
	return &Endpoint{in: newLane(o.Queue), out: newLane(o.Queue), o: o}
}

// Send gives the stack a frame, which it copies. Errors: ENOBUFS for one that
// did not fit, EMSGSIZE for one of more than 64 KB, net.ErrClosed, the
// context's.
func (e *Endpoint) Send(ctx context.Context, frame []byte) error {
	if len(frame) > etherLen+maxIPLen {
		return syscall.EMSGSIZE
	}
	b := e.in.pool.New(len(frame))
	b.Append(frame)
	return e.in.put(ctx, b, e.o.Backpressure)
}

// Receive waits for a frame of the stack and copies it to p, which should hold
// MTU bytes and 14 more for an Ethernet header; what p does not hold is lost.
// Errors: net.ErrClosed once all that was sent is taken, the context's.
func (e *Endpoint) Receive(ctx context.Context, p []byte) (int, error) {
	size := [1]int{}
	_, err := e.ReceiveBatch(ctx, [][]byte{p}, size[:], 0)
	return size[0], err
}

// ReceiveBatch waits for a frame, takes as many as there are and fit, each to
// dst[i][offset:], and returns their number; their sizes are in sizes.
func (e *Endpoint) ReceiveBatch(ctx context.Context, dst [][]byte, sizes []int, offset int) (int, error) {
	var batch [txBatch]*skb.Buffer
	n, err := e.out.take(ctx, batch[:min(len(dst), len(batch))])
	for i, b := range batch[:n] {
		sizes[i] = b.CopyOut(0, dst[i][offset:])
		b.Consume()
	}
	return n, err
}

// Notify has fn called when a frame comes for an empty queue, for those who do
// not want to wait in Receive. fn must not call the endpoint.
func (e *Endpoint) Notify(fn func()) { e.out.onReadable(fn) }

// Read is the stack's side; see Driver.
func (e *Endpoint) Read(pool *skb.Pool, dst []*skb.Buffer) (int, error) { return e.in.read(pool, dst) }

// Poll is the stack's side; see Poller.
func (e *Endpoint) Poll(pool *skb.Pool, dst []*skb.Buffer) int { return e.in.poll(pool, dst) }

// OnReadable is the stack's side; see Poller.
func (e *Endpoint) OnReadable(fn func()) { e.in.onReadable(fn) }

// Write is the stack's side; see Driver.
func (e *Endpoint) Write(src []*skb.Buffer) (int, error) {
	n, err := e.out.write(src)
	if err == nil && n < len(src) && e.o.Backpressure {
		err = ErrBusy
	}
	return n, err
}

// OnWritable is the stack's side; see Waker.
func (e *Endpoint) OnWritable(fn func()) { e.out.onWritable(fn) }

// Features says whether there is a link header.
func (e *Endpoint) Features() Features {
	if e.o.NoLink {
		return NoLink
	}
	return 0
}

// MTU is that of the options.
func (e *Endpoint) MTU() int { return e.o.MTU }

// MAC is that of the options.
func (e *Endpoint) MAC() net.HardwareAddr { return e.o.MAC }

// Close ends both directions. What the stack sent before is still received.
func (e *Endpoint) Close() error {
	e.in.closeWriter()
	e.in.closeReader()
	e.out.closeWriter()
	return nil
}
