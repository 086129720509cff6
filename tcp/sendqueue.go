package tcp

import (
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/tcp/seq"
)

// sendQueue holds the bytes that the user wrote and the peer has not
// acknowledged, sent or not (sk_write_queue and the bytes behind the
// retransmission queue). Segments reference its storage; they do not copy it.
type sendQueue struct {
	pieces     []piece
	start, end seq.Num // sequence numbers of the first byte and past the last
}

// piece is a run of bytes in one chunk.
type piece struct {
	chunk    *skb.Chunk
	off, len int
}

// keepPieces bounds the capacity that an empty queue keeps.
const keepPieces = 4

func (q *sendQueue) init(start seq.Num) { q.start, q.end = start, start }

// pieceOverhead is the bookkeeping of a piece, as Linux charges for a buffer's.
const pieceOverhead = 1280

// held returns what the socket is charged: the bytes, and the bookkeeping. Of
// the last chunk only what is used counts; the rest is for the next bytes.
func (q *sendQueue) held() int { return q.bytes() + pieceOverhead*len(q.pieces) }

// bytes returns how many bytes are queued.
func (q *sendQueue) bytes() int { return q.end.Sub(q.start) }

// write copies p to the end of the queue.
func (q *sendQueue) write(pool *skb.Pool, p []byte) {
	for len(p) > 0 {
		last := q.tail()
		if last == nil || last.room() == 0 {
			last = q.grow(pool, len(p))
		}
		n := copy(last.chunk.Bytes()[last.off+last.len:], p)
		last.len += n
		q.end = q.end.Add(n)
		p = p[n:]
	}
}

func (p *piece) room() int { return p.chunk.Cap() - p.off - p.len }

func (q *sendQueue) tail() *piece {
	if len(q.pieces) == 0 {
		return nil
	}
	return &q.pieces[len(q.pieces)-1]
}

// grow appends storage: small for a small write to an empty queue, larger the
// more there is to hold.
func (q *sendQueue) grow(pool *skb.Pool, want int) *piece {
	size := skb.SmallSize
	switch {
	case want > skb.MediumSize:
		size = skb.LargeSize
	case want > skb.SmallSize || q.bytes() > 0:
		size = skb.MediumSize
	}
	c := pool.Chunk(size)
	q.pieces = append(q.pieces, piece{chunk: c})
	return q.tail()
}

// acked gives up the bytes before una.
func (q *sendQueue) acked(una seq.Num) {
	n := min(una.Sub(q.start), q.bytes())
	if n <= 0 {
		return
	}
	q.start = q.start.Add(n)
	done := 0
	for ; n > 0; done++ {
		p := &q.pieces[done]
		if n < p.len {
			p.off, p.len = p.off+n, p.len-n
			break
		}
		n -= p.len
		p.chunk.Release()
	}
	q.shift(done)
}

// shift removes the first n pieces.
func (q *sendQueue) shift(n int) {
	if n == 0 {
		return
	}
	left := copy(q.pieces, q.pieces[n:])
	clear(q.pieces[left:])
	q.pieces = q.pieces[:left]
	if left == 0 && cap(q.pieces) > keepPieces {
		q.pieces = nil
	}
}

// attach references the n bytes from seq on behind b and returns how many it
// could, which is less only where b carries no more references.
func (q *sendQueue) attach(b *skb.Buffer, from seq.Num, n int) int {
	off, got := from.Sub(q.start), 0
	for i := range q.pieces {
		p := &q.pieces[i]
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
	for i := range q.pieces {
		q.pieces[i].chunk.Release()
	}
	q.pieces, q.start = nil, q.end
}
