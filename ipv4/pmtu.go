package ipv4

import (
	"net/netip"
	"sync"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/trace"
)

// Path MTU (RFC 1191): what routers said of the way to a destination, with a
// floor under what is believed, for as long as mtu_expires says.

type pmtuCache struct {
	mu   sync.Mutex
	seen map[netip.Addr]pathMTU
}

type pathMTU struct {
	mtu     int
	expires clock.Time
}

// maxPaths bounds the cache: beyond it, the oldest half is forgotten.
const maxPaths = 4096

func (p *pmtuCache) init() { p.seen = map[netip.Addr]pathMTU{} }

// get returns the path MTU to dst and until when it counts, 0 if there is none.
func (p *pmtuCache) get(dst netip.Addr, now clock.Time) (int, clock.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.seen[dst]
	if !ok {
		return 0, 0
	}
	if e.expires <= now {
		delete(p.seen, dst)
		return 0, 0
	}
	return e.mtu, e.expires
}

func (p *pmtuCache) set(dst netip.Addr, e pathMTU) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.seen) >= maxPaths {
		for a, o := range p.seen {
			if o.expires <= e.expires {
				delete(p.seen, a)
			}
			if len(p.seen) <= maxPaths/2 {
				break
			}
		}
	}
	p.seen[dst] = e
}

// UpdatePMTU lowers the path MTU to dst, not below net.ipv4.route.min_pmtu.
// The transport has validated the message that said so.
func (m *Module) UpdatePMTU(dst netip.Addr, mtu int) {
	now := m.env.Clock.Now()
	mtu = max(mtu, m.set.minPMTU.Get())
	if old, _ := m.pmtu.get(dst, now); old != 0 && mtu >= old {
		return
	}
	m.pmtu.set(dst, pathMTU{mtu, now.Add(time.Duration(m.set.pmtuExpires.Get()) * time.Second)})
	m.env.Trace.Slow(trace.IPv4PMTU, 0, 0, [4]uint32{trace.Addr(dst), uint32(mtu)})
	m.routes.changed()
}
