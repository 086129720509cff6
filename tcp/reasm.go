package tcp

import (
	"sort"

	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/tcp/seq"
)

// Out-of-order data (tcp_ofo_queue). The queue is sorted by sequence number
// and its buffers do not overlap, so what is charged to the socket is what is
// held. Bytes that came twice are reported, so that a D-SACK can say so
// (RFC 2883).

// ofoQueue is what a connection has while something is out of order, and what
// the next acknowledgement reports of it; a nil one is empty.
type ofoQueue struct {
	bufs     []*skb.Buffer
	sacks    [maxSackBlocks]Block // most recent first (RFC 2018 4)
	nsack    int
	dsack    Block
	hasDsack bool
}

// disorder returns the queue, to be filled.
func (c *Conn) disorder() *ofoQueue {
	if c.ofo == nil {
		c.ofo = new(ofoQueue)
	}
	return c.ofo
}

// tidy gives an empty queue up that has nothing to report either.
func (c *Conn) tidy() {
	if n, _ := c.ofo.reported(); n == 0 && c.ofo.len() == 0 {
		c.ofo = nil
	}
}

func (q *ofoQueue) len() int { return len(q.all()) }

// all returns the buffers, in order.
func (q *ofoQueue) all() []*skb.Buffer {
	if q == nil {
		return nil
	}
	return q.bufs
}

// end is behind the last byte of a queue that is not empty.
func (q *ofoQueue) end() seq.Num {
	_, end := cbRange(q.bufs[len(q.bufs)-1])
	return end
}

// insert puts b where it belongs, without the bytes that are queued already.
// dup is the first range that came twice, if there was one. rejected is what
// no byte of was new: the caller drops it, and b if it is not kept.
func (q *ofoQueue) insert(b *skb.Buffer, freed func(*skb.Buffer)) (kept bool, dup Block, isDup bool) {
	from, to := cbRange(b)
	i := q.search(from)
	if i > 0 {
		_, prevEnd := cbRange(q.bufs[i-1])
		if prevEnd.AtOrAfter(to) {
			return false, Block{Start: from, End: to}, true
		}
		if prevEnd.After(from) {
			dup, isDup = Block{Start: from, End: prevEnd}, true
			trimFront(b, prevEnd)
			from = prevEnd
		}
	}
	end, d, again := q.cover(i, b, freed)
	if again && !isDup {
		dup, isDup = d, true
	}
	q.splice(i, end, b)
	return true, dup, isDup
}

// search returns the first index whose buffer begins after from.
func (q *ofoQueue) search(from seq.Num) int {
	if n := len(q.bufs); n > 0 {
		if last, _ := cbRange(q.bufs[n-1]); last.AtOrBefore(from) {
			return n // the usual case: behind all
		}
	}
	return sort.Search(len(q.bufs), func(i int) bool {
		start, _ := cbRange(q.bufs[i])
		return start.After(from)
	})
}

// cover frees the buffers from i on that b covers, and cuts b where the next
// one begins; end is the first index that stays.
func (q *ofoQueue) cover(i int, b *skb.Buffer, freed func(*skb.Buffer)) (end int, dup Block, isDup bool) {
	_, to := cbRange(b)
	for end = i; end < len(q.bufs); end++ {
		start, stop := cbRange(q.bufs[end])
		if start.AtOrAfter(to) {
			break
		}
		if !isDup {
			dup, isDup = Block{Start: start, End: seq.Min(to, stop)}, true
		}
		if stop.After(to) {
			trimBack(b, start)
			break
		}
		freed(q.bufs[end])
	}
	return end, dup, isDup
}

// splice replaces the buffers [i, end) by b.
func (q *ofoQueue) splice(i, end int, b *skb.Buffer) {
	if i == end {
		q.bufs = append(q.bufs, nil)
		copy(q.bufs[i+1:], q.bufs[i:])
		q.bufs[i] = b
		return
	}
	q.bufs[i] = b
	left := i + 1 + copy(q.bufs[i+1:], q.bufs[end:])
	clear(q.bufs[left:])
	q.bufs = q.bufs[:left]
}

// pop takes the first buffer if it begins at or before nxt.
func (q *ofoQueue) pop(nxt seq.Num) *skb.Buffer {
	if q.len() == 0 {
		return nil
	}
	b := q.bufs[0]
	if from, _ := cbRange(b); from.After(nxt) {
		return nil
	}
	left := copy(q.bufs, q.bufs[1:])
	q.bufs[left] = nil
	q.bufs = q.bufs[:left]
	return b
}

// popLast takes the buffer that is farthest ahead, for want of room.
func (q *ofoQueue) popLast() *skb.Buffer {
	n := q.len()
	if n == 0 {
		return nil
	}
	b := q.bufs[n-1]
	q.bufs[n-1] = nil
	q.bufs = q.bufs[:n-1]
	return b
}

// purge drops all for the reason r.
func (q *ofoQueue) purge(r skb.Reason) {
	for _, b := range q.all() {
		b.Drop(r)
	}
	if q != nil {
		q.bufs = nil
	}
}

// trimFront takes the bytes before from off the buffer.
func trimFront(b *skb.Buffer, from seq.Num) {
	start, _ := cbRange(b)
	b.Advance(min(from.Sub(start), b.Len()))
	b.CB[cbSeq] = from.Uint32()
}

// trimBack takes the bytes from to on off the buffer, and its FIN.
func trimBack(b *skb.Buffer, to seq.Num) {
	start, _ := cbRange(b)
	b.Trim(to.Sub(start))
	b.CB[cbEnd], b.CB[cbFin] = to.Uint32(), 0
}
