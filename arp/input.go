package arp

import (
	"net/netip"

	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// Input takes over an ARP packet (arp_rcv, arp_process).
func (m *Module) Input(d *netdev.Device, b *skb.Buffer) skb.Reason {
	if d.Flags()&netdev.NoARP != 0 {
		return b.Drop(skb.ARPIgnored)
	}
	if !b.MayPull(HeaderLen) {
		return b.Drop(skb.ARPInvalid)
	}
	h := Header(b.Data())
	if !h.Valid() || h.Op() != OpRequest && h.Op() != OpReply {
		return b.Drop(skb.ARPInvalid) // B28
	}
	if b.Traced {
		m.env.Trace.Packet(trace.ARPRx, b, uint32(h.Op()), trace.Addr(h.SenderIP()), trace.Addr(h.TargetIP()), 0)
	}
	if t := h.TargetIP(); t.IsMulticast() || t.IsLoopback() || h.SenderMAC().IsMulticast() {
		return b.Drop(skb.ARPIgnored) // B28
	}
	if !m.process(d, h, b) {
		return b.Drop(skb.ARPIgnored)
	}
	b.Consume()
	return skb.NotDropped
}

// process acts on a valid packet and reports whether it meant anything to us.
func (m *Module) process(d *netdev.Device, h Header, b *skb.Buffer) bool {
	if h.Op() == OpRequest {
		m.env.Stat.Inc(stat.ArpInRequests)
	} else {
		m.env.Stat.Inc(stat.ArpInReplies)
	}
	ours := m.isOurs(h.TargetIP())
	switch {
	case h.SenderIP().IsUnspecified(): // a probe (RFC 5227): answered, not learnt (B26)
		if h.Op() == OpRequest && ours {
			m.reply(d, h, b.ID)
			return true
		}
		return false
	case m.isOurs(h.SenderIP()): // somebody claims our address (B24)
		m.env.Stat.Inc(stat.ArpConflicts)
		return false
	case h.Op() == OpRequest && ours:
		return m.answer(d, h, b)
	}
	return m.learn(d, h, b)
}

// answer replies to a request for an address of ours, and remembers who asked
// (B24): it will be answered soon.
func (m *Module) answer(d *netdev.Device, h Header, b *skb.Buffer) bool {
	if e := m.create(d, h.SenderIP()); e != nil {
		m.update(e, h.SenderMAC(), Stale, true)
	}
	m.reply(d, h, b.ID)
	return true
}

// learn updates a neighbour that is known already; strangers are not entered
// (B25). Only a reply to us alone confirms that the neighbour can be reached.
func (m *Module) learn(d *netdev.Device, h Header, b *skb.Buffer) bool {
	e := m.lookup(d, h.SenderIP())
	if e == nil {
		return false
	}
	to := Stale
	if h.Op() == OpReply && b.Type == skb.PacketHost {
		to = Reachable
	}
	gratuitous := h.SenderIP() == h.TargetIP()
	e.mu.Lock()
	settled := m.env.Clock.Now() >= e.updated.Add(milliseconds(m.set.lockTime))
	e.mu.Unlock()
	m.update(e, h.SenderMAC(), to, gratuitous || settled) // B27
	return true
}

// update tells an entry what was heard and carries out what follows.
func (m *Module) update(e *entry, mac netdev.MACAddr, to State, override bool) {
	var do todo
	e.mu.Lock()
	e.heard(m.env.Clock.Now(), mac, to, override, &do)
	e.mu.Unlock()
	m.carryOut(e, &do)
}

// isOurs reports whether ip is an address of this host, on whatever device
// (arp_ignore 0).
func (m *Module) isOurs(ip netip.Addr) bool {
	if ip.IsLoopback() {
		return false
	}
	for _, d := range m.env.Dev.All() {
		for _, p := range d.Addrs() {
			if p.Addr() == ip {
				return true
			}
		}
	}
	return false
}
