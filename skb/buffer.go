// Package skb holds the packet buffer that travels from driver to socket and
// back, after Linux's sk_buff: one contiguous head with room before the data,
// payload references behind it, offsets of the headers, and what the device
// said of the frame. A Buffer has one owner at a time and dies in exactly one
// of two ways: Drop, with a reason, or Consume.
package skb

import (
	"net/netip"

	"github.com/slankdev/ministack/clock"
)

// PacketType says whom a frame was for, as in packet(7).
type PacketType uint8

// Packet types with Linux's values (PACKET_HOST and so on).
const (
	PacketHost PacketType = iota
	PacketBroadcast
	PacketMulticast
	PacketOtherHost
	PacketOutgoing
)

// CsumState says what is known of the transport checksum (skbuff.h).
type CsumState uint8

const (
	// CsumNone: nobody looked; the stack verifies on receive, and the
	// checksum is whole on transmit.
	CsumNone CsumState = iota
	// CsumUnnecessary: the device verified it.
	CsumUnnecessary
	// CsumPartial: only the pseudo-header's sum stands at
	// CsumStart+CsumOffset; whoever puts the frame on a real wire finishes it.
	// On receive it means that the frame never was on one: there is nothing
	// to verify, as with CsumUnnecessary.
	CsumPartial
)

// GSOType says how a super-segment is to be cut.
type GSOType uint8

// GSO types.
const (
	GSONone GSOType = iota
	GSOTCPv4
	GSOUDPv4
)

// Net is what the network layer read from its header, so that nothing above it
// parses one.
type Net struct {
	Src, Dst netip.Addr
	Proto    uint8 // IANA protocol number
	TTL      uint8
	TOS      uint8 // DSCP and ECN
	DF       bool
}

// Meta is what is known of a frame beside its bytes; Clone copies it whole.
type Meta struct {
	ID    uint64     // packet id, unique in a stack
	Cause uint64     // id of the packet that made the stack send this one, 0 if none
	Time  clock.Time // when the batch that it came in was read

	IfIndex    int32 // device it came in by, or goes out by
	Type       PacketType
	Csum       CsumState
	GSO        GSOType
	Traced     bool
	CsumStart  uint16 // offset from the start of the data handed to the driver
	CsumOffset uint16 // offset of the checksum field from CsumStart
	GSOSize    uint16 // payload bytes of each segment
	GSOSegs    uint16 // how many segments, 0 if not known
	EtherType  uint16
	Sock       uint32 // number of the packet socket that sent it, 0 for none (skb->sk)

	Net Net

	// CB is the owning layer's scratch space, as skb->cb: TCP keeps sequence
	// numbers and flags here while the buffer is in its hands.
	CB [6]uint32
}

// Frag references payload behind the linear part.
type Frag struct {
	chunk    *Chunk
	off, len int
	held     int // bytes of memory that this reference is charged for
}

// Bytes returns the referenced payload.
func (f *Frag) Bytes() []byte { return f.chunk.b[f.off : f.off+f.len] }

// MaxFrags is how many payload references a buffer carries, as MAX_SKB_FRAGS.
const MaxFrags = 17

const inlineFrags = 4

// Buffer is one packet. Only its owner touches it.
type Buffer struct {
	Meta

	chunk      *Chunk
	data, tail int
	linkOff    int // offsets from the chunk's start, -1 when not set
	netOff     int
	transOff   int

	frags     []Frag
	fragLen   int
	fragStore [inlineFrags]Frag

	// Walk is the tracer's log of the packet's way, nil while nobody watches.
	// A clone begins one of its own.
	Walk Walk

	owner  Owner // nil for a packet that nobody is charged for
	charge int

	next *Buffer
	pool *Pool
	dead bool
}

// Walk is told when the buffer that carries it dies.
type Walk interface{ End() }

// Len returns the packet's length, payload references included.
func (b *Buffer) Len() int { return b.tail - b.data + b.fragLen }

// HeadLen returns the length of the linear part.
func (b *Buffer) HeadLen() int { return b.tail - b.data }

// Data returns the linear part. Bytes behind it may stand in Frags; MayPull
// brings them in.
func (b *Buffer) Data() []byte { return b.chunk.b[b.data:b.tail] }

// Headroom returns how many bytes Push can still take.
func (b *Buffer) Headroom() int { return b.data }

// Tailroom returns how many bytes Put can still take.
func (b *Buffer) Tailroom() int {
	if len(b.frags) > 0 {
		return 0
	}
	return len(b.chunk.b) - b.tail
}

// Reserve makes n bytes of headroom in an empty buffer.
func (b *Buffer) Reserve(n int) {
	if b.data != b.tail || b.tail+n > len(b.chunk.b) {
		panic("skb: Reserve on a buffer with data or past its end")
	}
	b.data += n
	b.tail += n
}

// Push grows the packet at the front by n bytes and returns them. Headroom is
// the stack's own arithmetic, never the peer's, so too little is a bug and
// panics, as skb_push does.
func (b *Buffer) Push(n int) []byte {
	if n > b.data {
		panic("skb: Push past the headroom")
	}
	b.data -= n
	return b.chunk.b[b.data : b.data+n : b.data+n]
}

// Put grows the linear part at the end by n bytes and returns them; see Push.
func (b *Buffer) Put(n int) []byte {
	if n > b.Tailroom() {
		panic("skb: Put past the tailroom")
	}
	b.tail += n
	return b.chunk.b[b.tail-n : b.tail : b.tail]
}

// Pull takes n bytes off the front. It reports false, and does nothing, where
// the linear part is shorter.
func (b *Buffer) Pull(n int) bool {
	if n > b.tail-b.data {
		return false
	}
	b.data += n
	return true
}

// Advance takes n bytes off the front wherever they stand, dropping references
// that are used up. It reports false, and does nothing, past the end.
func (b *Buffer) Advance(n int) bool {
	if n > b.Len() {
		return false
	}
	head := min(n, b.HeadLen())
	b.data += head
	b.eatFrags(n - head)
	return true
}

// eatFrags takes n bytes off the front of the references.
func (b *Buffer) eatFrags(n int) {
	for n > 0 {
		f := &b.frags[0]
		step := min(n, f.len)
		f.off, f.len, b.fragLen, n = f.off+step, f.len-step, b.fragLen-step, n-step
		if f.len == 0 {
			b.dropFrag(0)
		}
	}
}

// Trim cuts the packet to n bytes; a longer n does nothing.
func (b *Buffer) Trim(n int) {
	n = max(n, 0)
	for i := len(b.frags) - 1; i >= 0 && b.Len() > n; i-- {
		f := &b.frags[i]
		cut := min(f.len, b.Len()-n)
		f.len -= cut
		b.fragLen -= cut
		if f.len == 0 {
			b.dropFrag(i)
		}
	}
	if b.Len() > n {
		b.tail = b.data + n
	}
}

// MayPull reports whether the packet has n bytes, and sees to it that they
// stand in the linear part (pskb_may_pull).
func (b *Buffer) MayPull(n int) bool {
	if n <= b.tail-b.data {
		return true
	}
	if n > b.Len() {
		return false
	}
	b.linearize(n)
	return true
}

// linearize brings the first n bytes into the linear part, in a new head where
// the present one is shared or too short.
func (b *Buffer) linearize(n int) {
	need := n - b.HeadLen()
	if b.chunk.refs.Load() > 1 || len(b.chunk.b)-b.tail < need {
		b.newHead(n)
	}
	b.copyFrags(0, b.chunk.b[b.tail:b.tail+need])
	b.tail += need
	b.eatFrags(need)
}

// newHead moves the linear part to a chunk of its own with room for size bytes
// of data; offsets keep their meaning.
func (b *Buffer) newHead(size int) {
	c := b.pool.chunk(b.data + max(size, b.HeadLen()))
	copy(c.b, b.chunk.b[:b.tail])
	b.chunk.release()
	b.chunk = c
}

// Unshare makes the linear part this buffer's own, so that it may be written.
func (b *Buffer) Unshare() {
	if b.chunk.refs.Load() > 1 {
		b.newHead(b.HeadLen())
	}
}

// EnsureHeadroom makes Push(n) possible. What stands before the data, such as
// headers that were pulled, stays before it.
func (b *Buffer) EnsureHeadroom(n int) {
	short := n - b.data
	if short <= 0 {
		return
	}
	c := b.pool.chunk(short + b.tail)
	copy(c.b[short:], b.chunk.b[:b.tail])
	b.chunk.release()
	b.chunk = c
	b.data, b.tail = b.data+short, b.tail+short
	for _, off := range []*int{&b.linkOff, &b.netOff, &b.transOff} {
		if *off >= 0 {
			*off += short
		}
	}
}

// Clone returns a second buffer over the same bytes, with its own offsets and
// metadata. The bytes are shared: Unshare before writing.
func (b *Buffer) Clone() *Buffer {
	c := b.pool.header()
	c.Meta = b.Meta
	c.chunk, c.data, c.tail = b.chunk, b.data, b.tail
	c.linkOff, c.netOff, c.transOff = b.linkOff, b.netOff, b.transOff
	c.chunk.refs.Add(1)
	for i := range b.frags {
		c.addFrag(b.frags[i])
	}
	return c
}

// Compact moves a small packet out of a large chunk, so that what a queue
// holds is close to what it is charged for. The offsets of the headers go.
func (b *Buffer) Compact() {
	need := DefaultHeadroom + b.HeadLen()
	if len(b.frags) > 0 || len(b.chunk.b) <= page || need > MediumSize || need > len(b.chunk.b)/2 {
		return
	}
	c := b.pool.chunk(need)
	n := copy(c.b[DefaultHeadroom:], b.Data())
	b.chunk.release()
	b.chunk, b.data, b.tail = c, DefaultHeadroom, DefaultHeadroom+n
	b.linkOff, b.netOff, b.transOff = -1, -1, -1
}

// page is the storage that a queue may hold for a small packet: what is larger
// is not worth it, and is not filled up by others either.
const page = 4096

// TryCoalesce appends the bytes of next where they fit into b's tailroom and b
// is the only one with that storage, so that a queue of small packets does not
// hold a buffer for each (skb_try_coalesce). next stays as it is.
func (b *Buffer) TryCoalesce(next *Buffer) bool {
	n := next.Len()
	if n > b.Tailroom() || len(b.chunk.b) > page || b.chunk.refs.Load() != 1 {
		return false
	}
	next.CopyOut(0, b.Put(n))
	return true
}

// TrueSize returns the memory that the packet holds, which is what a socket is
// charged (skb->truesize). It falls when Advance, Trim or MayPull let go of a
// reference: who charges it remembers what was charged.
func (b *Buffer) TrueSize() int {
	n := HeaderSize + len(b.chunk.b)
	for i := range b.frags {
		n += b.frags[i].held
	}
	return n
}

// Pool returns the pool that the buffer came from.
func (b *Buffer) Pool() *Pool { return b.pool }
