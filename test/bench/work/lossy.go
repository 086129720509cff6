package work

import (
	"time"

	"github.com/slankdev/ministack/test/bench/link"
)

// manyTimeouts is long enough for a retransmission timeout, of 200 ms and more,
// to be one event among others.
const manyTimeouts = 3 * time.Second

// lossy are bulk transfers over a link that loses packets. With super-segments
// a lost packet would be 64 KB: they are for links without.
func lossy() []Work {
	whole := func(l link.Spec) string {
		if l.Offload || l.Device == link.Pipe {
			return "what a router loses there are super-segments of 64 KB"
		}
		return ""
	}
	tx := Work{Name: "bulk-tx-lossy", About: "1 TCP stream from the subject, 1 % of all packets lost at random, both ways", Unit: Gbit, Counted: Peer, Streams: 1,
		Lossy: true, Least: manyTimeouts, Skip: whole, OnPeer: Part{Listen: sink}, OnSubject: Part{Run: source}}
	rx := Work{Name: "bulk-rx-lossy", About: "1 TCP stream from the peer, 1 % of all packets lost at random, both ways", Unit: Gbit, Counted: Subject, Streams: 1,
		Lossy: true, Least: manyTimeouts, Skip: whole, OnSubject: Part{Listen: sink}, OnPeer: Part{Run: source}}
	return []Work{tx, rx}
}
