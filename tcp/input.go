package tcp

import (
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// Input takes over a received datagram (tcp_v4_rcv): checks the header and the
// checksum, finds whom it is for, and gives it to them.
func (m *Module) Input(b *skb.Buffer) skb.Reason {
	m.env.Stat.Add(stat.TcpInSegs, max(1, int(b.GSOSegs)))
	if b.Type != skb.PacketHost {
		return b.Drop(skb.OtherHost)
	}
	h, r := m.check(b)
	if r != skb.NotDropped {
		return b.Drop(r)
	}
	if b.Traced {
		m.env.Trace.Packet(trace.TCPRx, b, h.Seq().Uint32(), h.Ack().Uint32(),
			uint32(h.Flags())<<16|uint32(h.Window()), uint32(h.SrcPort())<<16|uint32(h.DstPort()))
	}
	names := namesOf(b, h)
	if e := m.demux.lookup(&names); e != nil {
		m.traceLookup(b, foundConnection, e)
		return e.receive(b)
	}
	return m.inputListener(b, h, &names)
}

// check returns the header if it is whole and the checksum right.
func (m *Module) check(b *skb.Buffer) (Header, skb.Reason) {
	if !b.MayPull(HeaderLen) {
		return nil, skb.PktTooSmall
	}
	if n := Header(b.Data()).Len(); n < HeaderLen || !b.MayPull(n) {
		return nil, skb.TCPHdr
	}
	b.SetTransport()
	if b.Csum == skb.CsumNone && !inet.ChecksumRight(b, inet.ProtoTCP) {
		return nil, skb.TCPCsum
	}
	return Header(b.Data()), skb.NotDropped
}

// inputListener is for segments of no connection: a listener's, or nobody's.
func (m *Module) inputListener(b *skb.Buffer, h Header, names *tuple) skb.Reason {
	if l := m.demux.listener(names, int(b.IfIndex)); l != nil {
		m.traceLookup(b, foundListener, l)
		return l.receive(b)
	}
	if r, taken := m.forwardSyn(b, names); taken {
		return r
	}
	m.traceLookup(b, foundNobody, nil)
	var s segment
	s.read(b)
	s.signer = m.strangerSigner(&s)
	m.replyReset(&s)
	return b.Drop(skb.NoSocket)
}

// Verdicts of the event tcp.lookup.
const (
	foundNobody uint32 = iota
	foundConnection
	foundListener
	foundHandler
)

func (m *Module) traceLookup(b *skb.Buffer, verdict uint32, found entry) {
	if !b.Traced {
		return
	}
	sock := uint32(0)
	if c, ok := found.(*Conn); ok {
		sock = c.ID
	}
	h := Header(b.Data())
	m.env.Trace.Packet(trace.TCPLookup, b, verdict, uint32(h.SrcPort())<<16|uint32(h.DstPort()), sock, 0)
}

// Error is told of an ICMP error about a segment that this host sent
// (tcp_v4_err). Eight bytes of the segment are sure: ports and sequence number.
func (m *Module) Error(b *skb.Buffer, e *inet.Error) {
	if !b.MayPull(8) {
		return
	}
	var h [HeaderLen]byte
	b.CopyOut(0, h[:])
	th := Header(h[:])
	names := tuple{local: addrPort(b.Net.Src, th.SrcPort()), peer: addrPort(b.Net.Dst, th.DstPort())}
	switch x := m.demux.lookup(&names).(type) {
	case *Conn:
		x.icmpError(th.Seq(), e, b)
	case *request:
		x.icmpError(th.Seq(), e)
	}
}
