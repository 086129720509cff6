package ipv4

import (
	"encoding/binary"
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
)

// Options (RFC 791 3.1, RFC 1122 3.2.1.8). Record route and timestamp are
// filled in on the way through: by a host with the address that the packet
// reached, by a router with that of the device that it leaves by (RFC 1812
// 5.2.4.1). Source routes are refused in silence, which is Linux's default and
// has no setting here. What is malformed is answered by a parameter problem
// that points at the octet (B34).

const (
	optEnd    = 0
	optNop    = 1
	optRR     = 7
	optTS     = 68
	optLSRR   = 131
	optSSRR   = 137
	optCopied = 0x80

	tsOnly     = 0 // timestamps only
	tsAndAddr  = 1
	tsPrespec  = 3 // only by those whose addresses the sender listed
	tsOverflow = 0xf
)

// inputOptions checks a received packet's options, and fills in what is asked
// of a host that the packet reaches.
func (m *Module) inputOptions(d *netdev.Device, b *skb.Buffer, kind destination) skb.Reason {
	b.Unshare()
	h := Header(b.Data())
	own := netip.Addr{}
	if kind != forwarded {
		own = m.ownAddress(d, h)
	}
	bad, routed := m.walkOptions(h, own, true)
	if bad != 0 {
		m.SendError(b, &inet.Error{Kind: inet.ParamProblem, Info: uint32(bad)})
		return skb.IPOptions
	}
	if routed {
		return skb.IPOptions
	}
	h.seal()
	return skb.NotDropped
}

// walkOptions checks the options and, if own is an address, records it. It
// returns the offset of a malformed octet in the header, 0 if there is none,
// and whether there is a source route. A host that finds no room for its time
// counts itself, if overflow is set: once, on the way in.
func (m *Module) walkOptions(h Header, own netip.Addr, overflow bool) (bad int, routed bool) {
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
			at = recordRoute(o, own)
		case optTS:
			at = m.recordTime(o, own, overflow)
		case optLSRR, optSSRR:
			routed = true
			if len(o) < 3 || o[2] < 4 {
				at = min(2, len(o)-1)
			}
		}
		if at != 0 {
			return off + at, routed
		}
		off += len(o)
	}
	return 0, routed
}

// ownAddress is the address that a host records: the one that the packet was
// sent to, or the device's.
func (m *Module) ownAddress(d *netdev.Device, h Header) netip.Addr {
	if m.IsLocal(h.Dst()) {
		return h.Dst()
	}
	if a := d.Addrs(); len(a) > 0 {
		return a[0].Addr()
	}
	return netip.IPv4Unspecified()
}

// recordRoute fills the next slot; it returns the offset of what is malformed.
func recordRoute(o []byte, own netip.Addr) int {
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
	if own.IsValid() {
		a := own.As4()
		copy(o[p-1:], a[:])
		o[2] += 4
	}
	return 0
}

// recordTime fills the next slot with milliseconds since midnight UTC; it
// returns the offset of what is malformed.
func (m *Module) recordTime(o []byte, own netip.Addr, overflow bool) int {
	if len(o) < 4 {
		return 1
	}
	p, need, flag := int(o[2]), 4, o[3]&0xf
	if flag == tsAndAddr || flag == tsPrespec {
		need = 8
	}
	switch {
	case p < 5:
		return 2
	case p > len(o):
		return countOverflow(o, overflow && own.IsValid())
	case p+need-1 > len(o):
		return 2
	}
	if own.IsValid() {
		m.stamp(o, flag, own)
	}
	return 0
}

// countOverflow counts one more host that found no room.
func countOverflow(o []byte, count bool) int {
	if o[3]>>4 == tsOverflow {
		return 3
	}
	if count {
		o[3] += 1 << 4
	}
	return 0
}

// stamp writes the time into the slot that the pointer names, after the
// address if that is wanted.
func (m *Module) stamp(o []byte, flag byte, own netip.Addr) {
	slot, size := o[o[2]-1:], byte(4)
	switch flag {
	case tsOnly:
	case tsAndAddr:
		a := own.As4()
		copy(slot, a[:])
		slot, size = slot[4:], 8
	case tsPrespec:
		if !m.IsLocal(netip.AddrFrom4([4]byte(slot))) {
			return // somebody else's turn
		}
		slot, size = slot[4:], 8
	default:
		return
	}
	binary.BigEndian.PutUint32(slot, m.Midnight())
	o[2] += size
}

// Midnight returns the milliseconds since midnight UTC (RFC 791, RFC 792).
func (m *Module) Midnight() uint32 {
	t := m.env.Clock.Wall().UTC()
	return uint32(t.Hour()*3600+t.Minute()*60+t.Second())*1000 + uint32(t.Nanosecond()/1_000_000)
}

// EchoOptions returns the options that a reply to the received packet h
// carries (ip_options_echo): its record route and timestamp as they were
// filled, nothing else, padded to 4 bytes.
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
	for len(out)%4 != 0 {
		out = append(out, optEnd)
	}
	return out
}

// Options returns the options of a received packet, and those of an answer to
// it; see inet.Network.
func (m *Module) Options(b *skb.Buffer) (received, reply []byte) {
	h := Header(b.Network())
	if !h.Valid() || h.Len() == HeaderLen {
		return nil, nil
	}
	return append([]byte(nil), h.Options()...), EchoOptions(h)
}

// CompileOptions checks what a user wants sent (ip_options_compile): at most 40
// bytes, well formed, without a source route; see inet.Network.
func (m *Module) CompileOptions(p []byte) ([]byte, error) {
	size := (len(p) + 3) &^ 3
	if size > maxHeaderLen-HeaderLen {
		return nil, syscall.EINVAL
	}
	h := make(Header, HeaderLen+size)
	h[offVersion] = 4<<4 | byte(len(h)/4)
	copy(h[HeaderLen:], p)
	if bad, routed := m.walkOptions(h, netip.Addr{}, false); bad != 0 || routed {
		return nil, syscall.EINVAL
	}
	return h.Options(), nil
}
