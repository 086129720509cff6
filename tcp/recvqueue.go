package tcp

import (
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/tcp/seq"
)

// A buffer in a receive queue holds payload only; its scratch space says which.
const (
	cbSeq = iota // sequence number of its first byte
	cbEnd        // and past its last, FIN included
	cbFin        // 1 if a FIN follows the payload
)

func cbRange(b *skb.Buffer) (from, to seq.Num) { return seq.New(b.CB[cbSeq]), seq.New(b.CB[cbEnd]) }

func setCB(b *skb.Buffer, from, to seq.Num, fin bool) {
	b.CB[cbSeq], b.CB[cbEnd], b.CB[cbFin] = from.Uint32(), to.Uint32(), 0
	if fin {
		b.CB[cbFin] = 1
	}
}

// recvQueue holds the bytes that arrived in order and were not read
// (sk_receive_queue).
type recvQueue struct {
	q     skb.Queue
	bytes int
}

func (r *recvQueue) push(b *skb.Buffer) {
	r.bytes += b.Len()
	r.q.PushBack(b)
}

// coalesce copies b into the last buffer, if it fits there.
func (r *recvQueue) coalesce(b *skb.Buffer) bool {
	last := r.q.Last()
	if last == nil || !last.TryCoalesce(b) {
		return false
	}
	r.bytes += b.Len()
	return true
}

// read moves up to len(p) bytes to p, and returns how many and the true size
// of the buffers that it consumed.
func (r *recvQueue) read(p []byte) (n, freed int) {
	for n < len(p) {
		b := r.q.Peek()
		if b == nil {
			break
		}
		k := b.CopyOut(0, p[n:])
		n += k
		r.bytes -= k
		if k < b.Len() {
			b.Advance(k)
			break
		}
		freed += r.pop()
	}
	return n, freed
}

// skip throws away up to n bytes (MSG_TRUNC on a stream).
func (r *recvQueue) skip(n int) (skipped, freed int) {
	for skipped < n {
		b := r.q.Peek()
		if b == nil {
			break
		}
		k := min(b.Len(), n-skipped)
		skipped += k
		r.bytes -= k
		if k < b.Len() {
			b.Advance(k)
			break
		}
		freed += r.pop()
	}
	return skipped, freed
}

func (r *recvQueue) pop() (freed int) {
	b := r.q.PopFront()
	freed = int(b.CB[cbCharge])
	b.Consume()
	return freed
}

// peek copies up to len(p) bytes from offset off on, without taking them.
func (r *recvQueue) peek(off int, p []byte) int {
	n := 0
	for b := r.q.Peek(); b != nil && n < len(p); b = b.Next() {
		if off >= b.Len() {
			off -= b.Len()
			continue
		}
		n += b.CopyOut(off, p[n:])
		off = 0
	}
	return n
}

// cbCharge is where a queued buffer keeps what the socket was charged for it.
const cbCharge = 3
