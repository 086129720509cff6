package ipv4

import (
	"encoding/binary"
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
)

// Raw is who gets datagrams beside, and before, their protocol: the raw sockets
// (raw.c). In both calls the buffer's data begins behind the network header,
// which is marked, and stays the caller's.
type Raw interface {
	// Input gives whoever listens for the datagram's protocol a copy, and
	// reports whether anybody does (raw_local_deliver).
	Input(b *skb.Buffer) bool
	// Error tells who sent the quoted packet of an ICMP error (raw_icmp_error).
	Error(b *skb.Buffer, e *inet.Error)
}

// HandleRaw enters the raw sockets. It is called before the first packet.
func (m *Module) HandleRaw(r Raw) { m.raw = r }

// noRaw are the raw sockets of a stack that has none.
type noRaw struct{}

func (noRaw) Input(*skb.Buffer) bool { return false }

func (noRaw) Error(*skb.Buffer, *inet.Error) {}

// CheckRaw looks at a packet with its header that a user wants to send by the
// route (the first half of raw_send_hdrinc, B4): whether it fits the device, and
// whether its header is long enough and ends within it. Errors: EMSGSIZE,
// EINVAL.
func (m *Module) CheckRaw(p []byte, r *inet.Route) error {
	switch {
	case len(p) > mtuOf(r.Dev):
		return syscall.EMSGSIZE
	case len(p) < HeaderLen:
		return syscall.EINVAL
	case Header(p).Len() < HeaderLen || Header(p).Len() > len(p):
		m.env.Stat.Inc(stat.IpOutDiscards)
		return syscall.EINVAL
	}
	return nil
}

// OutputRaw sends a packet whose header the user wrote, and that CheckRaw let
// pass (the second half of raw_send_hdrinc): length and checksum are always
// set, identification and source where they are 0 (B3). The route leads to the
// socket's destination, whatever the header says. loop is IP_MULTICAST_LOOP.
// Errors as Output.
func (m *Module) OutputRaw(b *skb.Buffer, r *inet.Route, loop bool) error {
	h := Header(b.Data())
	b.SetNetwork()
	m.complete(h, r)
	b.Net = skb.Net{Src: h.Src(), Dst: h.Dst(), Proto: h.Proto(), TTL: h.TTL(), TOS: h.TOS(), DF: h.DF()}
	return m.send(b, r, h.DF(), loop)
}

// complete fills in what is the stack's in a header of the user's.
func (m *Module) complete(h Header, r *inet.Route) {
	if h.Src().IsUnspecified() {
		src := r.Src.As4()
		copy(h[offSrc:], src[:])
	}
	if h.ID() == 0 {
		binary.BigEndian.PutUint16(h[offID:], m.ids.next(r, h.Proto(), 1))
	}
	h.setTotal(len(h))
	h.seal()
}
