package ipv4

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/slankdev/ministack/arp"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/netdev"
)

// What each device receives of each multicast group (RFC 1112, RFC 3376 3.2;
// ip_mc_list): package igmp decides it from the memberships of the sockets, and
// tells the network. Every host is a member of 224.0.0.1.

type groupKey struct {
	dev   *netdev.Device
	group netip.Addr
}

// groups is copied on write; packets read it without a lock.
type groups struct {
	mu  sync.Mutex
	now atomic.Pointer[map[groupKey]inet.Filter]
}

var allHosts = netip.AddrFrom4([4]byte{224, 0, 0, 1})

func (g *groups) init() { g.now.Store(&map[groupKey]inet.Filter{}) }

// admits reports whether a packet to the group is wanted by anybody
// (ip_check_mc_rcu). IGMP is, of every group that the device is a member of.
func (g *groups) admits(d *netdev.Device, group, src netip.Addr, proto uint8) bool {
	if group == allHosts {
		return true
	}
	f, ok := (*g.now.Load())[groupKey{d, group}]
	return ok && (proto == inet.ProtoIGMP || f.Allows(src))
}

// set replaces a device's filter of a group; without member it takes the group
// away. It reports by how much the number of memberships changed.
func (g *groups) set(k groupKey, f inet.Filter, member bool) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	next := map[groupKey]inet.Filter{}
	for o, v := range *g.now.Load() {
		next[o] = v
	}
	if next[k] = f; !member {
		delete(next, k)
	}
	by := len(next) - len(*g.now.Load())
	g.now.Store(&next)
	return by
}

// SetGroup has the device receive what the filter wants of a group, or, if it
// is no member, nothing; the link's filter follows.
func (m *Module) SetGroup(d *netdev.Device, group netip.Addr, f inet.Filter, member bool) {
	if by := m.groups.set(groupKey{d, group}, f, member); by != 0 {
		d.JoinGroup(arp.MulticastMAC(group), by)
	}
}
