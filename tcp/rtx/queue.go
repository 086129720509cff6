package rtx

import (
	"slices"

	"github.com/slankdev/ministack/tcp/seq"
)

// The queue holds the nodes in two orders. Storage is a slab, so that a node
// keeps its id while it lives. By sequence: order is an array of ids; a node is
// found by binary search, the front is popped by moving head, and a split moves
// the shorter side of the ids, four octets each. By time of
// transmission: doubly linked lists through the slab, for RACK, which looks at
// the oldest transmissions and stops at the first that is recent enough.
//
// The slab comes from a Pool when the first range is sent and goes back when
// the last is acknowledged, so an idle connection holds nothing.

// timeList names the list by time of transmission that a node is in. The first
// two nodes of a slab are the lists' ends.
type timeList = int32

const (
	inFlight timeList = iota // may be found lost by RACK
	parked                   // lost at a timeout, waiting to be retransmitted
	nLists
	noList timeList = -1 // sacked, or found lost by RACK
)

type slab struct {
	nodes []node
	order []int32 // order[head:] are the live ids by sequence
	head  int
	pool  *Pool // where it goes back to
	free  int32 // first free node, linked by next; 0: none
}

type queue struct {
	*slab // nil while empty
}

func (q *queue) len() int {
	if q.slab == nil {
		return 0
	}
	return len(q.order) - q.head
}

// at returns the node at position i by sequence. It is valid until a node is
// added.
func (q *queue) at(i int) *node { return &q.nodes[q.order[q.head+i]] }

func (q *queue) last() *node { return q.at(q.len() - 1) }

// find returns the position of the first node that ends after x.
func (q *queue) find(x seq.Num) int {
	lo, hi := 0, q.len()
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if q.at(mid).end.After(x) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// push appends n in both orders.
func (q *queue) push(pool *Pool, n node) {
	if q.slab == nil {
		q.slab = pool.get()
		q.slab.pool = pool
	}
	id := q.alloc(n)
	q.makeRoom()
	q.order = append(q.order, id)
	q.link(id, q.nodes[inFlight].prev, inFlight)
}

func (q *queue) alloc(n node) int32 {
	id := q.free
	if id == 0 {
		q.nodes = append(q.nodes, n)
		return int32(len(q.nodes) - 1)
	}
	q.free = q.nodes[id].next
	q.nodes[id] = n
	return id
}

// makeRoom slides the ids down instead of growing when half the array is spent.
func (q *queue) makeRoom() {
	if len(q.order) == cap(q.order) && q.head >= len(q.order)/2 {
		q.order = q.order[:copy(q.order, q.order[q.head:])]
		q.head = 0
	}
}

// pop removes the first node.
func (q *queue) pop() {
	q.discard(q.order[q.head])
	q.head++
	if q.head == len(q.order) {
		q.release()
	}
}

// release gives the slab back.
func (q *queue) release() {
	if q.slab != nil {
		q.pool.put(q.slab)
		q.slab = nil
	}
}

func (q *queue) discard(id int32) {
	q.unlink(&q.nodes[id])
	q.nodes[id].next = q.free
	q.free = id
}

// split cuts the node at position i in two, off octets of sequence space after
// its start. The copy inherits everything, FIN and PSH move to it.
func (q *queue) split(i, off int) {
	id := q.order[q.head+i]
	n := &q.nodes[id]
	rest := *n
	cut := n.start.Add(off)
	n.end, rest.start = cut, cut
	n.flags &^= FIN | PSH
	rest.flags &^= SYN
	restID := q.alloc(rest)
	q.insert(i+1, restID)
	if rest.list != noList {
		q.link(restID, id, rest.list)
	}
}

// insert puts id at position i, moving the shorter side where there is room.
func (q *queue) insert(i int, id int32) {
	if i < q.len()/2 && q.head > 0 {
		q.head--
		copy(q.order[q.head:], q.order[q.head+1:q.head+1+i])
		q.order[q.head+i] = id
		return
	}
	q.makeRoom()
	q.order = slices.Insert(q.order, q.head+i, id)
}

// join makes the node at i and the one after it one.
func (q *queue) join(i int) {
	a, b := q.at(i), q.at(i+1)
	a.end = b.end
	a.flags |= b.flags
	a.tags |= b.tags & ever
	q.discard(q.order[q.head+i+1])
	q.order = slices.Delete(q.order, q.head+i+1, q.head+i+2)
}

// link enters a node into a list after the node prev.
func (q *queue) link(id, prev int32, list timeList) {
	next := q.nodes[prev].next
	n := &q.nodes[id]
	n.prev, n.next, n.list = prev, next, list
	q.nodes[prev].next = id
	q.nodes[next].prev = id
}

func (q *queue) unlink(n *node) {
	if n.list == noList {
		return
	}
	q.nodes[n.prev].next = n.next
	q.nodes[n.next].prev = n.prev
	n.list = noList
}

// toTail moves a node to the end of a list: it was transmitted last.
func (q *queue) toTail(id int32, list timeList) {
	q.unlink(&q.nodes[id])
	q.link(id, q.nodes[list].prev, list)
}

// id returns the id of the node at position i.
func (q *queue) id(i int) int32 { return q.order[q.head+i] }

// park moves what is lost and not retransmitted out of RACK's way.
func (q *queue) park() {
	q.move(inFlight, parked, func(n *node) bool { return n.tags&(lost|retrans) == lost })
}

// unpark takes it back: it was not lost after all.
func (q *queue) unpark() {
	q.move(parked, inFlight, func(*node) bool { return true })
}

// move merges the nodes that which accepts into another list, by time.
func (q *queue) move(from, to timeList, which func(*node) bool) {
	if q.slab == nil {
		return
	}
	at := q.nodes[to].next
	for id := q.nodes[from].next; id != from; {
		n := &q.nodes[id]
		next := n.next
		if which(n) {
			for at != to && !sentAfter(q.nodes[at].sentAt, n.sentAt, q.nodes[at].end, n.end) {
				at = q.nodes[at].next
			}
			q.unlink(n)
			q.link(id, q.nodes[at].prev, to)
		}
		id = next
	}
}
