package ipv4

import (
	"encoding/binary"
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// Fragmentation (RFC 791 2.3 and 3.2): each fragment repeats the header, with
// those options that are to be copied, and carries a multiple of 8 bytes. The
// payload is referenced, not copied.

// fragment sends b in pieces that fit the route, and takes it over. A
// super-segment is cut into its segments first (ip_finish_output_gso).
func (m *Module) fragment(b *skb.Buffer, r *inet.Route) error {
	if b.GSO == skb.GSONone {
		return m.fragmentOne(b, r)
	}
	var parts skb.Queue
	if netdev.Segment(b, &parts) != skb.NotDropped {
		return syscall.EINVAL
	}
	var err error
	for s := parts.PopFront(); s != nil; s = parts.PopFront() {
		send := m.transmit
		if !fits(s, r.MTU) {
			send = m.fragmentOne
		}
		if e := send(s, r); e != nil && err == nil {
			err = e
		}
	}
	return err
}

func (m *Module) fragmentOne(b *skb.Buffer, r *inet.Route) error {
	if b.Csum == skb.CsumPartial {
		if reason := netdev.FinishChecksum(b); reason != skb.NotDropped {
			b.Drop(reason)
			return syscall.EINVAL
		}
		b.Csum = skb.CsumNone
	}
	h := Header(b.Data())
	step := (r.MTU - h.Len()) &^ 7
	if step < 8 {
		b.Drop(skb.PktTooBig)
		return syscall.EMSGSIZE
	}
	size := b.Len() - h.Len()
	var err error
	n := 0
	for off := 0; off < size; off += step {
		n++
		p := m.piece(b, h, off, min(step, size-off))
		if off+step >= size {
			p.InheritOwner(b)
		}
		if e := m.transmit(p, r); e != nil && err == nil {
			err = e
		}
	}
	if b.Traced {
		m.env.Trace.Packet(trace.IPv4FragTx, b, uint32(h.ID()), uint32(n), uint32(r.MTU), 0)
	}
	if err != nil {
		m.env.Stat.Inc(stat.IpFragFails)
	} else {
		m.env.Stat.Inc(stat.IpFragOKs)
	}
	m.env.Stat.Add(stat.IpFragCreates, n)
	b.Consume()
	return err
}

// piece makes the fragment of n bytes at off. A datagram that is a fragment
// already keeps its place in the whole.
func (m *Module) piece(b *skb.Buffer, h Header, off, n int) *skb.Buffer {
	size := b.Len() - h.Len()
	head := h
	if off > 0 && h.Len() > HeaderLen {
		head = copiedOptions(h)
	}
	room := head.Len()
	if len(b.Frags()) >= skb.MaxFrags { // in crumbs: too many to reference, perhaps
		room += n
	}
	p := m.env.Pool.New(room)
	id := p.ID
	p.Meta = b.Meta
	p.ID = id
	nh := Header(p.Put(head.Len()))
	copy(nh, head[:head.Len()])
	p.SetNetwork()
	if !p.AddRange(b, h.Len()+off, n) {
		b.CopyOut(h.Len()+off, p.Put(n))
	}
	nh.setTotal(head.Len() + n)
	flags := uint16(0)
	if off+n < size || h.MF() {
		flags = flagMF
	}
	nh.setFragment(h.Offset()+off, flags)
	nh.seal()
	return p
}

// copiedOptions is the header with only those options that later fragments
// repeat (RFC 791 3.1, the copied flag), in memory of its own.
func copiedOptions(h Header) Header {
	out := append(Header(nil), h[:HeaderLen]...)
	for p := h.Options(); len(p) > 0; {
		n := 1
		switch {
		case p[0] == optEnd:
			n = len(p)
		case p[0] == optNop:
		case len(p) < 2 || int(p[1]) < 2 || int(p[1]) > len(p):
			n = len(p)
		default:
			n = int(p[1])
			if p[0]&optCopied != 0 {
				out = append(out, p[:n]...)
			}
		}
		p = p[n:]
	}
	for len(out)%4 != 0 {
		out = append(out, optEnd)
	}
	out[offVersion] = 4<<4 | byte(len(out)/4)
	binary.BigEndian.PutUint16(out[offChecksum:], 0)
	return out
}
