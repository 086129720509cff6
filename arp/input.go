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
	if t := h.TargetIP(); t.IsMulticast() || t.IsLoopback() || martian(h) {
		return b.Drop(skb.ARPIgnored) // B28
	}
	if !m.process(d, h, b) {
		return b.Drop(skb.ARPIgnored)
	}
	b.Consume()
	return skb.NotDropped
}

// martian reports a sender that no single host can be: an address that routes
// refuse as a source (RFC 1122 3.2.1.3), or a link address of many
// (RFC 1812 3.3.2). 0.0.0.0 is a probe's (RFC 5227 1.1).
func martian(h Header) bool {
	ip := h.SenderIP()
	first := ip.As4()[0]
	return h.SenderMAC().IsMulticast() || ip.IsMulticast() || ip.IsLoopback() ||
		first == 0 && !ip.IsUnspecified() || ip == limitedBroadcast
}

var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

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
	m.env.Stat.Inc(stat.ArpLookups)
	e := m.lookup(d, h.SenderIP())
	if e == nil {
		return false
	}
	m.env.Stat.Inc(stat.ArpHits)
	to := Stale
	if h.Op() == OpReply && b.Type == skb.PacketHost {
		to = Reachable
	}
	e.mu.Lock()
	settled := m.env.Clock.Now() >= e.updated.Add(milliseconds(m.set.lockTime))
	e.mu.Unlock()
	m.update(e, h.SenderMAC(), to, gratuitous(h) || settled) // B27
	return true
}

// gratuitous reports an announcement (RFC 5227 3). A reply must name its sender
// as target on the link as well (arp_is_garp).
func gratuitous(h Header) bool {
	return h.SenderIP() == h.TargetIP() && (h.Op() == OpRequest || h.SenderMAC() == h.TargetMAC())
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
