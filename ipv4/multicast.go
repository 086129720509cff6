package ipv4

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/slankdev/ministack/arp"
	"github.com/slankdev/ministack/netdev"
)

// Memberships in multicast groups (RFC 1112), for each device. Every host is a
// member of 224.0.0.1.

type groupKey struct {
	dev   *netdev.Device
	group netip.Addr
}

type groups struct {
	mu  sync.Mutex
	now atomic.Pointer[map[groupKey]int]
}

var allHosts = netip.AddrFrom4([4]byte{224, 0, 0, 1})

func (g *groups) init() { g.now.Store(&map[groupKey]int{}) }

func (g *groups) member(d *netdev.Device, group netip.Addr) bool {
	return group == allHosts || (*g.now.Load())[groupKey{d, group}] > 0
}

// change counts a membership up or down.
func (g *groups) change(k groupKey, by int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	next := map[groupKey]int{}
	for o, n := range *g.now.Load() {
		next[o] = n
	}
	if next[k] += by; next[k] <= 0 {
		delete(next, k)
	}
	g.now.Store(&next)
}

// Join makes the device a member of a group, once more; Leave undoes one Join.
func (m *Module) Join(d *netdev.Device, group netip.Addr) {
	m.groups.change(groupKey{d, group}, 1)
	d.JoinGroup(arp.MulticastMAC(group), 1)
}

// Leave undoes one Join.
func (m *Module) Leave(d *netdev.Device, group netip.Addr) {
	m.groups.change(groupKey{d, group}, -1)
	d.JoinGroup(arp.MulticastMAC(group), -1)
}
