package ipv4

import (
	"net/netip"
	"sync/atomic"
	"syscall"

	"github.com/slankdev/ministack/arp"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// Output puts the header before b and sends it (ip_queue_xmit, ip_output); see
// inet.Network. It takes b over.
func (m *Module) Output(b *skb.Buffer, r *inet.Route, h *inet.Header) error {
	m.env.Stat.Inc(stat.IpOutRequests)
	hlen := HeaderLen + (len(h.Options)+3)&^3
	total := hlen + b.Len() // before Push, which is part of it
	if total > maxLen {
		b.Drop(skb.PktTooBig)
		return syscall.EMSGSIZE
	}
	ttl := h.TTL
	if ttl == 0 {
		ttl = uint8(m.set.defaultTTL.Get())
	}
	b.Net = skb.Net{Src: r.Src, Dst: r.Dst, Proto: h.Proto, TTL: ttl, TOS: h.TOS, DF: h.DF}
	Header(b.Push(hlen)).encode(&fields{src: r.Src, dst: r.Dst, id: m.ids.next(r, h.Proto, max(1, int(b.GSOSegs))),
		ttl: ttl, tos: h.TOS, proto: h.Proto, df: h.DF, total: total, options: h.Options})
	b.SetNetwork()
	if len(h.Options) > 0 {
		m.recordOwn(Header(b.Data()), r.Src)
	}
	if h.Stay {
		return m.keep(b, r, h.Loop)
	}
	return m.send(b, r, h.DF, h.Loop)
}

// recordOwn fills in what the options of a packet of this host ask of each host
// on the way, the sender among them (ip_options_build).
func (m *Module) recordOwn(h Header, own netip.Addr) {
	m.walkOptions(h, own, false) // whoever gave the options had them checked
	h.seal()
}

// keep gives a multicast to this host's members only (ip_mc_output with a time
// to live of 0).
func (m *Module) keep(b *skb.Buffer, r *inet.Route, loop bool) error {
	Header(b.Data()).setTTL(0)
	m.countOut(b, r)
	m.loopBack(b, r, loop)
	b.Consume()
	return nil
}

// send fits the packet to the route's MTU and gives it to the link.
func (m *Module) send(b *skb.Buffer, r *inet.Route, df, loop bool) error {
	if b.Traced {
		n := &b.Net
		m.env.Trace.Packet(trace.IPv4Tx, b, trace.Addr(n.Src), trace.Addr(n.Dst), uint32(n.Proto)<<8|uint32(n.TTL), uint32(b.Len()))
	}
	if r.Type == inet.Broadcast || r.Type == inet.Multicast {
		m.loopBack(b, r, loop)
	}
	switch {
	case fits(b, r.MTU):
		return m.transmit(b, r)
	case df:
		b.Drop(skb.PktTooBig)
		return syscall.EMSGSIZE
	}
	return m.fragment(b, r)
}

// fits reports whether the packet, or each segment of a super-segment, is
// within the MTU.
func fits(b *skb.Buffer, mtu int) bool {
	if b.GSO == skb.GSONone {
		return b.Len() <= mtu
	}
	return Header(b.Data()).Len()+transportLen(b)+int(b.GSOSize) <= mtu
}

const (
	tcpMinLen = 20
	udpLen    = 8
)

// transportLen is the length of a super-segment's transport header.
func transportLen(b *skb.Buffer) int {
	th := b.Transport()
	switch {
	case b.GSO == skb.GSOUDPv4:
		return udpLen
	case len(th) < tcpMinLen:
		return tcpMinLen
	}
	return int(th[12]>>4) * 4
}

func (m *Module) countOut(b *skb.Buffer, r *inet.Route) {
	m.env.Stat.Inc(stat.IpOutTransmits)
	m.env.Stat.Add(stat.IpExtOutOctets, b.Len())
	switch r.Type {
	case inet.Broadcast:
		m.env.Stat.Inc(stat.IpExtOutBcastPkts)
	case inet.Multicast:
		m.env.Stat.Inc(stat.IpExtOutMcastPkts)
	}
}

// transmit hands a packet of the right size to the link (ip_finish_output2).
func (m *Module) transmit(b *skb.Buffer, r *inet.Route) error {
	m.countOut(b, r)
	d := r.Dev
	var reason skb.Reason
	switch {
	case r.Type == inet.Local || !d.HasLink():
		reason = m.link.Output(d, d.MAC, link.TypeIPv4, b)
	case r.Type == inet.Broadcast:
		reason = m.link.Output(d, netdev.BroadcastMAC, link.TypeIPv4, b)
	case r.Type == inet.Multicast:
		reason = m.link.Output(d, arp.MulticastMAC(r.Dst), link.TypeIPv4, b)
	default:
		reason = m.arp.Output(d, r.NextHop, b)
	}
	return errorOf(reason)
}

// errorOf is the errno of a packet that could not even be queued.
func errorOf(r skb.Reason) error {
	switch r {
	case skb.NotDropped:
		return nil
	case skb.DevReady:
		return syscall.ENETDOWN
	case skb.PktTooBig:
		return syscall.EMSGSIZE
	}
	return syscall.ENOBUFS
}

// loopBack gives what is for many to this host too: broadcasts, and groups
// that it is a member of (ip_mc_output).
func (m *Module) loopBack(b *skb.Buffer, r *inet.Route, want bool) {
	lo := m.routes.load().lo
	if !want || lo == nil || r.Type == inet.Multicast && !m.groups.admits(r.Dev, r.Dst, r.Src, b.Net.Proto) {
		return
	}
	c := b.Clone()
	c.SetNetwork()
	if c.Csum == skb.CsumPartial {
		c.Csum = skb.CsumUnnecessary
	}
	kind := toBroadcast
	if r.Type == inet.Multicast {
		kind = toMulticast
	}
	m.env.Clock.Post(func() {
		c.IfIndex, c.Time = int32(r.Dev.Index), m.env.Clock.Now()
		m.inputOwn(r.Dev, c, kind)
		m.env.Dev.BatchEnd()
		m.env.Dev.Flush()
	})
}

// idents are where identifications come from: counters by a keyed hash of
// destination and protocol, so that one destination learns nothing of another
// and does not see an id twice soon (RFC 7739 has the reasons).
type idents struct {
	key      uint64
	counters [2048]atomic.Uint32
}

func (i *idents) init(r netdev.Rand) {
	i.key = r.Uint64()
	for n := range i.counters {
		i.counters[n].Store(r.Uint32())
	}
}

// next returns the first of n identifications.
func (i *idents) next(r *inet.Route, proto uint8, n int) uint16 {
	return uint16(i.counters[i.slot(r.Src, r.Dst, proto)].Add(uint32(n)) - uint32(n))
}

func (i *idents) slot(src, dst netip.Addr, proto uint8) uint32 {
	x := i.key ^ uint64(trace.Addr(dst))<<32 ^ uint64(trace.Addr(src)) ^ uint64(proto)<<20
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return uint32(x>>40) % uint32(len(i.counters))
}
