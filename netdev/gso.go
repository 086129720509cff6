package netdev

import "github.com/slankdev/ministack/skb"

// Segment cuts the super-segment b, a whole frame, into frames of at most
// GSOSize bytes of payload each, appends them to out and consumes b. On
// failure b is dropped and the reason returned.
func Segment(b *skb.Buffer, out *skb.Queue) skb.Reason {
	return b.Drop(skb.GSOFailed)
}

// FinishChecksum completes a CsumPartial checksum in software
// (skb_checksum_help). The frame's linear part is made its own first.
func FinishChecksum(b *skb.Buffer) skb.Reason {
	return skb.HdrTrunc
}
