package tcp

import (
	"sync"

	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/tcp/seq"
)

// sendQueue holds the bytes that the user wrote and the peer has not
// acknowledged, sent or not (sk_write_queue and the bytes behind the
// retransmission queue). Segments reference its storage; they do not copy it. The
// list of the pieces is borrowed while there are any: an empty queue holds nothing.
type sendQueue struct {
	pieces     *pieceList // nil while empty
	start, end seq.Num    // sequence numbers of the first byte and past the last
}

type pieceList struct{ list []piece }

// storage is where send queues get theirs from, one for all of a stack.
type storage struct {
	chunks *skb.Pool
	lists  sync.Pool // of *pieceList
}

func (s *storage) list() *pieceList {
	if l, ok := s.lists.Get().(*pieceList); ok {
		return l
	}
	return &pieceList{list: make([]piece, 0, firstPieces)}
}

// piece is a run of bytes in one chunk.
type piece struct {
	chunk    *skb.Chunk
	off, len int
}

const (
	firstPieces = 4
	keepPieces  = 1024 // a longer list is left to the garbage collector
)

func (q *sendQueue) all() []piece {
	if q.pieces == nil {
		return nil
	}
	return q.pieces.list
}

func (q *sendQueue) init(start seq.Num) { q.start, q.end = start, start }

// pieceOverhead is the bookkeeping of a piece, as Linux charges for a buffer's.
const pieceOverhead = 1280

// held returns what the socket is charged: the bytes, and the bookkeeping. Of
// the last chunk only what is used counts; the rest is for the next bytes.
func (q *sendQueue) held() int { return q.bytes() + pieceOverhead*len(q.all()) }

// bytes returns how many bytes are queued.
func (q *sendQueue) bytes() int { return q.end.Sub(q.start) }

// write copies p to the end of the queue.
func (q *sendQueue) write(from *storage, p []byte) {
	for len(p) > 0 {
		last := q.tail()
		if last == nil || last.room() == 0 {
			last = q.grow(from, len(p))
		}
		n := copy(last.chunk.Bytes()[last.off+last.len:], p)
		last.len += n
		q.end = q.end.Add(n)
		p = p[n:]
	}
}

func (p *piece) room() int { return p.chunk.Cap() - p.off - p.len }

func (q *sendQueue) tail() *piece {
	if n := len(q.all()); n > 0 {
		return &q.pieces.list[n-1]
	}
	return nil
}

// grow appends storage: small for a small write to an empty queue, larger the
// more there is to hold.
func (q *sendQueue) grow(from *storage, want int) *piece {
	size := skb.SmallSize
	switch {
	case want > skb.MediumSize:
		size = skb.LargeSize
	case want > skb.SmallSize || q.bytes() > 0:
		size = skb.MediumSize
	}
	q.append(from, piece{chunk: from.chunks.Chunk(size)})
	return q.tail()
}

func (q *sendQueue) append(from *storage, p piece) {
	if q.pieces == nil {
		q.pieces = from.list()
	}
	q.pieces.list = append(q.pieces.list, p)
}

// add appends the first n bytes of storage that somebody else filled, and takes
// it over.
func (q *sendQueue) add(from *storage, c *skb.Chunk, n int) {
	q.append(from, piece{chunk: c, len: n})
	q.end = q.end.Add(n)
}

// acked gives up the bytes before una.
func (q *sendQueue) acked(from *storage, una seq.Num) {
	n := min(una.Sub(q.start), q.bytes())
	if n <= 0 {
		return
	}
	q.start = q.start.Add(n)
	done := 0
	for ; n > 0; done++ {
		p := &q.pieces.list[done]
		if n < p.len {
			p.off, p.len = p.off+n, p.len-n
			break
		}
		n -= p.len
		p.chunk.Release()
	}
	q.shift(from, done)
}

// shift removes the first n pieces.
func (q *sendQueue) shift(from *storage, n int) {
	if n == 0 {
		return
	}
	l := q.pieces
	left := copy(l.list, l.list[n:])
	clear(l.list[left:])
	l.list = l.list[:left]
	if left > 0 {
		return
	}
	q.pieces = nil
	if cap(l.list) <= keepPieces {
		from.lists.Put(l)
	}
}

// attach references the n bytes from seq on behind b and returns how many it
// could, which is less only where b carries no more references.
func (q *sendQueue) attach(b *skb.Buffer, from seq.Num, n int) int {
	off, got := from.Sub(q.start), 0
	pieces := q.all()
	for i := range pieces {
		p := &pieces[i]
		if off >= p.len {
			off -= p.len
			continue
		}
		take := min(p.len-off, n-got)
		if !b.AddFrag(p.chunk, p.off+off, take) {
			break
		}
		got += take
		off = 0
		if got == n {
			break
		}
	}
	return got
}

// purge gives everything up.
func (q *sendQueue) purge() {
	for _, p := range q.all() {
		p.chunk.Release()
	}
	q.pieces, q.start = nil, q.end
}
