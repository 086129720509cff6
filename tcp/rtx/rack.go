package rtx

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/seq"
)

// RACK (RFC 8985) infers loss from time: of two transmissions the one sent
// later was delivered, so the earlier, unless the path reorders, is lost. It
// is given one RTT of that delivered segment and a reordering window to show
// up. The rule holds for retransmissions as well as for first transmissions,
// which no counting of duplicate ACKs can do.
//
// The reordering window is nil until the path was seen to reorder, while
// recovery runs or dupthresh segments are SACKed: then RACK is as quick as
// RFC 5681. Else it is a quarter of the minimum RTT, and grows by as much
// for every round trip that brings a DSACK, up to SRTT, because a DSACK means
// that the wait was too short. It shrinks again after 16 recoveries without.
//
// Loss is looked for in the list of transmissions by time, which ends at the
// first that was sent after the latest one delivered.

const (
	maxReoSteps    = 255
	reoPersistence = 16                   // recoveries: RFC 8985 6.2 step 4
	timerSlack     = 2 * time.Millisecond // two ticks of Linux's timer
)

type rackState struct {
	sent      clock.Time    // RACK.xmit_ts: latest transmission that was delivered
	rtt       time.Duration // RACK.rtt
	end       seq.Num       // RACK.end_seq
	lastRound uint32        // Delivered when steps last changed
	steps     uint8         // RACK.reo_wnd_mult
	persist   uint8         // RACK.reo_wnd_persist
	dsackSeen bool          // a DSACK waits to raise steps
	advanced  bool          // something was delivered since loss was looked for
}

// rackAdvance takes the delivery of n into account: RFC 8985 6.2 steps 1, 2. A
// retransmission acknowledged within less than the minimum RTT is taken for
// the original that was late.
func (s *Sender) rackAdvance(n *node) {
	r := &s.rack
	rtt := s.CC.Now.Sub(n.sentAt)
	if n.has(ever|retrans) && rtt < s.CC.MinRTT {
		return
	}
	r.advanced = true
	r.rtt = rtt
	if sentAfter(n.sentAt, r.sent, n.end, r.end) {
		r.sent, r.end = n.sentAt, n.end
	}
}

// spuriousRetrans reports whether the timestamp echoed is older than the
// retransmission of n, so that the ACK answers the original.
func (s *Sender) spuriousRetrans(a *ack, n *node) bool {
	return n.has(ever) && s.echoedBefore(a, n.sentAt)
}

func (s *Sender) echoedBefore(a *ack, t clock.Time) bool {
	return s.timestamps && a.HasTSEcr && seqAfter(uint32(t.Milliseconds()), a.TSEcr)
}

// adaptReoWnd widens or resets the reordering window: RFC 8985 6.2 step 4. At
// most once a round trip, which delivery since the last change tells.
func (s *Sender) adaptReoWnd(a *ack) {
	r := &s.rack
	if s.cfg.StaticReoWnd || !a.rated || a.rs.PriorDelivered == 0 {
		return
	}
	if seqAfter(r.lastRound, a.rs.PriorDelivered) {
		r.dsackSeen = false
	}
	switch {
	case r.dsackSeen:
		r.steps = uint8(min(int(r.steps)+1, maxReoSteps))
		r.dsackSeen = false
		r.lastRound = s.CC.Delivered
		r.persist = reoPersistence
	case r.persist == 0:
		r.steps = 1
	}
}

// reoWnd returns the reordering window: RFC 8985 6.2 step 4.
func (s *Sender) reoWnd() time.Duration {
	if s.board.reordSeen == 0 {
		if s.CC.CA >= cc.Recovery {
			return 0
		}
		if s.CC.SackedOut >= s.Reordering() && !s.cfg.NoDupThresh {
			return 0
		}
	}
	return min(s.CC.MinRTT/4*time.Duration(s.rack.steps), s.CC.SRTT)
}

// rackDetect marks transmissions lost that were overtaken for longer than the
// window, and returns how long until the others are: RFC 8985 6.2 step 5.
func (s *Sender) rackDetect() (wait time.Duration) {
	if s.q.len() == 0 {
		return 0
	}
	wnd := s.reoWnd()
	for id := s.q.nodes[inFlight].next; id != inFlight; {
		n := &s.q.nodes[id]
		id = n.next
		if !sentAfter(s.rack.sent, n.sentAt, s.rack.end, n.end) {
			break
		}
		if left := s.rackLeft(n, wnd); left > 0 {
			wait = max(wait, left)
			continue
		}
		s.markLost(n)
		s.q.unlink(n)
	}
	return wait
}

// rackLeft returns how long n may still take to be delivered.
func (s *Sender) rackLeft(n *node, wnd time.Duration) time.Duration {
	return s.rack.rtt + wnd - s.CC.Now.Sub(n.sentAt)
}

// rackMarkLost looks for loss if something new was delivered, and arms the
// reordering timer for what might be lost later. It reports if it did.
func (s *Sender) rackMarkLost() bool {
	if !s.rack.advanced {
		return false
	}
	s.rack.advanced = false
	wait := s.rackDetect()
	if wait > 0 {
		s.arm(TimerReorder, wait+timerSlack)
	}
	return wait > 0
}

// reorderTimeout: the reordering window has passed.
func (s *Sender) reorderTimeout() {
	flight, lostBefore := s.CC.InFlight(), s.CC.Lost
	s.rackDetect()
	if s.CC.InFlight() != flight {
		if s.CC.CA != cc.Recovery {
			s.enterRecovery(false, WhyRACK)
			if s.ctl == nil {
				s.reduceCwnd(1, int(s.CC.Lost-lostBefore), false)
			}
		}
		s.rexmit = rexmitLost
	}
	if s.timer != TimerRTO {
		s.rearmRTO()
	}
}
