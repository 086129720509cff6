package tcp

import (
	"net/netip"

	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/tcp/seq"
)

// Initial sequence numbers (RFC 6528): a clock that ticks each 64 ns, as
// Linux's, plus a keyed hash of the connection's names, so that one who sees
// the numbers of one connection learns nothing of another's. Timestamps begin
// at an offset of their own for each pair of hosts (RFC 7323 5.4).

type secrets struct{ isn, stamp, cookie, port sipKey }

func (s *secrets) init(r netdev.Rand) {
	s.isn, s.stamp, s.cookie, s.port = newSipKey(r), newSipKey(r), newSipKey(r), newSipKey(r)
}

const isnTick = 64 // nanoseconds

func (m *Module) isn(local, peer netip.AddrPort) seq.Num {
	return seq.New(uint32(m.secrets.isn.names(local, peer, 0)) + uint32(m.env.Clock.Now()/isnTick))
}

func (m *Module) tsOffset(local, peer netip.AddrPort) uint32 {
	host := func(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), 0) }
	return uint32(m.secrets.stamp.names(host(local), host(peer), 0))
}
