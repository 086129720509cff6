package inet

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// Filter is which sources of a multicast group are wanted (RFC 3376 2): with
// Exclude all but Sources, without it only Sources. The zero Filter wants none.
// Sources are sorted, and a Filter is replaced, not changed.
type Filter struct {
	Exclude bool
	Sources []netip.Addr
}

// Allows reports whether packets from src are wanted.
func (f *Filter) Allows(src netip.Addr) bool { return f.Has(src) != f.Exclude }

// Has reports whether src stands in the list.
func (f *Filter) Has(src netip.Addr) bool {
	_, ok := slices.BinarySearchFunc(f.Sources, src, netip.Addr.Compare)
	return ok
}

// Empty reports whether nothing is wanted.
func (f *Filter) Empty() bool { return !f.Exclude && len(f.Sources) == 0 }

// With returns f with src in its list, Without returns it without.
func (f *Filter) With(src netip.Addr) Filter {
	i, ok := slices.BinarySearchFunc(f.Sources, src, netip.Addr.Compare)
	if ok {
		return *f
	}
	return Filter{f.Exclude, slices.Insert(slices.Clone(f.Sources), i, src)}
}

// Without returns f without src in its list; see With.
func (f *Filter) Without(src netip.Addr) Filter {
	keep := func(a netip.Addr) bool { return a == src }
	return Filter{f.Exclude, slices.DeleteFunc(slices.Clone(f.Sources), keep)}
}

// NewFilter returns a filter of the sources, in any order.
func NewFilter(exclude bool, sources []netip.Addr) Filter {
	list := slices.Clone(sources)
	slices.SortFunc(list, netip.Addr.Compare)
	return Filter{exclude, slices.Compact(list)}
}

// Merge is what an interface must receive so that each of its sockets gets
// what it wants (RFC 3376 3.2): with an EXCLUDE among them, all but what every
// EXCLUDE excludes and no INCLUDE includes; else what any INCLUDE includes.
func Merge(filters []Filter) Filter {
	var included []netip.Addr
	var excluded Filter
	for _, f := range filters {
		switch {
		case !f.Exclude:
			included = append(included, f.Sources...)
		case !excluded.Exclude:
			excluded = f
		default:
			excluded = Filter{true, common(excluded.Sources, &f)}
		}
	}
	all := NewFilter(false, included)
	if !excluded.Exclude {
		return all
	}
	wanted := func(a netip.Addr) bool { return all.Has(a) }
	return Filter{true, slices.DeleteFunc(slices.Clone(excluded.Sources), wanted)}
}

// common returns those of list that stand in f's.
func common(list []netip.Addr, f *Filter) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(list), func(a netip.Addr) bool { return !f.Has(a) })
}

// Membership is a group that a socket has joined on a device (struct
// ip_mc_socklist).
type Membership struct {
	Device int
	Group  netip.Addr
	Filter Filter
}

// Memberships are a socket's (inet_sock.mc_list). The packet path reads them
// without a lock. A nil one is that of a socket that never joined a group: it
// may be read.
type Memberships struct {
	mu     sync.Mutex // writers, for the whole change with what it does to the device
	list   atomic.Pointer[[]Membership]
	notAll atomic.Bool
}

// SetAll is IP_MULTICAST_ALL: packets of groups that other sockets joined are
// received too. It is on at first.
func (m *Memberships) SetAll(on bool) { m.notAll.Store(!on) }

// All reports whether IP_MULTICAST_ALL is on.
func (m *Memberships) All() bool { return m == nil || !m.notAll.Load() }

// List returns the memberships; it must not be changed.
func (m *Memberships) List() []Membership {
	if m == nil {
		return nil
	}
	if l := m.list.Load(); l != nil {
		return *l
	}
	return nil
}

// Allows reports whether the socket wants a multicast packet (ip_mc_sf_allow):
// its membership's filter decides, and where it has none IP_MULTICAST_ALL.
func (m *Memberships) Allows(group, src netip.Addr, device int) bool {
	for _, e := range m.List() {
		if e.Group == group && e.Device == device {
			return e.Filter.Allows(src)
		}
	}
	return m.All()
}

// Change runs fn, which returns the new list made of the old one, or an error
// to leave it. No two changes of a socket run at once.
func (m *Memberships) Change(fn func(old []Membership) ([]Membership, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	list, err := fn(m.List())
	if err == nil {
		m.list.Store(&list)
	}
	return err
}
