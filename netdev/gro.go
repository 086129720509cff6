package netdev

import "github.com/slankdev/ministack/skb"

// joinSegments joins neighbouring TCP segments of one flow in a batch into
// super-segments, in place, and returns the shorter batch (dev_gro_receive).
func joinSegments(batch []*skb.Buffer) []*skb.Buffer { return batch }
