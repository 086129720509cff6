package icmp

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/checksum"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/ipv4"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
)

// Verdict is what a hook decides of a message.
type Verdict uint8

// Verdicts.
const (
	Pass Verdict = iota // the stack does with it what it does without a hook
	Veto                // it is dropped, as HANDLER_REFUSED
	Take                // the embedder deals with it
)

// Message is a received message as a hook sees it: a copy, which the hook may
// keep.
type Message struct {
	Src, Dst netip.Addr
	Device   int // index
	Type     uint8
	Code     uint8
	// Data is the whole message, from the ICMP header on.
	Data []byte

	m      *Module
	meta   skb.Meta
	packet []byte // from the IP header on
}

// Hook has f asked of every message that is whole and sent to this host,
// before the stack deals with it. It runs in the receive path: it must not
// block. nil asks nobody.
func (m *Module) Hook(f func(*Message) Verdict) {
	if f == nil {
		m.hook.Store(nil)
		return
	}
	m.hook.Store(&f)
}

// ask asks the hook, and reports whether it left nothing to do.
func (m *Module) ask(b *skb.Buffer) (skb.Reason, bool) {
	f := m.hook.Load()
	if f == nil {
		return 0, false
	}
	switch (*f)(m.message(b)) {
	case Veto:
		return b.Drop(skb.HandlerRefused), true
	case Take:
		b.Consume()
		return skb.NotDropped, true
	}
	return 0, false
}

func (m *Module) message(b *skb.Buffer) *Message {
	head := ipv4.Header(b.Network())
	n := head.Len()
	p := make([]byte, n+b.Len())
	copy(p, head[:n])
	b.CopyOut(0, p[n:])
	return &Message{Src: b.Net.Src, Dst: b.Net.Dst, Device: int(b.IfIndex), Type: p[n], Code: p[n+1], Data: p[n:],
		m: m, meta: b.Meta, packet: p}
}

// received is the message as a buffer whose data begins at the IP header.
func (x *Message) received() *skb.Buffer {
	b := x.m.env.Pool.New(len(x.packet))
	b.Append(x.packet)
	b.Meta = x.meta
	b.GSO, b.Csum = skb.GSONone, skb.CsumNone
	b.SetNetwork()
	return b
}

// Reply answers an echo request from the address that it was sent to, as the
// stack would, now or later. Errors: EINVAL for another message.
func (x *Message) Reply() error {
	if x.Type != TypeEcho {
		return syscall.EINVAL
	}
	r := x.m.env.Pool.New(len(x.Data))
	r.Append(x.Data)
	h := Header(r.Data())
	h[0] = TypeEchoReply
	h.setChecksum(0)
	h.setChecksum(checksum.Finish(checksum.Sum(0, h)))
	b := x.received()
	x.m.env.Stat.Inc(stat.IcmpOutEchoReps)
	x.m.sendReply(b, r)
	b.Consume()
	x.m.env.Dev.Flush()
	return nil
}

// Unreachable tells the sender that the host is unreachable (RFC 1812
// 4.3.3.1), under the limits of all errors.
func (x *Message) Unreachable() {
	b := x.received()
	x.m.SendError(b, &inet.Error{Kind: inet.HostUnreachable})
	b.Consume()
	x.m.env.Dev.Flush()
}
