package arp

import (
	"net/netip"

	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// Output sends an IPv4 packet to the next hop, whose address it asks for if
// need be (neigh_output). It takes b over.
func (m *Module) Output(d *netdev.Device, nextHop netip.Addr, b *skb.Buffer) skb.Reason {
	if d.Flags()&netdev.NoARP != 0 {
		return m.link.Output(d, d.MAC, link.TypeIPv4, b)
	}
	e := m.lookup(d, nextHop)
	if e != nil {
		if v := e.fast.Load(); v != 0 {
			e.used.Store(int64(m.env.Clock.Now()))
			return m.link.Output(d, unpack(v), link.TypeIPv4, b)
		}
	} else if e = m.create(d, nextHop); e == nil {
		return b.Drop(skb.NeighTableFull)
	}
	m.resolve(e, b)
	return skb.NotDropped
}

// resolve sends by an entry that is not confirmed, or holds the packet until it
// is (neigh_event_send).
func (m *Module) resolve(e *entry, b *skb.Buffer) {
	var do todo
	now := m.env.Clock.Now()
	e.used.Store(int64(now))
	e.mu.Lock()
	switch {
	case e.dead:
		b.Drop(skb.NeighDead)
	case e.state == Stale:
		e.setState(Delay, whyPacket)
		e.timer.Reset(now.Add(seconds(m.set.delayProbe)))
		fallthrough
	case e.state&valid != 0:
		do.mac = e.mac
		do.send.PushBack(b)
	case e.state == Incomplete:
		e.hold(b)
	default:
		e.setState(Incomplete, whyPacket)
		e.probes = 0
		e.hold(b)
		e.tickProbe(now, &do)
	}
	e.mu.Unlock()
	m.carryOut(e, &do)
}

// carryOut sends what an entry wanted sent. No lock is held.
func (m *Module) carryOut(e *entry, do *todo) {
	if do.request {
		m.request(e, do)
	}
	for b := do.send.PopFront(); b != nil; b = do.send.PopFront() {
		m.link.Output(e.key.dev, do.mac, link.TypeIPv4, b)
	}
	for b := do.fail.PopFront(); b != nil; b = do.fail.PopFront() {
		if m.OnUnreachable != nil {
			m.OnUnreachable(b)
		}
		b.Drop(skb.NeighFailed)
	}
}

// request asks for the entry's address, by broadcast unless it is only to be
// confirmed (arp_solicit).
func (m *Module) request(e *entry, do *todo) {
	dst := netdev.BroadcastMAC
	if do.unicast {
		dst = do.mac
	}
	p := packet{op: OpRequest, senderMAC: e.key.dev.MAC, senderIP: sourceFor(e.key.dev, e.key.ip), targetIP: e.key.ip}
	if do.unicast {
		p.targetMAC = do.mac
	}
	m.env.Stat.Inc(stat.ArpOutRequests)
	m.send(e.key.dev, dst, &p, do.cause)
}

// sourceFor chooses the address to ask with: one of the target's network.
func sourceFor(d *netdev.Device, target netip.Addr) netip.Addr {
	addrs := d.Addrs()
	for _, p := range addrs {
		if p.Contains(target) {
			return p.Addr()
		}
	}
	if len(addrs) > 0 {
		return addrs[0].Addr()
	}
	return netip.IPv4Unspecified()
}

// reply answers a request, to its sender alone (B24).
func (m *Module) reply(d *netdev.Device, h Header, cause uint64) {
	m.env.Stat.Inc(stat.ArpOutReplies)
	m.send(d, h.SenderMAC(), &packet{op: OpReply, senderMAC: d.MAC, senderIP: h.TargetIP(),
		targetMAC: h.SenderMAC(), targetIP: h.SenderIP()}, cause)
}

// Announce tells the link that ip is at the device's address (a gratuitous
// request, RFC 5227 2.3).
func (m *Module) Announce(d *netdev.Device, ip netip.Addr) {
	if d.Flags()&netdev.NoARP != 0 || !d.HasLink() {
		return
	}
	m.env.Stat.Inc(stat.ArpOutRequests)
	m.send(d, netdev.BroadcastMAC, &packet{op: OpRequest, senderMAC: d.MAC, senderIP: ip, targetIP: ip}, 0)
}

func (m *Module) send(d *netdev.Device, dst netdev.MACAddr, p *packet, cause uint64) {
	b := m.env.Pool.New(HeaderLen)
	b.Cause = cause
	Header(b.Put(HeaderLen)).encode(p)
	b.SetNetwork()
	m.env.Trace.Mark(b)
	if b.Traced {
		m.env.Trace.Packet(trace.ARPTx, b, uint32(p.op), trace.Addr(p.senderIP), trace.Addr(p.targetIP), 0)
	}
	m.link.Output(d, dst, link.TypeARP, b)
}

// Confirm notes that the neighbour has answered on a higher layer (RFC 4861
// 7.3.1, B31).
func (m *Module) Confirm(d *netdev.Device, ip netip.Addr) {
	if e := m.lookup(d, ip); e != nil {
		e.confirmedAt.Store(int64(m.env.Clock.Now()))
	}
}

// MulticastMAC is the link address of an IPv4 multicast group (RFC 1112 6.4).
func MulticastMAC(g netip.Addr) netdev.MACAddr {
	a := g.As4()
	return netdev.MACAddr{0x01, 0x00, 0x5e, a[1] & 0x7f, a[2], a[3]}
}
