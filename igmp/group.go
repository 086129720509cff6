package igmp

import (
	"net/netip"
	"slices"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/netdev"
)

// A group of a device (struct ip_mc_list). What the device receives of it is
// merged from what its sockets want (RFC 3376 3.2). A change is told to routers
// as often as the robustness variable says (RFC 3376 5.1): a change of mode by
// a record with the whole list, one of the list by the sources that came and
// went. What still has to be told is kept here, beside the state and not as old
// states, so that changes that follow each other quickly merge by themselves: a
// source is told as allowed or blocked by what it is when the report leaves.

type group struct {
	i       *iface
	addr    netip.Addr
	members map[*inet.Memberships]inet.Filter
	state   inet.Filter

	modeLeft int      // reports that still tell of a change of mode
	changed  []change // sources that reports still tell of

	timer       clock.Timer // answers a query (version 3), or reports (before)
	due         clock.Time  // 0: not armed
	asked       inet.Filter // the sources that a query was for, as far as they are ours
	askedSome   bool        // it was for sources
	unsolicited int         // reports of version 1 or 2 that follow each other
	reporter    bool        // it was this host that reported last
}

// change is a source and how often it has to be told of.
type change struct {
	src  netip.Addr
	left int
}

var allHosts = netip.AddrFrom4([4]byte{224, 0, 0, 1})

// Set is what a socket, named by its memberships, wants of a group on a device;
// nil ends its membership (ip_mc_inc_group, ip_mc_dec_group, ip_mc_add_src).
func (m *Module) Set(d *netdev.Device, addr netip.Addr, owner *inet.Memberships, f *inet.Filter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.iface(d)
	g := i.group(addr)
	was := len(g.members) > 0
	if f == nil {
		delete(g.members, owner)
	} else {
		g.members[owner] = *f
	}
	g.update(was)
	g.forget()
}

func (i *iface) group(addr netip.Addr) *group {
	g := i.groups[addr]
	if g == nil {
		g = &group{i: i, addr: addr, members: map[*inet.Memberships]inet.Filter{}}
		g.timer.Init(i.m.env.Clock, func(any) { i.m.run(g.answer) }, nil)
		i.groups[addr] = g
		i.order = slices.Insert(i.order, 0, g)
	}
	return g
}

// forget drops a group without members of which nothing has to be told.
func (g *group) forget() {
	if len(g.members) > 0 || g.modeLeft > 0 || len(g.changed) > 0 {
		return
	}
	g.stopTimer()
	delete(g.i.groups, g.addr)
	g.i.order = slices.DeleteFunc(g.i.order, func(o *group) bool { return o == g })
}

// update takes over what the members want now, and starts to tell of it.
func (g *group) update(was bool) {
	var wanted []inet.Filter
	for _, f := range g.members {
		wanted = append(wanted, f)
	}
	old, is := g.state, len(g.members) > 0
	g.state = inet.Merge(wanted)
	g.i.m.ip.SetGroup(g.i.dev, g.addr, g.state, is)
	switch {
	case g.silent():
	case g.i.version() < 3:
		g.updateOld(was, is)
	default:
		g.updateV3(&old)
	}
	if !is {
		g.stopTimer()
	}
}

// silent reports whether nobody is told of the group (RFC 3376 5): that of all
// hosts, and those of the link if the setting says so; and nobody is there to
// be told on the loopback device.
func (g *group) silent() bool {
	a := g.addr.As4()
	local := a[0] == 224 && a[1] == 0 && a[2] == 0
	return g.addr == allHosts || local && !g.i.m.set.linkLocal.Bool() || g.i.dev.Flags()&netdev.IsLoopback != 0 || g.i.m.closed
}

// updateV3 is the table of RFC 3376 5.1.
func (g *group) updateV3(old *inet.Filter) {
	n := g.i.retransmissions()
	if old.Exclude != g.state.Exclude {
		g.modeLeft, g.changed = n, nil
		g.i.changedNow()
		return
	}
	for _, list := range [][]netip.Addr{old.Sources, g.state.Sources} {
		for _, src := range list {
			if old.Has(src) != g.state.Has(src) {
				g.mark(src, n)
			}
		}
	}
	if len(g.changed) > 0 {
		g.i.changedNow()
	}
}

func (g *group) mark(src netip.Addr, n int) {
	for i := range g.changed {
		if g.changed[i].src == src {
			g.changed[i].left = n
			return
		}
	}
	g.changed = append(g.changed, change{src, n})
}

// updateOld reports a new group, and leaves one that is over (RFC 2236 3;
// version 1 has no leave).
func (g *group) updateOld(was, is bool) {
	switch {
	case !was && is:
		g.unsolicited = g.i.retransmissions()
		g.arm(0)
	case was && !is && g.reporter && g.i.version() == 2:
		g.i.m.later(g.i.dev, allRouters, encode(TypeLeave, g.addr))
	}
}

func (g *group) stopTimer() {
	g.timer.Stop()
	g.due, g.asked, g.askedSome = 0, inet.Filter{}, false
}

// newRecords are those of a state-change report, and one report less is left to
// send. What is no longer wanted is told first while all but a list is wanted,
// as Linux has it.
func (g *group) newRecords() []record {
	allow, block := record{AllowNew, g.addr, nil}, record{BlockOld, g.addr, nil}
	var left []change
	for _, c := range g.changed {
		r := &block
		if g.state.Allows(c.src) {
			r = &allow
		}
		r.sources = append(r.sources, c.src)
		if c.left--; c.left > 0 {
			left = append(left, c)
		}
	}
	g.changed = left
	pair := []record{allow, block}
	if g.state.Exclude {
		pair = []record{block, allow}
	}
	list := slices.DeleteFunc(pair, func(r record) bool { return len(r.sources) == 0 })
	if g.modeLeft > 0 {
		g.modeLeft--
		list = append(list, g.record(ToInclude, ToExclude))
	}
	return list
}

// record tells the whole state, by the type for its mode.
func (g *group) record(include, exclude uint8) record {
	typ := include
	if g.state.Exclude {
		typ = exclude
	}
	return record{typ, g.addr, g.state.Sources}
}
