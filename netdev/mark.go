package netdev

import (
	"encoding/binary"

	"github.com/slankdev/ministack/skb"
)

// markCE marks an ECN-capable IPv4 packet as having met congestion
// (RFC 3168 5), as a queue does that is too long. It reports whether it did.
func markCE(b *skb.Buffer, link bool) bool {
	const capable, congested = 3, 3
	off := 0
	if link {
		off = etherLen
	}
	if !b.MayPull(off + ipMinLen) {
		return false
	}
	if p := b.Data(); link && binary.BigEndian.Uint16(p[12:]) != etherIPv4 || p[off]>>4 != 4 || p[off+1]&capable == 0 {
		return false
	}
	b.Unshare()
	h := ipHeader(b.Data()[off:])
	h.set(0, binary.BigEndian.Uint16(h)|congested)
	return true
}
