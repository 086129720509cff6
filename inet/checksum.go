package inet

import (
	"github.com/slankdev/ministack/checksum"
	"github.com/slankdev/ministack/skb"
)

// Sum continues a one's complement sum over the packet, its payload where it
// lies (skb_checksum).
func Sum(initial uint16, b *skb.Buffer) uint16 {
	sum := checksum.Sum(initial, b.Data())
	off := b.HeadLen()
	for i := range b.Frags() {
		p := b.Frags()[i].Bytes()
		sum = checksum.SumAt(sum, off, p)
		off += len(p)
	}
	return sum
}

// ChecksumRight verifies the checksum of a transport's packet under the
// pseudo-header of what the network header said.
func ChecksumRight(b *skb.Buffer, proto uint8) bool {
	return checksum.Valid(Sum(checksum.PseudoHeader(b.Net.Src, b.Net.Dst, proto, b.Len()), b))
}
