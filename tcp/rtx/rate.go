package rtx

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/seq"
)

// Delivery rate estimation (draft-cheng-iccrg-delivery-rate-estimation). Every
// transmission notes how much had been delivered by then, and when. When it is
// (S)ACKed, the difference to what is delivered now is what the path carried
// meanwhile, over the longer of two intervals: the one over which it was sent,
// and the one over which the ACKs came. Either alone would overestimate: ACKs
// may be compressed, and sending may be faster than the path.
//
// A sample taken while the application had nothing to send says only that the
// path is at least that fast; such samples are marked.

type rateState struct {
	firstTx     clock.Time // transmission of the latest segment delivered
	deliveredAt clock.Time // time of the latest delivery

	interval   time.Duration // of the sample shown by Info; 0: none yet
	delivered  uint32        // segments over this time
	wasLimited bool          // and whether it was application limited
}

// stampRate notes the state of delivery in a transmission. When nothing is in
// flight the clocks start anew: idleness is not slowness.
func (s *Sender) stampRate(n *node) {
	r := &s.rate
	if s.CC.PacketsOut == 0 {
		r.firstTx, r.deliveredAt = n.sentAt, n.sentAt
	}
	n.firstTx, n.deliveredAt = r.firstTx, r.deliveredAt
	n.delivered, n.deliveredCE = s.CC.Delivered, s.CC.DeliveredCE
	n.lost, n.inFlight = s.CC.Lost, uint32(s.CC.InFlight()+int(n.segs))
	n.appLimited = s.CC.AppLimited != 0
}

// sampleRate takes the notes of a range that is (S)ACKed, if it is the latest
// transmission of those that this ACK covers. What a SYN takes is no rate.
func (s *Sender) sampleRate(a *ack, n *node) {
	if n.has(counted) || n.flags&SYN != 0 {
		return
	}
	r, rs := &s.rate, &a.rs
	if !a.rated || sentAfter(n.sentAt, r.firstTx, n.end, rs.LastEnd) {
		a.rated = true
		rs.PriorTime = n.deliveredAt
		rs.PriorDelivered, rs.PriorDeliveredCE = n.delivered, n.deliveredCE
		rs.IsAppLimited = n.appLimited
		rs.LostSince, rs.TxInFlight = int(s.CC.Lost-n.lost), int(n.inFlight)
		rs.IsRetrans = n.has(ever)
		rs.LastEnd = n.end
		r.firstTx = n.sentAt
		rs.SndInterval = n.sentAt.Sub(n.firstTx)
	}
	if n.has(sacked) { // not again when it is acknowledged
		n.tags |= counted
	}
}

// rateSample completes the sample of an acknowledgement.
func (s *Sender) rateSample(a *ack, delivered, newlyLost int) {
	r, rs, now := &s.rate, &a.rs, s.CC.Now
	if s.CC.AppLimited != 0 && seqAfter(s.CC.Delivered, s.CC.AppLimited) {
		s.CC.AppLimited = 0
	}
	if delivered > 0 {
		r.deliveredAt = now
	}
	rs.AckedSacked, rs.Losses = delivered, newlyLost
	rs.Delivered, rs.Interval = -1, -1
	if !a.rated || a.reneging {
		return
	}
	rs.Delivered = int(s.CC.Delivered - rs.PriorDelivered)
	rs.DeliveredCE = int(s.CC.DeliveredCE - rs.PriorDeliveredCE)
	rs.RcvInterval = now.Sub(rs.PriorTime)
	// An interval below the minimum RTT comes of a retransmission whose
	// original was delivered.
	if d := max(rs.SndInterval, rs.RcvInterval); d >= s.CC.MinRTT && d > 0 {
		rs.Interval = d
		s.rate.keep(rs)
	}
}

// keep remembers the sample for Info, unless the application limited it
// and it is not the best either.
func (r *rateState) keep(rs *cc.RateSample) {
	better := float64(rs.Delivered)*float64(r.interval) >= float64(r.delivered)*float64(rs.Interval)
	if !rs.IsAppLimited || better {
		r.delivered, r.interval, r.wasLimited = uint32(rs.Delivered), rs.Interval, rs.IsAppLimited
	}
}

// AppLimited notes that the application, not the window, limits sending from
// here on, if that is so: unsent octets are queued, less than a segment.
func (s *Sender) AppLimited(unsent int) {
	if unsent < s.CC.MSS && s.CC.InFlight() < s.CC.Cwnd && s.CC.LostOut <= s.CC.RetransOut {
		s.CC.AppLimited = max(s.CC.Delivered+uint32(s.CC.InFlight()), 1)
	}
}

// deliveryRate returns octets a second.
func (r *rateState) deliveryRate(mss int) uint64 {
	if r.interval <= 0 {
		return 0
	}
	return uint64(float64(r.delivered) * float64(mss) / r.interval.Seconds())
}

func seqAfter(a, b uint32) bool { return seq.New(a).After(seq.New(b)) }
