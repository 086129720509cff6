package tcp

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// listeners are found by their port (lhash2). The table is copied on a change and
// read without a lock.
type listeners struct {
	byPort atomic.Pointer[map[uint16][]*Conn]
	mu     sync.Mutex // writers
}

func (d *listeners) init() { d.byPort.Store(&map[uint16][]*Conn{}) }

// add and remove change the table.
func (d *listeners) add(c *Conn) {
	d.change(c.Local.Port(), func(l []*Conn) []*Conn { return append(l, c) })
}

func (d *listeners) remove(c *Conn) {
	d.change(c.Local.Port(), func(l []*Conn) []*Conn {
		var kept []*Conn
		for _, o := range l {
			if o != c {
				kept = append(kept, o)
			}
		}
		return kept
	})
}

func (d *listeners) change(port uint16, change func([]*Conn) []*Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := map[uint16][]*Conn{}
	for p, l := range *d.byPort.Load() {
		next[p] = l
	}
	next[port] = change(append([]*Conn(nil), next[port]...))
	if len(next[port]) == 0 {
		delete(next, port)
	}
	d.byPort.Store(&next)
}

// listener finds who listens at local for segments that came in by the device:
// the most specific one, and among equals (SO_REUSEPORT) one by the hash of
// the connection.
func (d *demux) listener(t *tuple, device int) *Conn {
	var best *Conn
	score, equals := -1, 0
	all := (*d.listeners.byPort.Load())[t.local.Port()]
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
	k := keyOf(t.local, t.peer, 0)
	pick := int(uint64(d.hash(&k)) * uint64(equals) >> 32) // reuseport_select_sock
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
