package tcp

import (
	"net/netip"
)

// What a client remembers of servers for Fast Open (RFC 7413 4.1.3): the
// cookie and the MSS, among the metrics of the peer.

type foEntry struct {
	cookie []byte
	mss    uint16
	exp    bool  // the cookie came in the experimental option
	tryExp uint8 // 1: try that option next time; 2: that was no better
	drops  int   // SYNs with data that were lost in a row
}

// fastOpenOf returns what is remembered of a server.
func (m *Module) fastOpenOf(server netip.Addr) foEntry {
	n := m.metrics.known(server)
	if n == nil {
		return foEntry{}
	}
	n.Lock()
	defer n.Unlock()
	return foEntry{cookie: n.fastOpenCookie, mss: n.fastOpenMSS, exp: n.fastOpenExp, tryExp: n.fastOpenTryExp, drops: n.fastOpenDrops}
}

// rememberFastOpen keeps e for the next connection to a server.
func (m *Module) rememberFastOpen(server netip.Addr, e foEntry) {
	n := m.metricsFor(server)
	n.Lock()
	defer n.Unlock()
	n.fastOpenCookie, n.fastOpenMSS, n.fastOpenExp = e.cookie, e.mss, e.exp
	n.fastOpenTryExp, n.fastOpenDrops = e.tryExp, e.drops
}
