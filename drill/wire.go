package drill

import (
	"math/bits"
	"net"
	"sync"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
)

// wire is the device of the stack under test, a TUN interface in memory that
// carries bare IP packets. It takes super-segments and unfinished checksums, as
// TUN does, and finishes them, so that what it records is what a real link
// would carry.
type wire struct {
	clk clock.Clock
	mtu int

	mu       sync.Mutex
	in       []injected
	readable func()
	sent     []sentPacket
}

// injected is a packet on its way to the stack.
type injected struct {
	data []byte
	mss  int // cut into segments of so many bytes by the sender's offload; 0: not
}

// sentPacket is a packet that the stack sent.
type sentPacket struct {
	at    clock.Time
	data  []byte
	super bool // a part of a super-segment
}

var _ netdev.Poller = (*wire)(nil)

// Features says that on the way in nothing is to be joined: packets come as the
// script has them.
func (w *wire) Features() netdev.Features {
	return netdev.NoLink | netdev.GRO | netdev.RxCsum | netdev.TxCsum | netdev.TSO4
}

func (w *wire) MTU() int { return w.mtu }

func (w *wire) MAC() net.HardwareAddr { return nil }

func (w *wire) Close() error { return nil }

// Read is not used: a stack on a virtual clock polls.
func (w *wire) Read(*skb.Pool, []*skb.Buffer) (int, error) { return 0, net.ErrClosed }

func (w *wire) OnReadable(fn func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.readable = fn
}

// inject gives the stack a packet.
func (w *wire) inject(p injected) {
	w.mu.Lock()
	w.in = append(w.in, p)
	fn := w.readable
	w.mu.Unlock()
	fn()
}

// Poll hands over one packet at a time, so that each is a batch of its own, as
// a write to a TUN device is.
func (w *wire) Poll(pool *skb.Pool, dst []*skb.Buffer) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.in) == 0 {
		return 0
	}
	p := w.in[0]
	w.in = w.in[1:]
	b := newBuffer(pool, len(p.data))
	b.Append(p.data)
	if p.mss > 0 {
		b.GSO, b.GSOSize, b.Csum = skb.GSOTCPv4, uint16(p.mss), skb.CsumUnnecessary
		b.GSOSegs = uint16((len(p.data) + p.mss - 1) / p.mss)
	}
	dst[0] = b
	return 1
}

// newBuffer returns an empty buffer for n bytes that is as large as the one that
// Linux's TUN device would allocate (tun_alloc_skb): the receive window follows
// from it, and scripts expect the window of the machine that they were written
// on.
func newBuffer(pool *skb.Pool, n int) *skb.Buffer {
	c := pool.ExactChunk(linuxTrueSize(n) - skb.HeaderSize)
	return pool.Build(c, linuxTailSkip, 0)
}

// What Linux allocates beside the bytes of a packet, on a 64-bit machine.
const (
	linuxSkBuff   = 256
	linuxOverhead = 64 + 320 // of its head: headroom and skb_shared_info

	// linuxTailSkip leaves behind a packet as much room in the head as Linux's
	// has, where the next one may be copied to.
	linuxTailSkip = linuxSkBuff + linuxOverhead - skb.HeaderSize
)

// linuxTrueSize is skb->truesize of a packet of n bytes that was written to a
// TUN device: the sk_buff, and a head of a power of two, or for the smallest of
// the cache for small heads. What a head of one page does not hold lies in
// pages.
func linuxTrueSize(n int) int {
	const (
		page      = 4096
		smallHead = 576
	)
	linear := min(n, page-linuxOverhead)
	if linear+linuxOverhead <= smallHead {
		return linuxSkBuff + smallHead
	}
	head := 1 << bits.Len(uint(linear+linuxOverhead-1))
	return linuxSkBuff + head + (n-linear+page-1)/page*page
}

func (w *wire) Write(src []*skb.Buffer) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range src {
		c := b.Clone()
		if c.GSO == skb.GSONone {
			w.record(c, false)
			continue
		}
		var parts skb.Queue
		netdev.Segment(c, &parts)
		for s := parts.PopFront(); s != nil; s = parts.PopFront() {
			w.record(s, true)
		}
	}
	return len(src), nil
}

// record keeps a packet with its checksum finished, and ends the buffer.
func (w *wire) record(b *skb.Buffer, super bool) {
	if b.Csum == skb.CsumPartial {
		netdev.FinishChecksum(b)
	}
	data := make([]byte, b.Len())
	b.CopyOut(0, data)
	w.sent = append(w.sent, sentPacket{w.clk.Now(), data, super})
	b.Consume()
}

// take returns the next packet that the stack sent.
func (w *wire) take() (sentPacket, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.sent) == 0 {
		return sentPacket{}, false
	}
	p := w.sent[0]
	w.sent = w.sent[1:]
	return p, true
}
