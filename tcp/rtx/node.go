package rtx

import (
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/seq"
)

// tag is what is known of a range: the TCPCB bits of Linux. The combinations
// that occur:
//
//	none          in flight
//	sacked        delivered out of order
//	lost          out of the network, to be retransmitted
//	lost|retrans  retransmitted, and that retransmission in flight
//	retrans       the same, after the loss proved imaginary
//	sacked|retrans  ditto, and one of the two copies has arrived
//
// ever joins any of them once the range was retransmitted; counted, once a
// rate sample was taken from it.
type tag uint8

const (
	sacked tag = 1 << iota
	retrans
	lost
	ever
	counted
)

// node is a range of sequence space that was sent and is not acknowledged:
// one segment, or several that left as one super-segment. It is split where
// they part company.
type node struct {
	start, end  seq.Num
	sentAt      clock.Time // last transmission
	firstTx     clock.Time // rate sample: start of the send phase
	deliveredAt clock.Time // rate sample: start of the ACK phase
	delivered   uint32     // Delivered at sentAt
	deliveredCE uint32
	lost        uint32  // segments marked lost by then
	inFlight    uint32  // segments in flight with this one
	runEnd      seq.Num // sacked: all before it is known to be sacked too
	segs        int32
	next, prev  int32 // by time of transmission, see timeList
	mss         uint16
	list        timeList
	flags       Flags
	tags        tag
	appLimited  bool
}

// len returns the octets of payload.
func (n *node) len() int { return n.rng().Len() }

// segLen returns the payload octets of its largest segment.
func (n *node) segLen() int { return min(n.len(), int(n.mss)) }

func (n *node) has(t tag) bool { return n.tags&t != 0 }

func (n *node) rng() Range {
	return Range{Start: n.start, End: n.end, MSS: int(n.mss), Flags: n.flags}
}

// sentAfter orders transmissions by time, and those of one instant by
// sequence: RFC 8985 6.2 step 2.
func sentAfter(t1, t2 clock.Time, end1, end2 seq.Num) bool {
	return t1.After(t2) || t1 == t2 && end1.After(end2)
}
