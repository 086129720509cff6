package tcp

import (
	"net/netip"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// Segments that no connection sends: resets, SYN-ACKs of half-open entries,
// acknowledgements from TIME-WAIT.

// reply is such a segment.
type reply struct {
	names  tuple
	fields fields
	opts   optionSpace
	cause  uint64
	device int // by which it must leave, 0: any
	tos    uint8
}

// send builds and sends it; nobody is told if it cannot be sent.
func (m *Module) send(r *reply) {
	r.fields.src, r.fields.dst = r.names.local.Port(), r.names.peer.Port()
	route, err := m.net.Route(&inet.Flow{Dst: r.names.peer.Addr(), Src: r.names.local.Addr(), Device: r.device})
	if err != nil {
		return
	}
	b := m.env.Pool.New(0)
	b.Cause = r.cause
	putHeader(b, &r.fields, &r.opts)
	sealSegment(b, r.names.local.Addr(), r.names.peer.Addr())
	m.env.Trace.MarkSent(b, r.names.local.Addr(), r.names.peer.Addr(), inet.ProtoTCP)
	m.env.Stat.Inc(stat.TcpOutSegs)
	if b.Traced {
		f := &r.fields
		m.env.Trace.Packet(trace.TCPTx, b, txAck<<24|uint32(f.flags)<<16|uint32(f.window), f.seq.Uint32(), f.ack.Uint32(),
			uint32(f.src)<<16|uint32(f.dst))
	}
	_ = m.net.Output(b, route, &inet.Header{Proto: inet.ProtoTCP, TOS: r.tos, DF: true}) // it is as if it were lost
}

// namesOf returns the names of the connection that a received segment is for.
func namesOf(b *skb.Buffer, h Header) tuple {
	return tuple{netip.AddrPortFrom(b.Net.Dst, h.DstPort()), netip.AddrPortFrom(b.Net.Src, h.SrcPort())}
}

// replyReset answers a segment that belongs to no connection, or that does not
// fit one that is being opened (RFC 9293 3.5.2 and 3.10.7.1). A reset is never
// answered.
func (m *Module) replyReset(s *segment) { m.resetFor(s, rstNoSocket) }

func (m *Module) resetFor(s *segment, why uint32) {
	if r := m.resetOf(s, why); r != nil {
		m.send(r)
	}
}

// resetOf is the reset that answers s, nil if none does.
func (m *Module) resetOf(s *segment, why uint32) *reply {
	if s.has(RST) || s.buf == nil || s.buf.Type != skb.PacketHost || m.net.Kind(s.buf.Net.Src) > inet.Local {
		return nil
	}
	r := &reply{names: namesOf(s.buf, s.hdr), cause: s.buf.ID, device: m.net.Borrowed(s.buf)}
	if r.opts.sig = s.signer; s.auth.kind != 0 && s.signer == nil {
		return nil // the peer would not believe it
	}
	if s.has(ACK) {
		r.fields.seq, r.fields.flags = s.ack, RST
	} else {
		r.fields.ack, r.fields.flags = s.end, RST|ACK
	}
	m.env.Stat.Inc(stat.TcpOutRsts)
	m.env.Trace.Slow(trace.TCPRstTx, 0, s.buf.ID, [4]uint32{why, r.fields.seq.Uint32(),
		uint32(r.names.local.Port())<<16 | uint32(r.names.peer.Port())})
	return r
}
