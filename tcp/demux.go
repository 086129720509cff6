package tcp

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
)

// The tables that a segment is looked up in (inet_hashtables). Lookups take no
// lock: a bucket is a chain of nodes behind atomic pointers, a removed node
// stays readable for who stands on it, and the garbage collector frees it when
// nobody does. The hash is keyed, so that no peer can choose a long chain.

// tuple names a connection from this host's side.
type tuple struct{ local, peer netip.AddrPort }

// entry is what stands in the established table: *Conn, *request,
// *Attempt or *timeWait.
type entry interface {
	// receive takes over a segment for the entry.
	receive(b *skb.Buffer) skb.Reason
}

type node struct {
	tuple tuple
	hash  uint32
	entry entry
	next  atomic.Pointer[node]
}

// hashLinks is what a connection keeps of the tables that it stands in.
type hashLinks struct {
	node *node
	use  *portUse
}

type buckets []atomic.Pointer[node]

const firstBuckets = 64

type demux struct {
	key       sipKey
	table     atomic.Pointer[buckets]
	listeners atomic.Pointer[map[uint16][]*Conn]
	mu        sync.Mutex // writers of both
	count     int
}

func (d *demux) init(r netdev.Rand) {
	d.key = newSipKey(r)
	b := make(buckets, firstBuckets)
	d.table.Store(&b)
	d.listeners.Store(&map[uint16][]*Conn{})
}

func (d *demux) hash(t *tuple) uint32 { return uint32(d.key.tuple(t)) }

// lookup finds the entry of a connection, nil if there is none.
func (d *demux) lookup(t *tuple) entry {
	h := d.hash(t)
	b := *d.table.Load()
	for n := b[h&uint32(len(b)-1)].Load(); n != nil; n = n.next.Load() {
		if n.hash == h && n.tuple == *t {
			return n.entry
		}
	}
	return nil
}

// insert enters e, unless its place is taken, and returns its node.
func (d *demux) insert(t tuple, e entry) *node {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lookup(&t) != nil {
		return nil
	}
	n := &node{tuple: t, hash: d.hash(&t), entry: e}
	d.link(n)
	return n
}

// replace puts e in the place of the node old.
func (d *demux) replace(old *node, e entry) *node {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := &node{tuple: old.tuple, hash: old.hash, entry: e}
	d.unlink(old)
	d.link(n)
	return n
}

// remove takes a node out; one that is out already is no error.
func (d *demux) remove(n *node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unlink(n)
}

func (d *demux) link(n *node) {
	b := *d.table.Load()
	if d.count >= 2*len(b) {
		b = d.grow(b)
	}
	head := &b[n.hash&uint32(len(b)-1)]
	n.next.Store(head.Load())
	head.Store(n)
	d.count++
}

func (d *demux) unlink(n *node) {
	b := *d.table.Load()
	for at := &b[n.hash&uint32(len(b)-1)]; at.Load() != nil; at = &at.Load().next {
		if m := at.Load(); m == n || m.entry == n.entry && m.tuple == n.tuple {
			at.Store(m.next.Load())
			d.count--
			return
		}
	}
}

// grow moves all to a table of four times the size. The nodes are copied, so
// that readers of the old table stay on its chains.
func (d *demux) grow(old buckets) buckets {
	b := make(buckets, 4*len(old))
	for i := range old {
		for n := old[i].Load(); n != nil; n = n.next.Load() {
			head := &b[n.hash&uint32(len(b)-1)]
			c := &node{tuple: n.tuple, hash: n.hash, entry: n.entry}
			c.next.Store(head.Load())
			head.Store(c)
		}
	}
	d.table.Store(&b)
	return b
}

// each calls fn for every entry.
func (d *demux) each(fn func(t tuple, e entry)) {
	b := *d.table.Load()
	for i := range b {
		for n := b[i].Load(); n != nil; n = n.next.Load() {
			fn(n.tuple, n.entry)
		}
	}
}

// addListener and removeListener change the table of listeners.
func (d *demux) addListener(c *Conn) {
	d.changeListeners(c.Local.Port(), func(l []*Conn) []*Conn { return append(l, c) })
}

func (d *demux) removeListener(c *Conn) {
	d.changeListeners(c.Local.Port(), func(l []*Conn) []*Conn {
		var kept []*Conn
		for _, o := range l {
			if o != c {
				kept = append(kept, o)
			}
		}
		return kept
	})
}

func (d *demux) changeListeners(port uint16, change func([]*Conn) []*Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := map[uint16][]*Conn{}
	for p, l := range *d.listeners.Load() {
		next[p] = l
	}
	next[port] = change(append([]*Conn(nil), next[port]...))
	if len(next[port]) == 0 {
		delete(next, port)
	}
	d.listeners.Store(&next)
}

// listener finds who listens at local for segments that came in by the device:
// the most specific one, and among equals (SO_REUSEPORT) one by the hash of
// the connection.
func (d *demux) listener(t *tuple, device int) *Conn {
	var best *Conn
	score, equals := -1, 0
	all := (*d.listeners.Load())[t.local.Port()]
	for _, c := range all {
		s := c.listenScore(t.local.Addr(), device)
		switch {
		case s > score:
			best, score, equals = c, s, 1
		case s == score && s >= 0:
			equals++
		}
	}
	if equals < 2 || !best.Options.ReusePort {
		return best
	}
	pick := int(uint64(d.hash(t)) * uint64(equals) >> 32) // reuseport_select_sock
	for _, c := range all {
		if c.listenScore(t.local.Addr(), device) != score {
			continue
		}
		if pick == 0 {
			return c
		}
		pick--
	}
	return best
}

// listenScore is how well a listener fits an address, -1 if not at all.
func (c *Conn) listenScore(a netip.Addr, device int) int {
	score := 0
	switch local := c.Local.Addr(); {
	case local == a:
		score += 2
	case local.IsValid() && !local.IsUnspecified():
		return -1
	}
	switch c.Options.Device {
	case 0:
	case device:
		score++
	default:
		return -1
	}
	return score
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
	return c.Receive(b)
}

// sipKey keys the hashes of a stack.
type sipKey struct{ k0, k1 uint64 }

func newSipKey(r netdev.Rand) sipKey { return sipKey{r.Uint64(), r.Uint64()} }

// tuple hashes the names of a connection.
func (k sipKey) tuple(t *tuple) uint64 { return k.names(t.local, t.peer, 0) }

// names hashes two names and a number.
func (k sipKey) names(a, b netip.AddrPort, n uint32) uint64 {
	var p [40]byte
	x, y := a.Addr().As16(), b.Addr().As16()
	copy(p[0:], x[:])
	copy(p[16:], y[:])
	binary.LittleEndian.PutUint16(p[32:], a.Port())
	binary.LittleEndian.PutUint16(p[34:], b.Port())
	binary.LittleEndian.PutUint32(p[36:], n)
	return sipHash(k, &p)
}
