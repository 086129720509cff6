package rtx

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/seq"
)

// flags is what processing has found out about an acknowledgement.
type flags uint16

const (
	flagData         flags = 1 << iota // the segment occupies sequence space
	flagWinUpdate                      // it updated SND.WND
	flagDataAcked                      // it acknowledges new data
	flagSynAcked                       // it acknowledges our SYN
	flagRetransAcked                   // among it, something that was retransmitted
	flagDataSacked                     // it SACKs something new
	flagOrigAcked                      // it (S)ACKs something sent once, before the timeout
	flagECE                            // it echoes congestion
	flagAdvanced                       // SND.UNA moved
	flagDSACK                          // it reports a duplicate
	flagDSACKTLP                       // namely of the tail loss probe
	flagReneging                       // the first range outstanding is SACKed
	flagSetTimer                       // the retransmission timer starts anew
	flagLostRetrans                    // a retransmission was found lost
	flagMaybeDelayed                   // the ACK was probably delayed

	flagAcked    = flagDataAcked | flagSynAcked
	flagNotDup   = flagData | flagWinUpdate | flagAcked
	flagCAAlert  = flagDataSacked | flagECE | flagDSACK
	flagProgress = flagAcked | flagDataSacked
)

// ack is the processing of one acknowledgement.
type ack struct {
	*Ack
	flags
	priorUna     seq.Num
	priorFack    seq.Num // forward edge of the SACKs before it
	priorPackets int
	priorSacked  int
	dups         int  // duplicate ACKs it counts for
	reneging     bool // recovery from reneging was under way

	reord         seq.Num    // lowest range delivered late without a retransmission
	sackDelivered int        // segments SACKed or reported as duplicates
	newlySacked   int        // of these, SACKed
	hasSackTime   bool       //
	firstSack     clock.Time // transmission of the first range newly SACKed
	lastSack      clock.Time // and of the last
	rtt           time.Duration

	rs    cc.RateSample // what it says of the rate of delivery
	rated bool          // rs holds a segment's notes
}

func (a *ack) is(f flags) bool { return a.flags&f != 0 }

// Ack processes an acknowledgement. One beyond SND.NXT is ignored: the
// connection answers it (RFC 9293 3.10.7.4).
func (s *Sender) Ack(now clock.Time, in *Ack) Result {
	s.begin(now)
	a := ack{Ack: in, priorUna: s.CC.SndUna, priorFack: s.highestSack(), reord: s.CC.SndNxt,
		priorPackets: s.CC.PacketsOut, priorSacked: s.CC.SackedOut,
		reneging: s.board.renegeOngoing, rtt: -1, rs: cc.RateSample{PriorInFlight: s.CC.InFlight(), RTT: -1}}
	delivered, lostBefore := s.CC.Delivered, s.CC.Lost
	switch {
	case in.Seq.After(s.CC.SndNxt):
	case in.Seq.Before(s.CC.SndUna):
		s.oldAck(&a)
	default:
		s.newAck(&a, delivered, lostBefore)
	}
	return s.result(&a, int(s.CC.Delivered-delivered))
}

func (s *Sender) result(a *ack, delivered int) Result {
	return Result{
		Outcome:      s.end(),
		SendNewFirst: s.rexmit == rexmitNew,
		Advanced:     a.is(flagAdvanced),
		Acked:        s.CC.SndUna.Sub(a.priorUna),
		SynAcked:     a.is(flagSynAcked),
		Sacked:       a.newlySacked,
		Delivered:    delivered,
		Duplicate:    a.dups > 0,
		DSACK:        a.is(flagDSACK),
		RTT:          a.rtt,
		AllAcked:     a.priorPackets > 0 && s.CC.PacketsOut == 0,
	}
}

// oldAck is an ACK that was overtaken by another: what it SACKs is still news.
func (s *Sender) oldAck(a *ack) {
	if len(a.Blocks) == 0 || !s.sack {
		return
	}
	s.rexmit = rexmitNone
	s.tagBlocks(a)
	s.countDelivered(a.sackDelivered, false)
	s.alert(a)
}

func (s *Sender) newAck(a *ack, delivered, lostBefore uint32) {
	s.rexmit = rexmitNone
	s.spuriousSYN(a)
	s.advance(a)
	s.classify(a)
	if a.priorPackets == 0 {
		s.idleAck(a)
		return
	}
	s.clean(a)
	s.adaptReoWnd(a)
	s.tlpAck(a)
	s.judge(a)
	if a.is(flagSetTimer) {
		s.setTimer()
	}
	s.rateSample(a, int(s.CC.Delivered-delivered), int(s.CC.Lost-lostBefore))
	s.congControl(a)
}

// advance moves SND.UNA.
func (s *Sender) advance(a *ack) {
	if !a.Seq.After(s.CC.SndUna) {
		return
	}
	a.flags |= flagAdvanced
	s.rto.retransmits = 0
	s.total.bytesAcked += uint64(a.Seq.Sub(s.CC.SndUna))
	s.CC.SndUna = a.Seq
	s.board.hint = seq.Max(s.board.hint, a.Seq)
}

// classify sets the flags that the segment itself decides, and tags what it
// SACKs.
func (s *Sender) classify(a *ack) {
	if a.Data {
		a.flags |= flagData
	}
	if a.WindowUpdate || a.is(flagAdvanced) {
		a.flags |= flagWinUpdate
	}
	if a.ECE {
		a.flags |= flagECE
	}
	if s.sack && len(a.Blocks) > 0 {
		s.tagBlocks(a)
		s.countDelivered(a.sackDelivered, a.ECE)
	}
}

// idleAck is one that finds nothing outstanding. It may still report a
// duplicate, and so undo a reduction, or answer a tail loss probe.
func (s *Sender) idleAck(a *ack) {
	if a.is(flagDSACK) {
		s.alert(a)
	}
	s.tlpAck(a)
}

// judge hands a dubious acknowledgement to the state machine: one that may be
// a duplicate, that reports something, or that comes while not all is well.
func (s *Sender) judge(a *ack) {
	if a.is(flagNotDup) && !a.is(flagCAAlert) && s.CC.CA == cc.Open {
		return
	}
	if !a.is(flagAdvanced | flagNotDup | flagDSACK) {
		a.dups = max(a.Merged, 1)
	}
	s.alert(a)
}

// congControl lets the window follow: by the algorithm's own rule, by PRR
// while it is being reduced, or by growth.
func (s *Sender) congControl(a *ack) {
	acked := a.rs.AckedSacked
	switch {
	case s.ctl != nil:
		s.ctl.sample = a.rs
		s.ctl.CongControl(&s.CC, &s.ctl.sample)
		return
	case s.CC.InReduction():
		s.reduceCwnd(acked, a.rs.Losses, a.is(flagAdvanced))
	case s.mayRaiseCwnd(a):
		s.alg.CongAvoid(&s.CC, acked)
		s.validate.stamp = s.CC.Now
	}
	s.updatePacingRate()
}

// mayRaiseCwnd: the window grows with data acknowledged in order (RFC 5681),
// or in any order once the path is known to reorder much.
func (s *Sender) mayRaiseCwnd(a *ack) bool {
	if s.Reordering() > s.cfg.Reordering {
		return a.is(flagProgress)
	}
	return a.is(flagDataAcked)
}

func (s *Sender) countDelivered(segs int, ece bool) {
	s.CC.Delivered += uint32(segs)
	if ece {
		s.CC.DeliveredCE += uint32(segs)
	}
}

func (s *Sender) updatePacingRate() { s.CC.UpdatePacingRate() }
