package tcp

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
)

// The table that a segment is looked up in by its four names (ehash of
// inet_hashtables). Lookups take no lock. The table is in shards, each an array
// of places behind an atomic pointer, at most three quarters full: a node stands
// at the place that its hash says or, where that is taken, at the next free one.
// A node never changes, so who found it may stand on it as long as he likes, and
// the garbage collector frees it when nobody does. A full shard moves to an array
// of twice the size, and one that has emptied to one of half, while lookups go on in the old one: a shard is small even
// where the table has half a million entries, and nobody waits long. The hash is
// keyed, so that no peer can choose a long run of taken places.

// tuple names a connection from this host's side.
type tuple struct{ local, peer netip.AddrPort }

// key is a tuple without pointers, as it is hashed and compared.
type key [40]byte

func keyOf(local, peer netip.AddrPort, n uint32) (k key) {
	x, y := local.Addr().As16(), peer.Addr().As16()
	copy(k[0:], x[:])
	copy(k[16:], y[:])
	binary.LittleEndian.PutUint16(k[32:], local.Port())
	binary.LittleEndian.PutUint16(k[34:], peer.Port())
	binary.LittleEndian.PutUint32(k[36:], n)
	return k
}

func (k *key) tuple() tuple {
	addr := func(at int) netip.Addr { return netip.AddrFrom16([16]byte(k[at : at+16])).Unmap() }
	port := func(at int) uint16 { return binary.LittleEndian.Uint16(k[at:]) }
	return tuple{netip.AddrPortFrom(addr(0), port(32)), netip.AddrPortFrom(addr(16), port(34))}
}

// entry is what stands in the table: *Conn, *request, *Attempt or *timeWait.
type entry interface {
	// receive takes over a segment for the entry.
	receive(b *skb.Buffer) skb.Reason
}

type node struct {
	key   key
	hash  uint32
	entry entry
}

// hashLinks is what a connection keeps of the tables that it stands in.
type hashLinks struct {
	node *node
	use  *portUse
}

type places []atomic.Pointer[node]

const (
	shardBits   = 6
	firstPlaces = 8
)

// demux is the table, and that of listeners.
type demux struct {
	sip       sipKey
	gone      *node // stands where a node was taken out and a run goes on
	shards    [1 << shardBits]demuxShard
	listeners listeners
}

type demuxShard struct {
	table atomic.Pointer[places]
	mu    sync.Mutex // writers
	count int        // nodes
	taken int        // places that are not free: nodes, and where some were
}

func (d *demux) init(r netdev.Rand) {
	d.sip = newSipKey(r)
	d.gone = new(node)
	d.listeners.init()
}

func (d *demux) hash(k *key) uint32 { return uint32(d.sip.hash(k)) }

func (d *demux) shard(hash uint32) *demuxShard { return &d.shards[hash>>(32-shardBits)] }

// lookup finds the entry of a connection, nil if there is none.
func (d *demux) lookup(t *tuple) entry {
	k := keyOf(t.local, t.peer, 0)
	h := d.hash(&k)
	p := d.shard(h).table.Load()
	if p == nil {
		return nil
	}
	if n := p.find(&k, h); n != nil {
		return n.entry
	}
	return nil
}

func (p *places) find(k *key, hash uint32) *node {
	mask := uint32(len(*p) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		n := (*p)[i].Load()
		if n == nil || n.hash == hash && n.key == *k {
			return n
		}
	}
}

// at returns the place of a node, nil if it is not there.
func (p *places) at(n *node) *atomic.Pointer[node] {
	mask := uint32(len(*p) - 1)
	for i := n.hash & mask; ; i = (i + 1) & mask {
		switch (*p)[i].Load() {
		case n:
			return &(*p)[i]
		case nil:
			return nil
		}
	}
}

// insert enters e, unless its place is taken, and returns its node.
func (d *demux) insert(t tuple, e entry) *node {
	n := &node{key: keyOf(t.local, t.peer, 0), entry: e}
	n.hash = d.hash(&n.key)
	s := d.shard(n.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.room(d.gone)
	if p.find(&n.key, n.hash) != nil {
		return nil
	}
	s.put(p, n, d.gone)
	return n
}

// put stores n at the first place of its run that no node stands at.
func (s *demuxShard) put(p *places, n, gone *node) {
	mask := uint32(len(*p) - 1)
	for i := n.hash & mask; ; i = (i + 1) & mask {
		switch (*p)[i].Load() {
		case nil:
			s.taken++
		case gone:
		default:
			continue
		}
		(*p)[i].Store(n)
		s.count++
		return
	}
}

// replace puts e in the place of the node old: at no time is there neither.
func (d *demux) replace(old *node, e entry) *node {
	n := &node{key: old.key, hash: old.hash, entry: e}
	s := d.shard(n.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.room(d.gone)
	if at := p.at(old); at != nil {
		at.Store(n)
	} else {
		s.put(p, n, d.gone)
	}
	return n
}

// remove takes a node out; one that is out already is no error.
func (d *demux) remove(n *node) {
	s := d.shard(n.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.table.Load()
	if p == nil {
		return
	}
	at := p.at(n)
	if at == nil {
		return
	}
	at.Store(d.gone)
	s.count--
	if len(*p) > firstPlaces && 8*s.count < len(*p) {
		s.move(*p, len(*p)/2, d.gone)
		return
	}
	s.clean(p, n.hash, d.gone)
}

// clean frees the places at the end of the run that begins where hash says: no
// lookup needs to pass them.
func (s *demuxShard) clean(p *places, hash uint32, gone *node) {
	mask := uint32(len(*p) - 1)
	end := hash & mask
	for (*p)[end].Load() != nil {
		end = (end + 1) & mask
	}
	for i := (end - 1) & mask; (*p)[i].Load() == gone; i = (i - 1) & mask {
		(*p)[i].Store(nil)
		s.taken--
	}
}

// room returns the shard's array with a free place in it; one that is full moves
// to another, of twice the size unless most of it are places that nodes left.
func (s *demuxShard) room(gone *node) *places {
	p := s.table.Load()
	switch {
	case p == nil:
		p = s.move(nil, firstPlaces, gone)
	case 4*(s.taken+1) > 3*len(*p):
		size := len(*p)
		if 2*s.count > size {
			size *= 2
		}
		p = s.move(*p, size, gone)
	}
	return p
}

func (s *demuxShard) move(old places, size int, gone *node) *places {
	p := make(places, size)
	s.count, s.taken = 0, 0
	for i := range old {
		if n := old[i].Load(); n != nil && n != gone {
			s.put(&p, n, gone)
		}
	}
	s.table.Store(&p)
	return &p
}

// each calls fn for every entry.
func (d *demux) each(fn func(t tuple, e entry)) {
	for i := range d.shards {
		p := d.shards[i].table.Load()
		if p == nil {
			continue
		}
		for j := range *p {
			if n := (*p)[j].Load(); n != nil && n != d.gone {
				fn(n.key.tuple(), n.entry)
			}
		}
	}
}

// hash enters a connection. Error: EADDRNOTAVAIL if its names are taken.
func (m *Module) hash(c *Conn) error {
	n := m.demux.insert(tuple{c.Local, c.Peer}, c)
	if n == nil {
		return errNamesTaken
	}
	c.hash.node = n
	return nil
}

// unhash takes a socket out of all tables and gives its port back. It may be
// called more than once.
func (m *Module) unhash(c *Conn) {
	if c.hash.node != nil {
		m.demux.remove(c.hash.node)
		c.hash.node = nil
	}
	if c.hash.use != nil {
		m.ports.release(c.hash.use)
		c.hash.use = nil
	}
}

// receive takes over a segment that the socket's filter lets through; of its
// header that cuts nothing (tcp_filter).
func (c *Conn) receive(b *skb.Buffer) skb.Reason {
	if r := c.Filter(b, Header(b.Data()).Len()); r != skb.NotDropped {
		return r
	}
	if c.State() == Listen {
		return c.ReceiveMore(b, c.m.handshakeRoom())
	}
	return c.Receive(b)
}

// handshakeRoom is how many bytes more a listener's backlog takes: handshakes of
// as many peers as may wait to be accepted. Linux processes a listener's segments
// while a user owns it; here they wait, and peers whose SYN was dropped instead
// would be back only after a second.
func (m *Module) handshakeRoom() int {
	return min(m.set.somaxconn.Get(), 1<<16) * (skb.SmallSize + 512)
}

// sipKey keys the hashes of a stack.
type sipKey struct{ k0, k1 uint64 }

func newSipKey(r netdev.Rand) sipKey { return sipKey{r.Uint64(), r.Uint64()} }

// names hashes two names and a number.
func (k sipKey) names(a, b netip.AddrPort, n uint32) uint64 {
	p := keyOf(a, b, n)
	return k.hash(&p)
}

func (k sipKey) hash(p *key) uint64 { return sipHash(k, (*[40]byte)(p)) }
