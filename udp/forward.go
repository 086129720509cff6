package udp

import (
	"net/netip"
	"sync"
	"time"

	"github.com/slankdev/ministack/skb"
)

// A forwarder shows the datagrams that no socket takes to a function, as flows:
// one for each pair of addresses. A flow is a connected socket that stands in a
// table of its own, by both names, since thousands may share one port. It ends
// when its user closes it, or when nothing has passed for a while (RFC 4787 4.3):
// a peer of UDP does not say that it has gone.

// ForwardOptions bounds the flows; a zero field is its default.
type ForwardOptions struct {
	MaxFlows     int // of all sources. Default 4096.
	MaxPerSource int // of one address. Default 1024.
	// Idle ends a flow that has passed nothing for so long. Default 2 minutes,
	// the least that RFC 4787 REQ-5 allows a NAT.
	Idle time.Duration
}

func (o ForwardOptions) filled() ForwardOptions {
	if o.MaxFlows <= 0 {
		o.MaxFlows = 4096
	}
	if o.MaxPerSource <= 0 {
		o.MaxPerSource = 1024
	}
	if o.Idle <= 0 {
		o.Idle = 2 * time.Minute
	}
	return o
}

type forwarder struct {
	handle func(*Sock)
	o      ForwardOptions
}

// names are those of a flow, from this host's side.
type names struct{ local, peer netip.AddrPort }

// flowTable holds the flows in shards, so that a lookup waits for no other.
type flowTable struct {
	shards [flowShards]flowShard

	mu       sync.Mutex // guards the rest
	total    int
	bySource map[netip.Addr]int
	closed   bool
}

const flowShards = 16

type flowShard struct {
	mu    sync.RWMutex
	flows map[names]*Sock
}

func (t *flowTable) init() {
	t.bySource = map[netip.Addr]int{}
	for i := range t.shards {
		t.shards[i].flows = map[names]*Sock{}
	}
}

func (m *Module) shard(n names) *flowShard {
	return &m.flows.shards[m.table.spread(n.local, n.peer)%flowShards]
}

// flow finds the flow of a datagram, nil if there is none.
func (m *Module) flow(local, peer netip.AddrPort) *Sock {
	n := names{local, peer}
	s := m.shard(n)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.flows[n]
}

// addFlow enters a flow, if the limits allow and it is not there.
func (m *Module) addFlow(n names, s *Sock, o *ForwardOptions) skb.Reason {
	if r := m.flows.count(n.peer.Addr(), o); r != skb.NotDropped {
		return r
	}
	sh := m.shard(n)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.flows[n] != nil {
		m.flows.uncount(n.peer.Addr())
		return skb.HandlerBusy // the same datagram by two devices at once
	}
	sh.flows[n] = s
	return skb.NotDropped
}

// removeFlow takes a flow out; it may be called more than once.
func (m *Module) removeFlow(s *Sock) {
	n := s.forwarded.names
	sh := m.shard(n)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.flows[n] == s {
		delete(sh.flows, n)
		m.flows.uncount(n.peer.Addr())
	}
}

func (t *flowTable) count(src netip.Addr, o *ForwardOptions) skb.Reason {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return skb.QueuePurge
	case t.total >= o.MaxFlows || t.bySource[src] >= o.MaxPerSource:
		return skb.HandlerFull
	}
	t.total++
	t.bySource[src]++
	return skb.NotDropped
}

func (t *flowTable) uncount(src netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total--
	if t.bySource[src]--; t.bySource[src] == 0 {
		delete(t.bySource, src)
	}
}

// close lets no flow begin any more.
func (t *flowTable) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}

func (t *flowTable) all() []*Sock {
	var all []*Sock
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.RLock()
		for _, s := range sh.flows {
			all = append(all, s)
		}
		sh.mu.RUnlock()
	}
	return all
}

// Forward shows the flows of datagrams that no socket takes to handle, which
// runs in the receive path: it must not block, and the flow's first datagram
// is queued already. nil has senders told again that nobody is here; flows
// that there are go on.
func (m *Module) Forward(handle func(*Sock), o ForwardOptions) {
	if handle == nil {
		m.forward.Store(nil)
		return
	}
	m.forward.Store(&forwarder{handle, o.filled()})
}
