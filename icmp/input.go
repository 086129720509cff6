package icmp

import (
	"github.com/slankdev/ministack/checksum"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// Input takes over a message (icmp_rcv).
func (m *Module) Input(b *skb.Buffer) skb.Reason {
	m.env.Stat.Inc(stat.IcmpInMsgs)
	if !checksumRight(b) {
		return b.Drop(skb.ICMPCsum)
	}
	if !b.MayPull(HeaderLen) {
		return b.Drop(skb.ICMPHdr)
	}
	h := Header(b.Data())
	if b.Traced {
		m.env.Trace.Packet(trace.ICMPRx, b, uint32(h.Type()), uint32(h.Code()), trace.Addr(b.Net.Src), 0)
	}
	if b.Type != skb.PacketHost && m.ip.Kind(b.Net.Dst) >= inet.Broadcast && !m.forMany(h.Type()) {
		return b.Drop(skb.ICMPIgnored)
	}
	if r, done := m.ask(b); done {
		return r
	}
	return m.handle(b, h)
}

func checksumRight(b *skb.Buffer) bool {
	if b.Csum == skb.CsumUnnecessary {
		return true
	}
	return checksum.Valid(inet.Sum(0, b))
}

// forMany reports whether a message that was sent to a broadcast or multicast
// address is looked at (RFC 1122 3.2.2.6 and 3.2.2.8, B32).
func (m *Module) forMany(typ uint8) bool {
	return (typ == TypeEcho || typ == TypeTimestamp) && !m.set.ignoreBroadcasts.Bool()
}

// handle is the table by type.
func (m *Module) handle(b *skb.Buffer, h Header) skb.Reason {
	switch h.Type() {
	case TypeEcho:
		m.env.Stat.Inc(stat.IcmpInEchos)
		return m.echo(b)
	case TypeEchoReply:
		m.env.Stat.Inc(stat.IcmpInEchoReps)
		return m.pings.deliver(b, h.Ident())
	case TypeTimestamp:
		m.env.Stat.Inc(stat.IcmpInTimestamps)
		return m.timestamp(b, h)
	case TypeUnreachable, TypeTimeExceeded, TypeParamProblem:
		return m.errorInput(b, h)
	case TypeRedirect:
		m.env.Stat.Inc(stat.IcmpInRedirects)
		return b.Drop(skb.ICMPIgnored)
	case TypeTimestampReply:
		m.env.Stat.Inc(stat.IcmpInTimestampReps)
		return b.Drop(skb.ICMPIgnored)
	case TypeSourceQuench:
		return b.Drop(skb.ICMPIgnored) // RFC 6633
	}
	return b.Drop(skb.ICMPUnknownType)
}

// errorInput gives an error to whoever sent the packet that it quotes
// (icmp_unreach).
func (m *Module) errorInput(b *skb.Buffer, h Header) skb.Reason {
	switch h.Type() {
	case TypeUnreachable:
		m.env.Stat.Inc(stat.IcmpInDestUnreachs)
	case TypeTimeExceeded:
		m.env.Stat.Inc(stat.IcmpInTimeExcds)
	default:
		m.env.Stat.Inc(stat.IcmpInParmProbs)
	}
	if forNobody(h) {
		return b.Drop(skb.ICMPIgnored)
	}
	e := read(h)
	e.From = b.Net.Src
	b.Pull(HeaderLen)
	if !m.ip.InputError(b, e) {
		return b.Drop(skb.ICMPHdr)
	}
	if m.env.Trace.On(trace.ICMPError) {
		m.env.Trace.Event(trace.ICMPError, 0, uint32(e.Type), uint32(e.Code), uint32(e.Errno), trace.Addr(e.From))
	}
	b.Consume()
	return skb.NotDropped
}

// forNobody reports whether an error concerns no socket: codes that nobody
// assigned must not end a connection, and that fragments were late is said of
// one datagram.
func forNobody(h Header) bool {
	return h.Type() == TypeUnreachable && h.Code() > maxUnreachable || h.Type() == TypeTimeExceeded && h.Code() == codeReasmTime
}

// Error is told of an error about a message that this host sent: only an echo
// request's sender wants to know.
func (m *Module) Error(b *skb.Buffer, e *inet.Error) {
	if !b.MayPull(HeaderLen) {
		return
	}
	if h := Header(b.Data()); h.Type() == TypeEcho {
		m.pings.fail(b, h.Ident(), e)
	}
}
