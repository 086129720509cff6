package ipv4

import (
	"net/netip"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/trace"
)

// Routes (fib): longest prefix first, the smallest metric among equals. The
// table is a snapshot behind an atomic pointer, read without a lock; each
// change makes a new one with the next generation, by which those who keep an
// inet.Route see that theirs is old.

// Entry is a line of ip route.
type Entry struct {
	Dst    netip.Prefix
	Via    netip.Addr // the zero Addr: on the link
	Dev    *netdev.Device
	Src    netip.Addr // preferred source, the zero Addr: chosen
	Metric int
	Kernel bool // it came with an address
}

// snapshot is one state of the table.
type snapshot struct {
	entries    []Entry
	lengths    []int // prefix lengths in use, longest first
	byPrefix   map[netip.Prefix][]Entry
	locals     map[netip.Addr]*netdev.Device
	broadcasts map[netip.Addr]*netdev.Device
	lo         *netdev.Device
}

type routes struct {
	mu         sync.Mutex // writers
	now        atomic.Pointer[snapshot]
	generation atomic.Uint64
	cache      [256]atomic.Pointer[cached]
}

// cached is an answer that was given before.
type cached struct {
	flow    inet.Flow
	route   *inet.Route
	expires clock.Time // 0: never
}

func (t *routes) init() { t.now.Store(newSnapshot(nil, nil)) }

func (t *routes) load() *snapshot { return t.now.Load() }

// Generation counts the changes of the table.
func (t *routes) Generation() uint64 { return t.generation.Load() }

// changed makes all routes that are kept anywhere invalid.
func (t *routes) changed() { t.generation.Add(1) }

// newSnapshot indexes entries and the addresses of the devices.
func newSnapshot(entries []Entry, devs []*netdev.Device) *snapshot {
	s := &snapshot{entries: entries, byPrefix: map[netip.Prefix][]Entry{},
		locals: map[netip.Addr]*netdev.Device{}, broadcasts: map[netip.Addr]*netdev.Device{}}
	for _, e := range entries {
		s.byPrefix[e.Dst] = append(s.byPrefix[e.Dst], e)
	}
	seen := map[int]bool{}
	for p, list := range s.byPrefix {
		sort.SliceStable(list, func(i, j int) bool { return list[i].Metric < list[j].Metric })
		if !seen[p.Bits()] {
			seen[p.Bits()] = true
			s.lengths = append(s.lengths, p.Bits())
		}
	}
	sort.Sort(sort.Reverse(sort.IntSlice(s.lengths)))
	for _, d := range devs {
		if d.Flags()&netdev.IsLoopback != 0 {
			s.lo = d
		}
		for _, p := range d.Addrs() {
			s.locals[p.Addr()] = d
			if b, ok := broadcastOf(p); ok {
				s.broadcasts[b] = d
			}
		}
	}
	return s
}

// broadcastOf is the directed broadcast address of a network; one of two
// addresses or fewer has none (RFC 3021). The lowest address is a host's like
// any other, as on Linux since 5.14.
func broadcastOf(p netip.Prefix) (netip.Addr, bool) {
	if p.Bits() >= 31 {
		return netip.Addr{}, false
	}
	a := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(a), true
}

func (s *snapshot) isLocal(a netip.Addr) bool {
	return a.IsLoopback() || s.locals[a] != nil
}

func (s *snapshot) isBroadcast(d *netdev.Device, a netip.Addr) bool {
	return a == broadcast || s.broadcasts[a] == d && d != nil
}

// find returns the best route to dst by a device that is up, and by the one
// with the given index if that is not 0.
func (s *snapshot) find(dst netip.Addr, device int) (Entry, bool) {
	for _, bits := range s.lengths {
		p, err := dst.Prefix(bits)
		if err != nil {
			continue
		}
		for _, e := range s.byPrefix[p] {
			if e.Dev.Up() && (device == 0 || device == e.Dev.Index) {
				return e, true
			}
		}
	}
	return Entry{}, false
}

// Route looks a way up (ip_route_output_flow). Errors: ENETUNREACH, also for a
// source that is not ours, EINVAL for one that is no host's, ENODEV for a device that is not there.
func (m *Module) Route(f *inet.Flow) (*inet.Route, error) {
	slot := &m.routes.cache[slotOf(f)]
	if c := slot.Load(); c != nil && c.flow == *f && c.route.Valid() && c.route.Dev.Up() && (c.expires == 0 || m.env.Clock.Now() < c.expires) {
		return c.route, nil
	}
	generation := m.routes.Generation()
	r, err := m.routes.load().route(m, f)
	if err != nil {
		return nil, err
	}
	r.Generation, r.Table = generation, &m.routes
	mtu, expires := m.pmtu.get(r.Dst, m.env.Clock.Now())
	if mtu != 0 {
		r.MTU = min(r.MTU, mtu)
	}
	slot.Store(&cached{*f, r, expires})
	if m.env.Trace.On(trace.IPv4Route) {
		m.env.Trace.Event(trace.IPv4Route, 0, trace.Addr(r.Dst), trace.Addr(r.NextHop), uint32(r.Dev.Index), trace.Addr(r.Src))
	}
	return r, nil
}

// slotOf spreads flows over the cache; two that fall together only take turns.
func slotOf(f *inet.Flow) uint8 {
	d, s := trace.Addr(f.Dst), trace.Addr(f.Src)
	x := d*0x9e3779b1 ^ s*0x85ebca77 ^ uint32(f.Device)*0xc2b2ae3d
	return uint8(x >> 24)
}

// route is Route without the cache. A source that is not this host's needs a
// device that may send from any.
func (s *snapshot) route(m *Module, f *inet.Flow) (*inet.Route, error) {
	if !f.Dst.Is4() || f.Src.IsValid() && !f.Src.Is4() {
		return nil, syscall.EAFNOSUPPORT
	}
	notOurs := s.checkSource(f.Src)
	if notOurs != nil && !m.MayBind(f.Src, f.Device) {
		return nil, notOurs
	}
	if f.Device != 0 && m.env.Dev.ByIndex(f.Device) == nil {
		return nil, syscall.ENODEV
	}
	r, err := s.routeTo(m, f)
	if err == nil && notOurs != nil && !r.Dev.Is(netdev.Spoofing) {
		return nil, notOurs
	}
	return r, err
}

func (s *snapshot) routeTo(m *Module, f *inet.Flow) (*inet.Route, error) {
	dst := f.Dst
	switch {
	case dst.IsUnspecified():
		return s.localRoute(f, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	case s.isLocal(dst):
		return s.localRoute(f, dst)
	case dst == broadcast || dst.IsMulticast():
		return s.manyRoute(m, f)
	}
	e, ok := s.find(dst, f.Device)
	if !ok && f.Device != 0 {
		e, ok = Entry{Dev: m.env.Dev.ByIndex(f.Device)}, true // bound to a device: on its link
	}
	if !ok {
		return nil, syscall.ENETUNREACH
	}
	r := &inet.Route{Dst: dst, NextHop: dst, Dev: e.Dev, MTU: mtuOf(e.Dev), Type: inet.Unicast}
	if e.Via.IsValid() {
		r.NextHop = e.Via
	} else if s.broadcasts[dst] == e.Dev {
		r.Type = inet.Broadcast
	}
	r.Src = s.source(m, f, e, r.NextHop)
	return r, nil
}

// checkSource refuses what no packet comes from, and what is not ours.
func (s *snapshot) checkSource(src netip.Addr) error {
	switch {
	case !src.IsValid() || src.IsUnspecified() || s.isLocal(src):
		return nil
	case src.IsMulticast() || src == broadcast:
		return syscall.EINVAL
	}
	return syscall.ENETUNREACH
}

// localRoute leads back to this host, through the loopback device.
func (s *snapshot) localRoute(f *inet.Flow, dst netip.Addr) (*inet.Route, error) {
	if s.lo == nil {
		return nil, syscall.ENETUNREACH
	}
	src := f.Src
	if !src.IsValid() || src.IsUnspecified() {
		src = dst
	}
	return &inet.Route{Dst: dst, Src: src, NextHop: dst, Dev: s.lo, Type: inet.Local, MTU: mtuOf(s.lo)}, nil
}

// manyRoute is for broadcast and multicast: by the device that the flow names,
// or that of a matching route, or else the first that can.
func (s *snapshot) manyRoute(m *Module, f *inet.Flow) (*inet.Route, error) {
	typ, want := inet.Multicast, netdev.IsMulticast
	if f.Dst == broadcast {
		typ, want = inet.Broadcast, netdev.IsBroadcast
	}
	d := m.env.Dev.ByIndex(f.Device)
	if d == nil && f.Src.IsValid() {
		d = s.locals[f.Src]
	}
	if d == nil {
		if e, ok := s.find(f.Dst, 0); ok {
			d = e.Dev
		}
	}
	for _, o := range m.env.Dev.All() {
		if d == nil && o.Up() && o.Flags()&want != 0 && len(o.Addrs()) > 0 {
			d = o
		}
	}
	if d == nil {
		return nil, syscall.ENETUNREACH
	}
	r := &inet.Route{Dst: f.Dst, NextHop: f.Dst, Dev: d, Type: typ, MTU: mtuOf(d)}
	if r.Src = s.source(m, f, Entry{Dev: d}, f.Dst); typ == inet.Broadcast && f.Device != 0 && len(d.Addrs()) == 0 && !f.Src.IsValid() {
		r.Src = netip.IPv4Unspecified() // who asks for an address has none (RFC 1122 3.2.1.3)
	}
	return r, nil
}

// source chooses the source address: the flow's, the route's, one of the next
// hop's network, the device's first, any (RFC 1122 3.3.4.3).
func (s *snapshot) source(m *Module, f *inet.Flow, e Entry, hop netip.Addr) netip.Addr {
	if f.Src.IsValid() && !f.Src.IsUnspecified() {
		return f.Src
	}
	if e.Src.IsValid() {
		return e.Src
	}
	addrs := e.Dev.Addrs()
	for _, p := range addrs {
		if p.Contains(hop) {
			return p.Addr()
		}
	}
	if len(addrs) > 0 {
		return addrs[0].Addr()
	}
	for _, d := range m.env.Dev.All() {
		if a := d.Addrs(); len(a) > 0 && d != s.lo {
			return a[0].Addr()
		}
	}
	return netip.IPv4Unspecified()
}

// AddRoute enters a route. Errors: EEXIST, ENETUNREACH for a gateway that is
// not on a link, EINVAL.
func (m *Module) AddRoute(e Entry) error {
	if !e.Dst.IsValid() || !e.Dst.Addr().Is4() || e.Dst != e.Dst.Masked() {
		return syscall.EINVAL
	}
	m.routes.mu.Lock()
	defer m.routes.mu.Unlock()
	s := m.routes.load()
	if err := s.gateway(&e); err != nil {
		return err
	}
	for _, o := range s.entries {
		if o.Dst == e.Dst && o.Metric == e.Metric && o.Via == e.Via && o.Dev == e.Dev {
			return syscall.EEXIST
		}
	}
	m.publish(append(append([]Entry(nil), s.entries...), e))
	return nil
}

// gateway checks a new route's next hop, which must be on a link, and finds the
// device if none is given (fib_check_nh).
func (s *snapshot) gateway(e *Entry) error {
	if !e.Via.IsValid() {
		if e.Dev == nil {
			return syscall.ENETUNREACH
		}
		return nil
	}
	if !e.Via.Is4() || s.isLocal(e.Via) {
		return syscall.EINVAL
	}
	device := 0
	if e.Dev != nil {
		device = e.Dev.Index
	}
	via, ok := s.find(e.Via, device)
	if !ok || via.Via.IsValid() {
		return syscall.ENETUNREACH
	}
	e.Dev = via.Dev
	return nil
}

// DelRoute removes the first route that matches; unset fields match all.
// Error: ESRCH.
func (m *Module) DelRoute(e Entry) error {
	m.routes.mu.Lock()
	defer m.routes.mu.Unlock()
	var kept []Entry
	found := false
	for _, o := range m.routes.load().entries {
		match := o.Dst == e.Dst && (!e.Via.IsValid() || o.Via == e.Via) && (e.Dev == nil || o.Dev == e.Dev) &&
			(e.Metric == 0 || o.Metric == e.Metric)
		if match && !found {
			found = true
			continue
		}
		kept = append(kept, o)
	}
	if !found {
		return syscall.ESRCH
	}
	m.publish(kept)
	return nil
}

// Routes returns the table, longest prefix first.
func (m *Module) Routes() []Entry {
	all := append([]Entry(nil), m.routes.load().entries...)
	sort.SliceStable(all, func(i, j int) bool {
		if all[i].Dst.Bits() != all[j].Dst.Bits() {
			return all[i].Dst.Bits() > all[j].Dst.Bits()
		}
		return all[i].Dst.Addr().Less(all[j].Dst.Addr())
	})
	return all
}

// publish makes entries the table; the writers' lock is held.
func (m *Module) publish(entries []Entry) {
	m.routes.now.Store(newSnapshot(entries, m.env.Dev.All()))
	m.routes.changed()
}

// mtuOf is the largest packet for a device: its MTU, or what a length field can
// say, which is less on the loopback device.
func mtuOf(d *netdev.Device) int { return min(d.MTU(), maxLen) }
