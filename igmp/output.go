package igmp

import (
	"net/netip"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

var (
	allRouters = netip.AddrFrom4([4]byte{224, 0, 0, 2})
	allReports = netip.AddrFrom4([4]byte{224, 0, 0, 22}) // where reports of version 3 go
)

// routerAlert has routers look at the packet (RFC 2113).
var routerAlert = [4]byte{148, 4, 0, 0}

// internetControl is the precedence of IGMP (RFC 3376 4).
const internetControl = 0xc0

// ipLen is the length of the IP header with its option, in bytes.
const ipLen = 24

// message is one to be sent once the lock is free.
type message struct {
	dst  netip.Addr
	data []byte
}

// run does a timer's work under the lock, and sends what came of it.
func (m *Module) run(work func() (*netdev.Device, []message)) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return
	}
	d, list := work()
	m.mu.Unlock()
	for _, msg := range list {
		m.send(d, msg.dst, msg.data)
	}
	m.env.Dev.Flush()
}

// later sends a message outside of the locks of the caller.
func (m *Module) later(d *netdev.Device, dst netip.Addr, data []byte) {
	m.env.Clock.Post(func() {
		m.send(d, dst, data)
		m.env.Dev.Flush()
	})
}

// send sends a message with a time to live of 1 and router alert (RFC 2236 2,
// RFC 3376 4). Nobody waits for the outcome.
func (m *Module) send(d *netdev.Device, dst netip.Addr, data []byte) {
	r, err := m.ip.Route(&inet.Flow{Dst: dst, Device: d.Index, TOS: internetControl})
	if err != nil || !d.Up() {
		return
	}
	b := m.env.Pool.New(len(data))
	b.Append(data)
	b.SetTransport()
	m.env.Stat.Inc(stat.IgmpOutMsgs)
	m.env.Trace.MarkSent(b, r.Src, r.Dst, inet.ProtoIGMP)
	if b.Traced {
		m.env.Trace.Packet(trace.IGMPTx, b, uint32(data[0]), trace.Addr(Header(data).Group()), trace.Addr(dst), uint32(len(data)))
	}
	m.count(data[0])
	h := inet.Header{Proto: inet.ProtoIGMP, TTL: 1, TOS: internetControl, DF: true, Options: routerAlert[:]}
	_ = m.ip.Output(b, r, &h) // routers ask again
}

func (m *Module) count(typ uint8) {
	if typ == TypeLeave {
		m.env.Stat.Inc(stat.IgmpOutLeaves)
		return
	}
	m.env.Stat.Inc(stat.IgmpOutReports)
}

// changedNow starts to tell of a change: now, and after delays at random
// (igmp_ifc_event).
func (i *iface) changedNow() {
	i.changeAt = i.m.env.Clock.Now()
	i.change.Reset(i.changeAt)
}

// announce is the timer of changes (igmp_ifc_timer_expire): one report with
// what is new of every group, the groups that are over first.
func (i *iface) announce() (*netdev.Device, []message) {
	if i.changeAt == 0 {
		return i.dev, nil
	}
	i.changeAt = 0
	var over, live []record
	left := false
	for _, g := range append([]*group(nil), i.order...) {
		if records := g.newRecords(); len(g.members) > 0 {
			live = append(live, records...)
		} else {
			over = append(over, records...)
		}
		left = left || g.modeLeft > 0 || len(g.changed) > 0
		g.forget()
	}
	if left {
		i.changeAt = i.m.env.Clock.Now().Add(i.m.random(i.unsolicited()) + 1)
		i.change.Reset(i.changeAt)
	}
	return i.dev, i.v3(append(over, live...))
}

// v3 makes messages of records.
func (i *iface) v3(records []record) []message {
	var list []message
	for _, p := range reports(records, i.dev.MTU()-ipLen) {
		list = append(list, message{allReports, p})
	}
	return list
}

// answerGeneral answers a general query: the state of every group (RFC 3376
// 5.2).
func (i *iface) answerGeneral() (*netdev.Device, []message) {
	if i.generalAt == 0 {
		return i.dev, nil
	}
	i.generalAt = 0
	var records []record
	for _, g := range i.order {
		if len(g.members) > 0 && !g.silent() {
			records = append(records, g.record(IsInclude, IsExclude))
		}
	}
	return i.dev, i.v3(records)
}

// answer is the timer of a group (igmp_timer_expire): the answer to a query for
// it, or a report of an older version.
func (g *group) answer() (*netdev.Device, []message) {
	i := g.i
	if g.due == 0 {
		return i.dev, nil
	}
	g.due = 0
	version := i.version()
	if version == 3 {
		return i.dev, i.v3([]record{g.answerRecord()})
	}
	if g.unsolicited--; g.unsolicited > 0 {
		g.arm(i.m.random(i.unsolicited()) + 1)
	}
	g.reporter = true
	typ := uint8(TypeReportV2)
	if version == 1 {
		typ = TypeReportV1
	}
	return i.dev, []message{{g.addr, encode(typ, g.addr)}}
}

// answerRecord is the state, or of a list that part which was asked for (RFC
// 3376 5.2).
func (g *group) answerRecord() record {
	r := g.record(IsInclude, IsExclude)
	if g.askedSome && !g.state.Exclude {
		r.sources = nil
		for _, s := range g.state.Sources {
			if g.asked.Has(s) {
				r.sources = append(r.sources, s)
			}
		}
	}
	g.asked, g.askedSome = inet.Filter{}, false
	return r
}
