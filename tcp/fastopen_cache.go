package tcp

import (
	"net/netip"
	"sync"
)

// What a client remembers of servers for Fast Open (RFC 7413 4.1.3): the
// cookie and the MSS, by address. The cache is bounded; the server that was
// learnt of first is forgotten first.

const foCacheSize = 1024

type foEntry struct {
	cookie []byte
	mss    uint16
	exp    bool  // the cookie came in the experimental option
	tryExp uint8 // 1: try that option next time; 2: that was no better
}

type foCache struct {
	mu     sync.Mutex
	byAddr map[netip.Addr]foEntry
	order  []netip.Addr
}

func (c *foCache) get(a netip.Addr) foEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byAddr[a]
}

func (c *foCache) put(a netip.Addr, e foEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.byAddr[a]; !known {
		if len(c.order) >= foCacheSize {
			delete(c.byAddr, c.order[0])
			c.order = c.order[1:]
		}
		c.order = append(c.order, a)
	}
	if c.byAddr == nil {
		c.byAddr = map[netip.Addr]foEntry{}
	}
	c.byAddr[a] = e
}
