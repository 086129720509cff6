package igmp

import (
	"net/netip"
	"time"

	"github.com/slankdev/ministack/checksum"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// Input takes over a message (igmp_rcv).
func (m *Module) Input(b *skb.Buffer) skb.Reason {
	m.env.Stat.Inc(stat.IgmpInMsgs)
	if b.Csum != skb.CsumUnnecessary && !checksum.Valid(inet.Sum(0, b)) {
		return b.Drop(skb.IGMPCsum)
	}
	if !b.MayPull(b.Len()) || !Header(b.Data()).Valid() {
		return b.Drop(skb.IGMPHdr)
	}
	h := Header(b.Data())
	if b.Traced {
		m.env.Trace.Packet(trace.IGMPRx, b, uint32(h.Type()), trace.Addr(h.Group()), trace.Addr(b.Net.Src), 0)
	}
	switch h.Type() {
	case TypeQuery:
		m.env.Stat.Inc(stat.IgmpInQueries)
		m.queried(int(b.IfIndex), h)
	case TypeReportV1, TypeReportV2:
		m.env.Stat.Inc(stat.IgmpInReports)
		if b.Type == skb.PacketMulticast || b.Type == skb.PacketBroadcast {
			m.heard(int(b.IfIndex), h.Group())
		}
	}
	b.Consume()
	return skb.NotDropped
}

// Error is told of an ICMP error about a report: nobody waits for one.
func (m *Module) Error(*skb.Buffer, *inet.Error) {}

// heard is told that another host has reported a group: the routers know it now
// (RFC 2236 3).
func (m *Module) heard(device int, addr netip.Addr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.ifaces[m.env.Dev.ByIndex(device)]
	if i == nil || i.groups[addr] == nil {
		return
	}
	g := i.groups[addr]
	g.stopTimer()
	g.reporter, g.unsolicited = false, 0
}

// queried answers a query (igmp_heard_query), each group after a delay at
// random up to what the querier allows.
func (m *Module) queried(device int, h Header) {
	d := m.env.Dev.ByIndex(device)
	if d == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	i := m.iface(d)
	if !h.V3() {
		i.queriedOld(h)
		return
	}
	switch i.version() {
	case 1:
		i.schedule(netip.IPv4Unspecified(), nil, defaultResponseInterval)
	case 2:
		i.schedule(h.Group(), nil, h.MaxResponse())
	default:
		i.queriedV3(h)
	}
}

// queriedOld notes that a router of an older version is about, and turns to its
// ways: what was to be sent in version 3's is given up (RFC 3376 7.2.1).
func (i *iface) queriedOld(h Header) {
	now := i.m.env.Clock.Now()
	until := now.Add(time.Duration(i.retransmissions())*i.queryInterval + i.responseInterval)
	addr, most := h.Group(), time.Duration(h.Code())*time.Second/10
	if h.Code() == 0 { // version 1 has no response time, and no groups in queries
		i.v1Until = until
		addr, most = netip.IPv4Unspecified(), defaultResponseInterval
	} else {
		i.v2Until = until
	}
	i.cancel()
	for _, g := range append([]*group(nil), i.order...) {
		g.modeLeft, g.changed = 0, nil
		g.forget()
	}
	i.schedule(addr, nil, most)
}

// queriedV3 is RFC 3376 5.2.
func (i *iface) queriedV3(h Header) {
	most := h.MaxResponse()
	i.robustness, i.queryInterval = h.Robustness(), h.Interval()
	if i.queryInterval == 0 {
		i.queryInterval = defaultQueryInterval
	}
	if i.responseInterval >= i.queryInterval { // RFC 3376 8.3
		i.responseInterval = i.queryInterval - time.Second
	}
	sources := h.Sources()
	if !h.Group().IsUnspecified() {
		i.schedule(h.Group(), sources, most)
		return
	}
	if len(sources) > 0 {
		return // nobody may ask that
	}
	at := i.m.env.Clock.Now().Add(i.m.random(most))
	if i.generalAt == 0 || at < i.generalAt {
		i.generalAt = at
		i.general.Reset(at)
	}
}

// schedule has the group, or all of them, answer within most.
func (i *iface) schedule(addr netip.Addr, sources []netip.Addr, most time.Duration) {
	for _, g := range i.order {
		if (addr.IsUnspecified() || addr == g.addr) && !g.silent() && len(g.members) > 0 && g.ask(sources) {
			g.unsolicited = 0
			g.answerWithin(most)
		}
	}
}

// answerWithin keeps an answer that is due in time, and else draws a new delay
// (igmp_mod_timer).
func (g *group) answerWithin(most time.Duration) {
	if g.due != 0 && g.due < g.i.m.env.Clock.Now().Add(most) {
		return
	}
	g.arm(g.i.m.random(most))
}

func (g *group) arm(delay time.Duration) {
	g.due = max(g.i.m.env.Clock.Now().Add(delay), clock.Time(1))
	g.timer.Reset(g.due)
}

// ask notes what a query wants to know of the group, added to what an answer
// that is due will tell anyway, and reports whether there is something to
// answer (RFC 3376 5.2, rules 3 to 5). While all but a list is received, the
// answer to a question for sources is the whole state, unless all of them are
// excluded (igmp_xmarksources).
func (g *group) ask(sources []netip.Addr) bool {
	some := len(sources) > 0 && (g.due == 0 || g.askedSome)
	if !some {
		g.asked, g.askedSome = inet.Filter{}, false
		return true
	}
	wanted := 0
	for _, s := range sources {
		if g.state.Allows(s) {
			wanted++
		}
	}
	if g.state.Exclude {
		g.askedSome = false
		return wanted > 0
	}
	if !g.askedSome {
		g.asked = inet.Filter{}
	}
	for _, s := range sources {
		if g.state.Has(s) {
			g.asked = g.asked.With(s)
		}
	}
	g.askedSome = true
	return wanted > 0
}
