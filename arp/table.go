// Package arp is the Address Resolution Protocol (RFC 826) and the table of
// neighbours with Linux's rules: when an address is asked for, believed,
// doubted and given up, what waits meanwhile, and what is collected
// (arp.c, neighbour.c).
package arp

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/sysctl"
)

type key struct {
	dev *netdev.Device
	ip  netip.Addr
}

// entry is one neighbour (struct neighbour).
type entry struct {
	m   *Module
	key key

	next        atomic.Pointer[entry] // in the chain of its hash
	fast        atomic.Uint64         // the address, if it may be used at once
	used        atomic.Int64          // when a packet was last sent through it
	confirmedAt atomic.Int64

	mu        sync.Mutex
	state     State
	mac       netdev.MACAddr
	probes    int
	asked     clock.Time    // when the last request left
	updated   clock.Time    // when the address or state last changed
	trust     time.Duration // how long the present confirmation counts
	held      skb.Queue
	heldBytes int
	timer     clock.Timer
	dead      bool
}

func (e *entry) confirmed() clock.Time { return clock.Time(e.confirmedAt.Load()) }

// settings are the sysctls of the table (ip-sysctl.rst, arp(7)).
type settings struct {
	reachableTime, retransTime     *sysctl.Int
	multicastProbes, unicastProbes *sysctl.Int
	delayProbe, queueBytes         *sysctl.Int
	lockTime, staleTime            *sysctl.Int
	thresh1, thresh2, thresh3      *sysctl.Int
}

const maxInt = 1<<31 - 1

func (s *settings) declare(r *sysctl.Registry) {
	const p = "net.ipv4.neigh.default."
	s.reachableTime = r.Int(p+"base_reachable_time_ms", 30000, 1, maxInt)
	s.retransTime = r.Int(p+"retrans_time_ms", 1000, 1, maxInt)
	s.multicastProbes = r.Int(p+"mcast_solicit", 3, 0, maxInt)
	s.unicastProbes = r.Int(p+"ucast_solicit", 3, 0, maxInt)
	s.delayProbe = r.Int(p+"delay_first_probe_time", 5, 0, maxInt)
	s.queueBytes = r.Int(p+"unres_qlen_bytes", 212992, 0, maxInt)
	s.lockTime = r.Int(p+"locktime_ms", 1000, 0, maxInt)
	s.staleTime = r.Int(p+"gc_stale_time", 60, 0, maxInt)
	s.thresh1 = r.Int(p+"gc_thresh1", 128, 0, maxInt)
	s.thresh2 = r.Int(p+"gc_thresh2", 512, 0, maxInt)
	s.thresh3 = r.Int(p+"gc_thresh3", 1024, 0, maxInt)
}

func seconds(v *sysctl.Int) time.Duration      { return time.Duration(v.Get()) * time.Second }
func milliseconds(v *sysctl.Int) time.Duration { return time.Duration(v.Get()) * time.Millisecond }

// Module is a stack's neighbour table.
type Module struct {
	env  *inet.Env
	link *link.Module
	set  settings

	// OnUnreachable, if set, is told of each packet whose next hop did not
	// answer. The packet stays the module's.
	OnUnreachable func(b *skb.Buffer)

	table       hashTable
	collectable atomic.Int32 // entries that are not permanent
	mu          sync.Mutex   // writers of table, and the two below
	flushed     clock.Time
	collecting  bool
	collector   clock.Timer
}

// New returns the table, and enters it for ARP's EtherType.
func New(env *inet.Env, l *link.Module) *Module {
	m := &Module{env: env, link: l}
	m.set.declare(env.Sysctl)
	m.table.seed = env.Rand.Uint64()
	m.collector.Init(env.Clock, func(x any) { x.(*Module).collect() }, m)
	l.Handle(link.TypeARP, m.Input)
	return m
}

// reachable is how long a confirmation counts: at random between half and one
// and a half of the base (RFC 4861 6.3.2, B31).
func (m *Module) reachable() time.Duration {
	base := milliseconds(m.set.reachableTime)
	return base/2 + time.Duration(m.env.Rand.Uint64()%uint64(max(base, 1)))
}

func (m *Module) lookup(d *netdev.Device, ip netip.Addr) *entry {
	return m.table.get(key{d, ip})
}

// create returns the entry, made if need be; nil if the table is full.
func (m *Module) create(d *netdev.Device, ip netip.Addr) *entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.env.Stat.Inc(stat.ArpLookups)
	if e := m.lookup(d, ip); e != nil {
		m.env.Stat.Inc(stat.ArpHits)
		return e
	}
	if !m.makeRoom() {
		return nil
	}
	e := &entry{m: m, key: key{d, ip}, updated: m.env.Clock.Now()}
	e.timer.Init(m.env.Clock, func(x any) { x.(*entry).expire() }, e)
	m.table.put(e)
	m.collectable.Add(1)
	m.watch()
	return e
}

// Entry is a line of ip neigh.
type Entry struct {
	IP      netip.Addr
	MAC     netdev.MACAddr
	Device  string
	State   State
	Used    time.Duration // ago
	Updated time.Duration // ago
	Held    int           // packets that wait
}

// Entries returns all neighbours, by device and address.
func (m *Module) Entries() []Entry {
	now := m.env.Clock.Now()
	var all []Entry
	for e := range m.table.all() {
		e.mu.Lock()
		all = append(all, Entry{IP: e.key.ip, MAC: e.mac, Device: e.key.dev.Name, State: e.state,
			Used: now.Sub(clock.Time(e.used.Load())), Updated: now.Sub(e.updated), Held: e.held.Len()})
		e.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), a.IP.Compare(b.IP))
	})
	return all
}

// Add enters a permanent neighbour (ip neigh replace). It reports false where
// the table is full.
func (m *Module) Add(d *netdev.Device, ip netip.Addr, mac netdev.MACAddr) bool {
	e := m.create(d, ip)
	if e == nil {
		return false
	}
	var do todo
	e.mu.Lock()
	if e.dead { // collected between the two locks
		e.mu.Unlock()
		return m.Add(d, ip, mac)
	}
	e.mac, e.updated = mac, m.env.Clock.Now()
	e.timer.Stop()
	e.setState(Permanent, whyUser)
	e.release(&do)
	e.mu.Unlock()
	m.carryOut(e, &do)
	m.env.Dev.Flush()
	return true
}

// Delete removes a neighbour and reports whether there was one. What waited
// for it is dropped.
func (m *Module) Delete(d *netdev.Device, ip netip.Addr) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.lookup(d, ip)
	if e == nil {
		return false
	}
	m.remove(e)
	return true
}

// Close removes all neighbours.
func (m *Module) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.collector.Stop()
	for e := range m.table.all() {
		m.remove(e)
	}
}

// remove takes an entry out of the table and ends it. The table's lock is held.
func (m *Module) remove(e *entry) {
	m.table.remove(e)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state != Permanent {
		m.collectable.Add(-1)
	}
	e.dead = true
	e.timer.Stop()
	e.fast.Store(0)
	e.held.Purge(skb.NeighDead)
	e.heldBytes = 0
}
