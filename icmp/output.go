package icmp

import (
	"encoding/binary"
	"net/netip"

	"github.com/slankdev/ministack/checksum"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/ipv4"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// echo answers an echo request: the same data back, the type of service copied
// (RFC 1122 3.2.2.6 and 3.2.2.9, B32). The data is referenced, not copied.
func (m *Module) echo(b *skb.Buffer) skb.Reason {
	if m.set.ignoreAll.Bool() {
		return b.Drop(skb.ICMPIgnored)
	}
	if !m.allow(b, TypeEchoReply, 0) {
		return b.Drop(skb.ICMPRateLimit)
	}
	var head [HeaderLen]byte
	copy(head[:], b.Data())
	h := Header(head[:])
	old := binary.BigEndian.Uint16(h)
	h[0] = TypeEchoReply
	sum := binary.BigEndian.Uint16(h[2:])
	h.setChecksum(checksum.Update(sum, old, binary.BigEndian.Uint16(h)))
	m.env.Stat.Inc(stat.IcmpOutEchoReps)
	m.reply(b, h)
	return skb.NotDropped
}

// timestamp answers a timestamp request (RFC 792, RFC 1122 3.2.2.8): receive
// and transmit time are one.
func (m *Module) timestamp(b *skb.Buffer, h Header) skb.Reason {
	const size = HeaderLen + 12
	if !b.MayPull(size) {
		return b.Drop(skb.ICMPHdr)
	}
	if !m.allow(b, TypeTimestampReply, 0) {
		return b.Drop(skb.ICMPRateLimit)
	}
	r := m.env.Pool.New(size)
	out := r.Put(size)
	copy(out, b.Data()[:size])
	out[0] = TypeTimestampReply
	binary.BigEndian.PutUint32(out[12:], m.ip.Midnight())
	binary.BigEndian.PutUint32(out[16:], m.ip.Midnight())
	Header(out).setChecksum(0)
	Header(out).setChecksum(checksum.Finish(checksum.Sum(0, out)))
	m.env.Stat.Inc(stat.IcmpOutTimestampReps)
	m.sendReply(b, r)
	b.Consume()
	return skb.NotDropped
}

// reply sends the header h with the data of the request b, which it consumes.
func (m *Module) reply(b *skb.Buffer, h Header) {
	r := m.env.Pool.New(HeaderLen)
	r.Append(h)
	data := b.Clone()
	data.Advance(HeaderLen)
	if !r.Take(data) {
		data.Drop(skb.NoMem)
		r.Drop(skb.NoMem)
		b.Consume()
		return
	}
	if binary.BigEndian.Uint16(h[2:]) == 0 {
		// An updated checksum of 0 is right but for a message of zeros, where
		// it must be 0xffff (RFC 1624 3): only the whole sum tells.
		Header(r.Data()).setChecksum(checksum.Finish(inet.Sum(0, r)))
	}
	m.sendReply(b, r)
	b.Consume()
}

// sendReply sends r to where the request b came from, from the address that it
// was sent to, or from the device's if that is no host's (icmp_reply).
func (m *Module) sendReply(b, r *skb.Buffer) {
	src := b.Net.Dst
	if m.ip.Kind(src) >= inet.Broadcast {
		src = netip.Addr{}
	}
	opts := ipv4.EchoOptions(b.Network())
	m.send(b, r, src, inet.Header{Proto: inet.ProtoICMP, TOS: b.Net.TOS, Options: opts})
}

// send routes r back to b's source and sends it, caused by b.
func (m *Module) send(b, r *skb.Buffer, src netip.Addr, h inet.Header) {
	r.Cause, r.Traced = b.ID, b.Traced
	route, err := m.ip.Route(&inet.Flow{Dst: b.Net.Src, Src: src, Device: m.ip.Borrowed(b), TOS: h.TOS})
	if err != nil {
		r.Drop(skb.IPOutNoRoutes)
		return
	}
	r.SetTransport()
	m.env.Stat.Inc(stat.IcmpOutMsgs)
	if r.Traced {
		t := Header(r.Data())
		m.env.Trace.Packet(trace.ICMPTx, r, uint32(t.Type()), uint32(t.Code()), trace.Addr(b.Net.Src), 0)
	}
	_ = m.ip.Output(r, route, &h) // nobody waits for the outcome; drops are counted below
}

// maxError is the length of an error with its IP header (RFC 1812 4.3.2.3, B33).
const maxError = 576

// internetControl is the precedence of errors (RFC 1812 4.3.2.5).
const internetControl = 0xc0

// SendError answers the received packet b with an error (icmp_send), unless it
// is one of those that must not be answered, or too many were lately. b stays
// the caller's, and its network header is marked.
func (m *Module) SendError(b *skb.Buffer, e *inet.Error) {
	ip := ipv4.Header(b.Network())
	if !ip.Valid() || !m.mayAnswer(b, ip) {
		return
	}
	typ, code, word := typeOf(e)
	if !m.allow(b, typ, code) {
		return
	}
	r := m.quote(b, typ, code, word)
	m.countError(typ)
	m.send(b, r, m.errorSource(b), inet.Header{Proto: inet.ProtoICMP, TOS: b.Net.TOS&0x1e | internetControl})
}

// mayAnswer is RFC 1122 3.2.2: never about an ICMP error, a fragment other than
// the first, what was sent to many, or from what is no single host.
func (m *Module) mayAnswer(b *skb.Buffer, ip ipv4.Header) bool {
	src, dst := b.Net.Src, b.Net.Dst
	if b.Type != skb.PacketHost || ip.Offset() != 0 || src.IsUnspecified() {
		return false
	}
	if m.ip.Kind(dst) >= inet.Broadcast || m.ip.Kind(src) >= inet.Broadcast {
		return false
	}
	if ip.Proto() != inet.ProtoICMP {
		return true
	}
	inner := ip[ip.Len():]
	return len(inner) > 0 && !isError(inner[0])
}

// allow asks the limits (B36); path MTU discovery is not limited.
func (m *Module) allow(b *skb.Buffer, typ, code uint8) bool {
	if m.set.ratemask.Get()&(1<<typ) == 0 || typ == TypeUnreachable && code == CodeFragNeeded {
		return true
	}
	if d := m.env.Dev.ByIndex(int(b.IfIndex)); d != nil && d.Flags()&netdev.IsLoopback != 0 {
		return true
	}
	if m.limits.allow(m, b.Net.Src) {
		return true
	}
	if m.env.Trace.On(trace.ICMPRateLimit) {
		m.env.Trace.Event(trace.ICMPRateLimit, 0, uint32(typ), uint32(code), trace.Addr(b.Net.Src), 0)
	}
	return false
}

// quote builds the error with as much of the packet as fits.
func (m *Module) quote(b *skb.Buffer, typ, code uint8, word uint32) *skb.Buffer {
	q := b.Clone()
	q.PushToNetwork()
	n := min(q.Len(), maxError-ipv4.HeaderLen-HeaderLen)
	r := m.env.Pool.New(HeaderLen + n)
	h := Header(r.Put(HeaderLen + n))
	h[0], h[1] = typ, code
	binary.BigEndian.PutUint32(h[4:], word)
	h.setChecksum(0)
	q.CopyOut(0, h[HeaderLen:])
	q.Consume()
	h.setChecksum(checksum.Finish(checksum.Sum(0, h)))
	return r
}

// errorSource is the address that the packet was sent to if it is ours, else
// the one of the device that it came in by (RFC 1812 4.3.2.4).
func (m *Module) errorSource(b *skb.Buffer) netip.Addr {
	if m.ip.IsLocal(b.Net.Dst) || m.ip.Borrowed(b) != 0 && m.ip.MayBind(b.Net.Dst, int(b.IfIndex)) {
		return b.Net.Dst
	}
	if d := m.env.Dev.ByIndex(int(b.IfIndex)); d != nil && len(d.Addrs()) > 0 {
		return d.Addrs()[0].Addr()
	}
	return netip.Addr{}
}

func (m *Module) countError(typ uint8) {
	switch typ {
	case TypeUnreachable:
		m.env.Stat.Inc(stat.IcmpOutDestUnreachs)
	case TypeTimeExceeded:
		m.env.Stat.Inc(stat.IcmpOutTimeExcds)
	default:
		m.env.Stat.Inc(stat.IcmpOutParmProbs)
	}
}
