package udp

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/slankdev/ministack/trace"
)

// The port table (udp_table): sockets by local port, in two levels of arrays
// that are made when needed. A lookup takes no lock; a port's list is copied
// on write.

type page [256]atomic.Pointer[[]*Sock]

type table struct {
	mu    sync.Mutex // writers
	pages [256]atomic.Pointer[page]
	key   uint64 // of the hash that spreads peers
}

func (t *table) at(port uint16) []*Sock {
	p := t.pages[port>>8].Load()
	if p == nil {
		return nil
	}
	if l := p[port&0xff].Load(); l != nil {
		return *l
	}
	return nil
}

// set replaces a port's list; the writers' lock is held.
func (t *table) set(port uint16, list []*Sock) {
	p := t.pages[port>>8].Load()
	if p == nil {
		p = new(page)
		t.pages[port>>8].Store(p)
	}
	p[port&0xff].Store(&list)
}

func (t *table) add(s *Sock, port uint16) {
	t.set(port, append(append([]*Sock(nil), t.at(port)...), s))
}

func (t *table) remove(s *Sock) {
	t.mu.Lock()
	defer t.mu.Unlock()
	port := s.port
	if port == 0 {
		return
	}
	var kept []*Sock
	for _, o := range t.at(port) {
		if o != s {
			kept = append(kept, o)
		}
	}
	t.set(port, kept)
	s.port = 0
}

// identity is what a socket is looked up by. It is replaced whole, so that the
// packet path reads it without the socket's lock.
type identity struct {
	local, peer      netip.AddrPort // an unspecified address or port 0: any
	device           int
	reuse, reusePort bool
}

// score is how well a socket fits a datagram to local from peer, -1 if not at
// all (compute_score).
func (i *identity) score(local, peer netip.AddrPort, device int) int {
	n := 0
	if a := i.local.Addr(); a.IsValid() && !a.IsUnspecified() {
		if a != local.Addr() {
			return -1
		}
		n += 4
	}
	if i.peer.IsValid() {
		if i.peer != peer {
			return -1
		}
		n += 4
	}
	if i.device != 0 {
		if i.device != device {
			return -1
		}
		n++
	}
	return n
}

// lookup finds the socket for a datagram: the most specific one; among equals
// the last that was bound (SO_REUSEADDR), or one by the 4-tuple (SO_REUSEPORT).
func (t *table) lookup(local, peer netip.AddrPort, device int) *Sock {
	var best *Sock
	top, equals := -1, 0
	list := t.at(local.Port())
	for _, s := range list {
		switch n := s.identity().score(local, peer, device); {
		case n > top:
			best, top, equals = s, n, 1
		case n == top && n >= 0:
			best, equals = s, equals+1
		}
	}
	if equals < 2 || !best.identity().reusePort {
		return best
	}
	return t.pick(list, local, peer, device, top)
}

// pick chooses one of the group of sockets that fit equally well, always the
// same one for a 4-tuple while the group is the same (reuseport_select_sock).
func (t *table) pick(list []*Sock, local, peer netip.AddrPort, device, top int) *Sock {
	group := func(s *Sock) bool {
		id := s.identity()
		return id.reusePort && id.score(local, peer, device) == top
	}
	n := uint64(0)
	for _, s := range list {
		if group(s) {
			n++
		}
	}
	skip := t.spread(local, peer) >> 32 * n >> 32
	for _, s := range list {
		if !group(s) {
			continue
		}
		if skip == 0 {
			return s
		}
		skip--
	}
	return nil // the group went meanwhile
}

// spread is the keyed hash of a 4-tuple: no peer can choose its socket.
func (t *table) spread(local, peer netip.AddrPort) uint64 {
	x := mix(t.key ^ uint64(trace.Addr(peer.Addr()))<<16 ^ uint64(peer.Port()))
	return mix(x ^ uint64(trace.Addr(local.Addr()))<<16 ^ uint64(local.Port()))
}

func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// bind enters s under a, choosing a port if it has none. Errors: EADDRINUSE.
func (m *Module) bind(s *Sock, a netip.AddrPort) error {
	t := &m.table
	t.mu.Lock()
	defer t.mu.Unlock()
	id := *s.identity()
	id.local, id.device = a, s.Options.Device
	id.reuse, id.reusePort = s.Options.ReuseAddr, s.Options.ReusePort
	if a.Port() != 0 {
		if t.conflict(&id) {
			return syscall.EADDRINUSE
		}
	} else if !m.choosePort(&id) {
		return syscall.EADDRINUSE
	}
	s.id.Store(&id)
	s.port = id.local.Port()
	t.add(s, s.port)
	return nil
}

func (t *table) conflict(id *identity) bool {
	for _, o := range t.at(id.local.Port()) {
		other := o.identity()
		if id.device != 0 && other.device != 0 && id.device != other.device {
			continue
		}
		a, b := id.local.Addr(), other.local.Addr()
		if a != b && !a.IsUnspecified() && !b.IsUnspecified() {
			continue
		}
		if id.reuse && other.reuse || id.reusePort && other.reusePort {
			continue
		}
		return true
	}
	return false
}

// choosePort takes a free port at random (RFC 6056 algorithm 1).
func (m *Module) choosePort(id *identity) bool {
	low, high := m.ports.Get(0), m.ports.Get(1)
	n := max(high-low+1, 1)
	start := int(m.env.Rand.Uint32() >> 1)
	for i := range n {
		id.local = netip.AddrPortFrom(id.local.Addr(), uint16(low+(start+i)%n))
		if len(m.table.at(id.local.Port())) == 0 {
			return true
		}
	}
	return false
}

// Socks returns every socket that has a port, flows among them.
func (m *Module) Socks() []*Sock {
	all := m.flows.all()
	for i := range m.table.pages {
		p := m.table.pages[i].Load()
		if p == nil {
			continue
		}
		for j := range p {
			if l := p[j].Load(); l != nil {
				all = append(all, *l...)
			}
		}
	}
	return all
}
