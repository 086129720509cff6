// Package netdev holds the network devices: the driver interface, what a stack
// knows of each device (Linux's net_device), the table of all of them, and the
// drivers themselves.
package netdev

import (
	"errors"
	"net"

	"github.com/slankdev/ministack/skb"
)

// Features says what a driver can do for the stack (netdev_features_t).
type Features uint32

// What a driver may offer.
const (
	// TxCsum: it sends frames whose checksum is CsumPartial.
	TxCsum Features = 1 << iota
	// TSO4: it sends TCP/IPv4 super-segments.
	TSO4
	// RxCsum: it says of received frames whether their checksum was verified.
	RxCsum
	// GRO: it delivers super-segments, so software need not join segments.
	GRO
	// NoLink: frames have no link header, they begin with the IP header.
	NoLink
	// Loopback: what is sent comes back, with checksums that nobody needs.
	Loopback
	// USO: it sends UDP/IPv4 super-segments (UDP segmentation offload).
	USO
)

// Has reports whether all of g is offered.
func (f Features) Has(g Features) bool { return f&g == g }

// Driver moves frames between a stack and the outside, in batches, each with
// its metadata (Csum, GSO) in the buffer. Read and Write may run at the same
// time; each of them only once at a time.
type Driver interface {
	// Read puts up to len(dst) frames, in buffers taken from pool, into dst
	// and returns how many. It blocks until there is one. After Close it
	// returns net.ErrClosed; any other error ends the device.
	Read(pool *skb.Pool, dst []*skb.Buffer) (int, error)
	// Write sends frames in order and returns how many were taken. The
	// buffers stay the caller's: a driver that keeps one clones it. Fewer
	// than len(src) with a nil error means that the device is full.
	Write(src []*skb.Buffer) (int, error)
	// Features says what the driver offers; it does not change.
	Features() Features
	// MTU is the largest network packet, in bytes.
	MTU() int
	// MAC is the stack's own address on the link, nil to have one made up.
	MAC() net.HardwareAddr
	// Close ends a blocked Read. It may be called more than once.
	Close() error
}

// Writer is the half of a Driver that sends: see Driver.Write.
type Writer interface {
	Write(src []*skb.Buffer) (int, error)
}

// MultiWriter is a Driver that several may send by at once.
type MultiWriter interface {
	Driver
	// NewWriter returns one more Writer, beside the driver's own. Each of them
	// runs only once at a time, but at the same time as the others.
	NewWriter() Writer
}

// Poller is a Driver that can be read without blocking: what a stack on a
// virtual clock needs.
type Poller interface {
	Driver
	// Poll is Read without blocking: 0 when nothing is there.
	Poll(pool *skb.Pool, dst []*skb.Buffer) int
	// OnReadable has fn called when a frame comes for an empty queue. fn must
	// not call the driver.
	OnReadable(fn func())
}

// ErrBusy is what the Write of a Waker returns, with the number of frames that
// it took, where there is no room now: the rest waits in the device's queue
// until the driver tells of room (NETDEV_TX_BUSY).
var ErrBusy = errors.New("netdev: the device is busy")

// MTUChanger is a Driver whose MTU may change.
type MTUChanger interface {
	Driver
	// OnMTU has fn called with a new MTU, in bytes.
	OnMTU(fn func(mtu int))
}

// Waker is a Driver that holds the stack back rather than lose frames.
type Waker interface {
	Driver
	// OnWritable has fn called when there is room again after ErrBusy
	// (netif_wake_queue). fn calls Write: no lock that Write takes may be held.
	OnWritable(fn func())
}
