package netdev

import (
	"net"

	"github.com/slankdev/ministack/skb"
)

// DefaultPipeQueue is how many frames one direction of a pipe holds unless
// told otherwise.
const DefaultPipeQueue = 1024

// PipeOptions describes a pipe; the zero value of each field is its default.
type PipeOptions struct {
	MTU int // bytes, default 1500
	// Queue is how many frames each direction holds; what comes on top is
	// dropped by the writing device. Default DefaultPipeQueue.
	Queue int
	// Offload has super-segments and unfinished checksums pass as they are,
	// as between the two ends of a veth pair. Without it every frame is what
	// a wire would carry.
	Offload bool
	// NoLink makes a link of bare IP packets, without Ethernet header and ARP.
	NoLink bool
}

// pipe is one end of a link in memory.
type pipe struct {
	in, out  *lane
	mtu      int
	features Features
}

var _ Poller = (*pipe)(nil)

// Pipe returns the two ends of an Ethernet link in memory with an MTU of mtu
// bytes, for tests and for joining stacks. Frames are whole, with finished
// checksums, and pass by reference.
func Pipe(mtu int) (a, b Driver) { return PipeWith(PipeOptions{MTU: mtu}) }

// PipeWith is Pipe with options.
func PipeWith(o PipeOptions) (a, b Driver) {
	if o.MTU == 0 {
		o.MTU = 1500
	}
	if o.Queue == 0 {
		o.Queue = DefaultPipeQueue
	}
	east, west := newLane(o.Queue), newLane(o.Queue)
	f := o.features()
	return &pipe{in: west, out: east, mtu: o.MTU, features: f}, &pipe{in: east, out: west, mtu: o.MTU, features: f}
}

func (o *PipeOptions) features() Features {
	var f Features
	if o.Offload {
		f |= TxCsum | TSO4 | USO | RxCsum | GRO
	}
	if o.NoLink {
		f |= NoLink
	}
	return f
}

func (p *pipe) Read(pool *skb.Pool, dst []*skb.Buffer) (int, error) { return p.in.read(pool, dst) }

func (p *pipe) Poll(pool *skb.Pool, dst []*skb.Buffer) int { return p.in.poll(pool, dst) }

func (p *pipe) OnReadable(fn func()) { p.in.onReadable(fn) }

func (p *pipe) Write(src []*skb.Buffer) (int, error) { return p.out.write(src) }

func (p *pipe) Features() Features { return p.features }

func (p *pipe) MTU() int { return p.mtu }

// MAC has each stack make one up.
func (p *pipe) MAC() net.HardwareAddr { return nil }

// Close pulls the cable at this end: the other end still reads what was sent.
func (p *pipe) Close() error {
	p.in.closeReader()
	p.out.closeWriter()
	return nil
}
