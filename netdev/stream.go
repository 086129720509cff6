package netdev

import (
	"errors"
	"io"
	"net"
	"os"

	"github.com/slankdev/ministack/skb"
)

// StreamOptions describes what NewStream moves; the zero value of each
// field is its default.
type StreamOptions struct {
	MTU    int              // bytes, default 1500
	NoLink bool             // frames begin with the IP header
	MAC    net.HardwareAddr // the stack's address on an Ethernet link; nil has it make one up
}

// stream moves frames through somebody's reader and writer, one a call.
type stream struct {
	rw io.ReadWriteCloser
	o  StreamOptions
}

// NewStream makes a driver of what keeps the bounds of frames: each Read
// returns one frame, each Write takes one, as a TUN or TAP of the system, a
// datagram connection or net.Pipe does. Close must end a Read that waits, and
// the stack calls it. Write runs in the stack's goroutines and must not wait
// for the stack: what may is reached by an Endpoint. A frame longer than the MTU allows, with room for a VLAN
// tag, is dropped.
func NewStream(rw io.ReadWriteCloser, o StreamOptions) Driver {
	if o.MTU == 0 {
		o.MTU = 1500
	}
	return &stream{rw, o}
}

const vlanLen = 4

// Read returns one frame. The buffer has room for one byte too many, by which
// a longer frame is known.
func (s *stream) Read(pool *skb.Pool, dst []*skb.Buffer) (int, error) {
	size := s.o.MTU + 1
	if !s.o.NoLink {
		size += etherLen + vlanLen
	}
	for {
		b := pool.New(size)
		n, err := s.rw.Read(b.Put(size))
		switch {
		case n == size:
			b.Drop(skb.PktTooBig)
		case n == 0:
			b.Consume()
		default:
			b.Trim(n)
			dst[0] = b
			return 1, nil
		}
		if err != nil {
			return 0, closedDevice(err)
		}
	}
}

// closedDevice is what a driver says where its device was closed.
func closedDevice(err error) error {
	if errors.Is(err, os.ErrClosed) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed) {
		return net.ErrClosed
	}
	return err
}

func (s *stream) Write(src []*skb.Buffer) (int, error) {
	for i, b := range src {
		p := b.Bytes()
		switch n, err := s.rw.Write(p); {
		case err != nil:
			return i, closedDevice(err)
		case n < len(p):
			return i, io.ErrShortWrite
		}
	}
	return len(src), nil
}

func (s *stream) Features() Features {
	if s.o.NoLink {
		return NoLink
	}
	return 0
}

func (s *stream) MTU() int { return s.o.MTU }

func (s *stream) MAC() net.HardwareAddr { return s.o.MAC }

func (s *stream) Close() error {
	if err := s.rw.Close(); err != nil && closedDevice(err) != net.ErrClosed {
		return err
	}
	return nil
}
