package arp

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/stat"
)

// Collection (B31): below gc_thresh1 nothing is removed; above it what was not
// used for gc_stale_time goes, now and then; above gc_thresh2 for more than
// five seconds, and at gc_thresh3 at once, a new entry makes room for itself.
// Permanent entries are never collected.

const flushEvery = 5 * time.Second

// makeRoom reports whether a new entry may be made. The table's lock is held.
func (m *Module) makeRoom() bool {
	n := int(m.collectable.Load())
	now := m.env.Clock.Now()
	if n < m.set.thresh2.Get() || n < m.set.thresh3.Get() && now.Sub(m.flushed) < flushEvery {
		return true
	}
	m.flushed = now
	m.env.Stat.Inc(stat.ArpGCRuns)
	m.sweep(func(e *entry) bool {
		return e.state == Failed || e.state == Stale && now.Sub(e.updated) >= flushEvery
	})
	return int(m.collectable.Load()) < m.set.thresh3.Get()
}

// watch arms the collector while the table is large.
func (m *Module) watch() {
	if !m.collecting && m.table.n >= m.set.thresh1.Get() {
		m.collecting = true
		m.collector.Reset(m.env.Clock.Now().Add(milliseconds(m.set.reachableTime) / 2))
	}
}

// collect removes what was not used for long (neigh_periodic_work).
func (m *Module) collect() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.collecting = false
	if m.table.n < m.set.thresh1.Get() {
		return
	}
	now, stale := m.env.Clock.Now(), seconds(m.set.staleTime)
	m.env.Stat.Inc(stat.ArpGCRuns)
	m.sweep(func(e *entry) bool {
		last := max(clock.Time(e.used.Load()), e.confirmed(), e.updated)
		return e.state == Failed || e.state == Stale && now.Sub(last) >= stale
	})
	m.watch()
}

// sweep takes out the entries that old, called with their lock, says yes to.
func (m *Module) sweep(old func(*entry) bool) {
	for e := range m.table.all() {
		e.mu.Lock()
		goes := old(e)
		e.mu.Unlock()
		if goes {
			m.remove(e)
		}
	}
}
