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

// portUse is one use of a port: by a socket, or by an entry in TIME-WAIT.
type portUse struct {
	port      uint16
	addr      netip.Addr // the zero Addr: every address
	device    int
	reuse     bool
	reusePort bool
	listening bool
	explicit  bool // the user bound it; connect may not share it
}

type ports struct {
	m    *Module
	mu   sync.Mutex
	uses map[uint16][]*portUse
	next [256]uint32 // counters of RFC 6056's table
}

func (p *ports) init(m *Module) { p.m, p.uses = m, map[uint16][]*portUse{} }

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
	use := &portUse{port: a.Port(), addr: addr, device: c.Options.Device,
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
		p.uses[u.port] = append(p.uses[u.port], u)
		return nil
	}
	low, n := p.span()
	start := int(p.m.env.Rand.Uint32())
	for i := range n {
		u.port = uint16(low + (start+i)%n)
		if len(p.uses[u.port]) == 0 {
			p.uses[u.port] = append(p.uses[u.port], u)
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
	for _, o := range p.uses[u.port] {
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
	for _, o := range p.uses[u.port] {
		same := !u.addr.IsValid() || !o.addr.IsValid() || u.addr == o.addr
		if o != u && o.listening && same && !(u.reusePort && o.reusePort) {
			return syscall.EADDRINUSE
		}
	}
	u.listening = true
	return nil
}

// share enters a second use of a port, of a connection that a listener got.
func (p *ports) share(u *portUse) *portUse {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.uses[u.port] = append(p.uses[u.port], u)
	return u
}

// release takes a use out.
func (p *ports) release(u *portUse) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.uses[u.port]
	for i, o := range list {
		if o == u {
			list[i] = list[len(list)-1]
			list[len(list)-1] = nil
			list = list[:len(list)-1]
			break
		}
	}
	if len(list) == 0 {
		delete(p.uses, u.port)
		return
	}
	p.uses[u.port] = list
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
		use := &portUse{port: local.Port(), addr: local.Addr(), device: c.Options.Device, reuse: true}
		if !m.ports.join(use) {
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

// join enters a use of a port that only connections which did not name it use,
// and reports whether it did.
func (p *ports) join(u *portUse) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.sharable(u.port) {
		return false
	}
	p.uses[u.port] = append(p.uses[u.port], u)
	return true
}

// sharable reports whether only connections that chose it by themselves use a
// port.
func (p *ports) sharable(port uint16) bool {
	for _, u := range p.uses[port] {
		if u.explicit {
			return false
		}
	}
	return true
}
