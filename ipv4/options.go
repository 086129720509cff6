package ipv4

import (
	"encoding/binary"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
)

// Options (RFC 791 3.1, RFC 1122 3.2.1.8). Record route and timestamp are
// filled on the way through; source routes are refused unless
// accept_source_route is on, as Linux has it; what is malformed is answered by
// a parameter problem that points at the octet (B34).

const (
	optEnd    = 0
	optNop    = 1
	optRR     = 7
	optTS     = 68
	optLSRR   = 131
	optSSRR   = 137
	optCopied = 0x80

	tsOnly    = 0 // timestamps only
	tsAndAddr = 1
)

// inputOptions checks a received packet's options, and fills in what is asked
// of a host that the packet reaches.
func (m *Module) inputOptions(d *netdev.Device, b *skb.Buffer, kind destination) skb.Reason {
	b.Unshare()
	h := Header(b.Data())
	bad, routed := m.walkOptions(d, h)
	if bad != 0 {
		m.SendError(b, &inet.Error{Kind: inet.ParamProblem, Info: uint32(bad)})
		return skb.IPOptions
	}
	if routed && !m.set.sourceRoute.Bool() {
		return skb.IPOptions
	}
	h.seal()
	return skb.NotDropped
}

// walkOptions returns the offset of a malformed octet in the header, 0 if there
// is none, and whether there is a source route.
func (m *Module) walkOptions(d *netdev.Device, h Header) (bad int, routed bool) {
	for off := HeaderLen; off < h.Len(); {
		o := h[off:h.Len()]
		switch o[0] {
		case optEnd:
			return 0, routed
		case optNop:
			off++
			continue
		}
		if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
			return off, routed
		}
		o = o[:o[1]]
		at := 0
		switch o[0] {
		case optRR:
			at = m.recordRoute(d, h, o)
		case optTS:
			at = m.recordTime(d, h, o)
		case optLSRR, optSSRR:
			routed = true
			if len(o) < 3 || o[2] < 4 {
				at = 2
			}
		}
		if at != 0 {
			return off + at, routed
		}
		off += len(o)
	}
	return 0, routed
}

// ownAddress is the address that is recorded: the one that the packet was sent
// to, or the device's.
func (m *Module) ownAddress(d *netdev.Device, h Header) [4]byte {
	if m.IsLocal(h.Dst()) {
		return h.Dst().As4()
	}
	if a := d.Addrs(); len(a) > 0 {
		return a[0].Addr().As4()
	}
	return [4]byte{}
}

// recordRoute fills the next slot; it returns the offset of what is malformed.
func (m *Module) recordRoute(d *netdev.Device, h Header, o []byte) int {
	if len(o) < 3 {
		return 1
	}
	p := int(o[2])
	switch {
	case p < 4:
		return 2
	case p > len(o):
		return 0 // full
	case p+3 > len(o):
		return 2
	}
	a := m.ownAddress(d, h)
	copy(o[p-1:], a[:])
	o[2] += 4
	return 0
}

// recordTime fills the next slot with milliseconds since midnight UTC.
func (m *Module) recordTime(d *netdev.Device, h Header, o []byte) int {
	if len(o) < 4 {
		return 1
	}
	p, need := int(o[2]), 4
	if o[3]&0xf == tsAndAddr {
		need = 8
	}
	switch {
	case p < 5:
		return 2
	case p > len(o):
		if o[3]>>4 == 0xf {
			return 3
		}
		o[3] += 1 << 4 // one more that found no room
		return 0
	case p+need-1 > len(o):
		return 2
	case o[3]&0xf > tsAndAddr:
		return 0 // prespecified addresses: not for us to fill
	}
	slot := o[p-1:]
	if need == 8 {
		a := m.ownAddress(d, h)
		copy(slot, a[:])
		slot = slot[4:]
	}
	binary.BigEndian.PutUint32(slot, m.Midnight())
	o[2] += byte(need)
	return 0
}

// Midnight returns the milliseconds since midnight UTC (RFC 791, RFC 792).
func (m *Module) Midnight() uint32 {
	t := m.env.Clock.Wall().UTC()
	return uint32(t.Hour()*3600+t.Minute()*60+t.Second())*1000 + uint32(t.Nanosecond()/1_000_000)
}

// EchoOptions returns the options that a reply to the received packet h
// carries (ip_options_echo): its record route and timestamp as they were
// filled, nothing else.
func EchoOptions(h Header) []byte {
	if !h.Valid() || h.Len() == HeaderLen {
		return nil
	}
	var out []byte
	for o := h.Options(); len(o) > 0 && o[0] != optEnd; {
		if o[0] == optNop {
			o = o[1:]
			continue
		}
		if len(o) < 2 || int(o[1]) < 2 || int(o[1]) > len(o) {
			break
		}
		if o[0] == optRR || o[0] == optTS {
			out = append(out, o[:o[1]]...)
		}
		o = o[o[1]:]
	}
	return out
}
