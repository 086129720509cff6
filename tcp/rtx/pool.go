package rtx

import "sync"

// Pool lends the storage of queues, so that a connection that falls idle after
// every exchange neither keeps it nor allocates it anew. A stack has one for
// all its connections; the zero Pool is ready, and so is a nil one, which
// recycles nothing.
type Pool struct{ slabs sync.Pool }

// keep is the most nodes that a slab may have to be kept for others.
const keep = 4096

func (p *Pool) get() *slab {
	if p != nil {
		if s, ok := p.slabs.Get().(*slab); ok {
			return s
		}
	}
	s := &slab{nodes: make([]node, nLists, 16), order: make([]int32, 0, 16)}
	s.reset()
	return s
}

func (p *Pool) put(s *slab) {
	if p == nil || cap(s.nodes) > keep {
		return
	}
	s.reset()
	p.slabs.Put(s)
}

func (s *slab) reset() {
	s.nodes, s.order, s.head, s.free = s.nodes[:nLists], s.order[:0], 0, 0
	for l := range s.nodes {
		s.nodes[l] = node{next: int32(l), prev: int32(l), list: timeList(l)}
	}
}
