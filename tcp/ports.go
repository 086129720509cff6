package tcp

import (
	"net/netip"
	"sync"
	"syscall"
)

// Local ports (Linux's bhash): who uses each, which uses exclude each other
// (bind(2), socket(7) SO_REUSEADDR and SO_REUSEPORT), and how a free one is
// chosen (RFC 6056 algorithm 4: an offset by a keyed hash of the destination,
// and a counter, so that ports cannot be guessed and are not reused soon).

const errNamesTaken = syscall.EADDRNOTAVAIL

// portUse is a use of a port: by a socket that was bound, or by all connections
// and entries in TIME-WAIT that use it in the same way.
type portUse struct {
	addr      netip.Addr // the zero Addr: every address
	next      *portUse   // of the same port
	refs      int32      // who uses it so
	device    int32
	port      uint16
	reuse     bool
	reusePort bool
	listening bool
	explicit  bool // the user bound it; connect may not share it
}

// ports has the uses of each port, in pages of 256 that are made when they are
// needed.
type ports struct {
	m     *Module
	mu    sync.Mutex
	pages [256]*[256]*portUse
	next  [256]uint32 // counters of RFC 6056's table
}

// manyUses is how many uses of a port are told apart by address. Where there are
// more, as on a host that stands for every address, further connections count as
// users of all addresses.
const manyUses = 64

func (p *ports) init(m *Module) { p.m = m }

// uses returns the first of the uses of a port, nil if it is free.
func (p *ports) uses(port uint16) *portUse {
	if page := p.pages[port>>8]; page != nil {
		return page[port&255]
	}
	return nil
}

// add enters a use of its own.
func (p *ports) add(u *portUse) *portUse {
	page := p.pages[u.port>>8]
	if page == nil {
		page = new([256]*portUse)
		p.pages[u.port>>8] = page
	}
	u.refs, u.next = 1, page[u.port&255]
	page[u.port&255] = u
	return u
}

// bindPort gives the socket the name a; port 0 chooses one. Errors:
// EADDRNOTAVAIL, EADDRINUSE, EAFNOSUPPORT.
func (m *Module) bindPort(c *Conn, a netip.AddrPort) error {
	addr := a.Addr()
	switch {
	case addr.IsValid() && !addr.Is4():
		return syscall.EAFNOSUPPORT
	case !addr.IsValid() || addr.IsUnspecified():
		addr = netip.Addr{}
	case !m.net.MayBind(addr, c.Options.Device):
		return syscall.EADDRNOTAVAIL
	}
	use := &portUse{port: a.Port(), addr: addr, device: int32(c.Options.Device),
		reuse: c.Options.ReuseAddr, reusePort: c.Options.ReusePort, explicit: true}
	if err := m.ports.take(use); err != nil {
		return err
	}
	if !addr.IsValid() {
		addr = netip.IPv4Unspecified()
	}
	c.hash.use, c.Local = use, netip.AddrPortFrom(addr, use.port)
	return nil
}

// take enters a use, choosing its port if it has none.
func (p *ports) take(u *portUse) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u.port != 0 {
		if p.conflict(u) {
			return syscall.EADDRINUSE
		}
		p.add(u)
		return nil
	}
	low, n := p.span()
	start := int(p.m.env.Rand.Uint32())
	for i := range n {
		u.port = uint16(low + (start+i)%n)
		if p.uses(u.port) == nil {
			p.add(u)
			return nil
		}
	}
	u.port = 0
	return syscall.EADDRINUSE
}

// span is the range to choose from, as its first port and their number.
func (p *ports) span() (low, n int) {
	low = p.m.set.portRange.Get(0)
	return low, max(p.m.set.portRange.Get(1)-low+1, 1)
}

// conflict reports whether a use excludes another (inet_csk_bind_conflict).
func (p *ports) conflict(u *portUse) bool {
	for o := p.uses(u.port); o != nil; o = o.next {
		if u.device != 0 && o.device != 0 && u.device != o.device {
			continue
		}
		if u.addr.IsValid() && o.addr.IsValid() && u.addr != o.addr {
			continue
		}
		if u.reuse && o.reuse && !o.listening || u.reusePort && o.reusePort {
			continue
		}
		return true
	}
	return false
}

// listen marks a use as that of a listener. Error: EADDRINUSE if another
// listens there that SO_REUSEADDR had allowed to bind.
func (p *ports) listen(u *portUse) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for o := p.uses(u.port); o != nil; o = o.next {
		same := !u.addr.IsValid() || !o.addr.IsValid() || u.addr == o.addr
		if o != u && o.listening && same && !(u.reusePort && o.reusePort) {
			return syscall.EADDRINUSE
		}
	}
	u.listening = true
	return nil
}

// share enters a use by one more connection, which a listener got.
func (p *ports) share(u portUse) *portUse {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shareLocked(u)
}

func (p *ports) shareLocked(u portUse) *portUse {
	n := 0
	for o := p.uses(u.port); o != nil; o = o.next {
		if o.same(&u) {
			o.refs++
			return o
		}
		if n++; n == manyUses && u.addr.IsValid() {
			u.addr = netip.Addr{}
			return p.shareLocked(u)
		}
	}
	own := u
	return p.add(&own)
}

// same reports whether connections use a port in the same way.
func (u *portUse) same(o *portUse) bool {
	return u.addr == o.addr && u.device == o.device && u.reuse == o.reuse && u.reusePort == o.reusePort && !u.explicit
}

// release takes a user out.
func (p *ports) release(u *portUse) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u.refs--; u.refs > 0 {
		return
	}
	at := &p.pages[u.port>>8][u.port&255]
	for *at != u {
		at = &(*at).next
	}
	*at = u.next
}

// connectPort chooses a local port for a connection to c.Peer, unless the user
// bound one. A port may serve several connections to different peers. Error:
// EADDRNOTAVAIL if none is left.
func (m *Module) connectPort(c *Conn) error {
	if c.hash.use != nil {
		var ok bool
		if c.user.firstSeq, ok = m.reusable(tuple{c.Local, c.Peer}); ok {
			return nil
		}
		return errNamesTaken
	}
	h := m.secrets.port.names(netip.AddrPortFrom(c.Local.Addr(), 0), c.Peer, 0)
	_, n := m.ports.span()
	for range n {
		local := netip.AddrPortFrom(c.Local.Addr(), m.ports.candidate(h))
		use := m.ports.join(portUse{port: local.Port(), addr: local.Addr(), device: int32(c.Options.Device), reuse: true})
		if use == nil {
			continue
		}
		if first, ok := m.reusable(tuple{local, c.Peer}); ok {
			c.Local, c.user.firstSeq, c.hash.use = local, first, use
			return nil
		}
		m.ports.release(use)
	}
	return errNamesTaken
}

// candidate is the port to try next for names with the hash h: by RFC 6056's
// table no two connections try the same at a time.
func (p *ports) candidate(h uint64) uint16 {
	p.mu.Lock()
	defer p.mu.Unlock()
	low, n := p.span()
	slot := &p.next[h>>56]
	port := low + int((uint32(h)+*slot)%uint32(n))
	*slot++
	return uint16(port)
}

// join enters a use of a port that only connections which did not name it use;
// nil if others do.
func (p *ports) join(u portUse) *portUse {
	p.mu.Lock()
	defer p.mu.Unlock()
	for o := p.uses(u.port); o != nil; o = o.next {
		if o.explicit {
			return nil
		}
	}
	return p.shareLocked(u)
}
