package skb

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Sizes of storage. Small holds an Ethernet frame at MTU 1500 with its
// headroom, Medium a jumbo frame or a piece of a send queue, Large a
// super-segment.
const (
	SmallSize  = 2048
	MediumSize = 16 << 10
	LargeSize  = 64<<10 + 2048

	// DefaultHeadroom leaves room for link, network and transport headers
	// with options.
	DefaultHeadroom = 160
)

// HeaderSize is what a buffer costs beside its storage.
const HeaderSize = int(unsafe.Sizeof(Buffer{}))

var classSizes = [...]int{SmallSize, MediumSize, LargeSize}

const numClasses = len(classSizes)

// Chunk is storage with a reference count; several buffers may share it.
type Chunk struct {
	b     []byte
	refs  atomic.Int32
	class int // -1: not pooled
	pool  *Pool
}

// Bytes returns the whole storage.
func (c *Chunk) Bytes() []byte { return c.b }

// Cap returns its size in bytes.
func (c *Chunk) Cap() int { return len(c.b) }

// Hold takes a reference, Release gives it back; the last one returns the
// storage to its pool.
func (c *Chunk) Hold() { c.refs.Add(1) }

// Release gives a reference back.
func (c *Chunk) Release() { c.release() }

func (c *Chunk) release() {
	switch n := c.refs.Add(-1); {
	case n < 0:
		panic("skb: chunk released more often than held")
	case n == 0 && c.class >= 0:
		c.pool.chunks[c.class].Put(c)
	}
}

// Fate is told of every death by Drop. site is the program counter of the
// caller of Drop, for runtime.CallersFrames.
type Fate func(b *Buffer, r Reason, site uintptr)

// Pool is where a stack's buffers come from. It counts each birth and each
// death: Born = Dropped + Consumed + Live, always.
type Pool struct {
	fate     Fate
	lastID   atomic.Uint64
	born     atomic.Int64
	consumed atomic.Int64
	dropped  [NumReasons]atomic.Int64
	twice    atomic.Int64
	headers  sync.Pool
	chunks   [numClasses]sync.Pool
}

// NewPool returns an empty pool. fate may be nil.
func NewPool(fate Fate) *Pool { return &Pool{fate: fate} }

// New returns an empty buffer with room for DefaultHeadroom and size bytes of
// data, and a packet id of its own.
func (p *Pool) New(size int) *Buffer {
	b := p.NewRaw(DefaultHeadroom + size)
	b.Reserve(DefaultHeadroom)
	return b
}

// NewRaw returns an empty buffer of at least size bytes without headroom.
func (p *Pool) NewRaw(size int) *Buffer {
	b := p.header()
	b.ID = p.lastID.Add(1)
	b.chunk = p.chunk(size)
	return b
}

// Chunk returns storage of at least size bytes with one reference, for queues
// whose bytes are sent by reference.
func (p *Pool) Chunk(size int) *Chunk { return p.chunk(size) }

// ExactChunk returns storage of size bytes that no pool keeps, for a device whose
// buffers must have the size that another's have.
func (p *Pool) ExactChunk(size int) *Chunk {
	c := &Chunk{b: make([]byte, size), class: -1, pool: p}
	c.refs.Store(1)
	return c
}

func (p *Pool) header() *Buffer {
	b, _ := p.headers.Get().(*Buffer)
	if b == nil {
		b = &Buffer{pool: p}
	}
	b.dead = false
	b.linkOff, b.netOff, b.transOff = -1, -1, -1
	p.born.Add(1)
	return b
}

func (p *Pool) chunk(size int) *Chunk {
	for class, n := range classSizes {
		if size <= n {
			return p.pooled(class)
		}
	}
	return p.ExactChunk(size)
}

func (p *Pool) pooled(class int) *Chunk {
	c, _ := p.chunks[class].Get().(*Chunk)
	if c == nil {
		c = &Chunk{b: make([]byte, classSizes[class]), class: class, pool: p}
	}
	c.refs.Store(1)
	return c
}

// Drop ends the buffer for the reason r and returns r, so that an input
// function can end with return b.Drop(r).
//
//go:noinline
func (b *Buffer) Drop(r Reason) Reason {
	if b.dead {
		b.pool.twice.Add(1)
		return r
	}
	p := b.pool
	p.dropped[r].Add(1)
	if p.fate != nil {
		var pc [1]uintptr
		runtime.Callers(2, pc[:])
		p.fate(b, r, pc[0])
	}
	b.free()
	return r
}

// Consume ends a buffer that did what it was for.
func (b *Buffer) Consume() {
	if b.dead {
		b.pool.twice.Add(1)
		return
	}
	b.pool.consumed.Add(1)
	b.free()
}

func (b *Buffer) free() {
	if b.Walk != nil {
		b.Walk.End()
	}
	b.chunk.release()
	for i := range b.frags {
		b.frags[i].chunk.release()
	}
	clear(b.frags)
	owner, charge := b.owner, b.charge
	*b = Buffer{pool: b.pool, frags: b.frags[:0], dead: true}
	b.pool.headers.Put(b)
	if owner != nil {
		owner.Freed(charge)
	}
}

// Count is the pool's balance.
type Count struct {
	Born, Consumed, Dropped, Live int64
	Twice                         int64 // second deaths that were refused: a bug if not 0
}

// Count returns the balance. Read while packets move, it is approximate.
func (p *Pool) Count() Count {
	c := Count{Consumed: p.consumed.Load(), Twice: p.twice.Load()}
	for r := range p.dropped {
		c.Dropped += p.dropped[r].Load()
	}
	c.Born = p.born.Load()
	c.Live = c.Born - c.Consumed - c.Dropped
	return c
}

// Drops returns how many buffers died for the reason r.
func (p *Pool) Drops(r Reason) int64 { return p.dropped[r].Load() }

// Share returns a buffer of p over the bytes of src, which may be of another
// pool and stays as it is. It carries what a wire would carry: the frame, its
// checksum state and how it is to be cut; ids and offsets do not cross.
func (p *Pool) Share(src *Buffer) *Buffer {
	b := p.header()
	b.ID = p.lastID.Add(1)
	b.chunk, b.data, b.tail = src.chunk, src.data, src.tail
	b.Csum, b.CsumStart, b.CsumOffset = src.Csum, src.CsumStart, src.CsumOffset
	b.GSO, b.GSOSize, b.GSOSegs = src.GSO, src.GSOSize, src.GSOSegs
	b.chunk.refs.Add(1)
	for i := range src.frags {
		b.addFrag(src.frags[i])
	}
	return b
}

// Adopt takes over a buffer of another pool: it is consumed there and born
// here, over the same bytes. Drivers that join two stacks use it.
func (p *Pool) Adopt(src *Buffer) *Buffer {
	b := p.Share(src)
	src.Consume()
	return b
}

// Build returns a buffer over n bytes of c at off, with what stands before
// them as headroom, and takes the caller's reference over (build_skb): how a
// driver makes a packet of storage that a system call filled.
func (p *Pool) Build(c *Chunk, off, n int) *Buffer {
	b := p.header()
	b.ID = p.lastID.Add(1)
	b.chunk, b.data, b.tail = c, off, off+n
	return b
}
