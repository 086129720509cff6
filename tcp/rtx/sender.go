package rtx

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/rtt"
	"github.com/slankdev/ministack/tcp/seq"
)

// Sender is the loss recovery state of one connection. It is embedded by value
// and set up by Init. Its methods expect the connection's lock.
type Sender struct {
	// CC is the window state shared with congestion control. The connection
	// reads it freely; it may set MaxPacingRate, CwndClamp and GSOMaxSize.
	CC cc.State
	// RTT is the estimator; the connection may change its limits.
	RTT rtt.Estimator

	q       queue
	timerAt clock.Time // what NextTimer returns
	timer   Timer      //
	rexmit  rexmit     // what the last event allowed to be retransmitted

	burst      bool // Sent was called since OutputDone
	handshake  bool // our SYN is not acknowledged
	cwrPending bool // TakeCWR
	sack       bool // as negotiated
	timestamps bool
	thinLinear bool

	alg cc.Algorithm
	ctl *controlled // alg, if it is a cc.Controller

	out      Outcome // of the event being processed
	board    scoreboard
	rack     rackState
	undo     undoState
	prr      prrState
	tlp      tlpState
	rate     rateState
	rto      rtoState
	validate validateState

	total   totals
	cfg     *Shared
	history *history // of losses; nil: there were none
}

// rexmit is what an event allows to be retransmitted.
type rexmit uint8

const (
	rexmitNone rexmit = iota
	rexmitLost        // what is marked lost
	rexmitNew         // F-RTO: new data first
)

// totals are the counts of Info that nothing else needs.
type totals struct {
	bytesSent, bytesAcked uint64
}

// controlled is a congestion control of its own mind, and the sample that it
// judges by: it lies here, and not with the rest of an ACK's processing, since
// what is passed to an interface cannot stay on the stack.
type controlled struct {
	cc.Controller
	sample cc.RateSample
}

// Init sets up a sender whose next octet is una: the ISS of an active open, or
// the first octet after the SYN-ACK of a passive one.
func (s *Sender) Init(now clock.Time, cfg Config, una seq.Num) {
	s.Start(now, cfg.Share(), cfg.Algorithm, una)
}

// Start is Init with what is shared with other connections.
func (s *Sender) Start(now clock.Time, cfg *Shared, alg cc.Algorithm, una seq.Num) {
	*s = Sender{cfg: cfg, sack: cfg.SACK, timestamps: cfg.Timestamps, thinLinear: cfg.ThinLinear}
	s.RTT.Start(&cfg.RTT, una)
	s.CC = cc.State{
		Now: now, MSS: cfg.MSS, Cwnd: cfg.InitialWindow, Limits: &cfg.limits,
		Ssthresh: cc.InfiniteSsthresh, SndUna: una, SndNxt: una, HighSeq: una, CwndUsageSeq: una,
	}
	s.board.reordering = int32(cfg.Reordering)
	s.board.hint = una
	s.rack.steps = 1
	s.setAlgorithm(alg)
}

func (s *Sender) setAlgorithm(a cc.Algorithm) {
	s.alg = a
	s.ctl = nil
	if ctl, ok := a.(cc.Controller); ok {
		s.ctl = &controlled{Controller: ctl}
	}
}

// Negotiate tells what the handshake agreed on. It comes before the Ack of the
// SYN.
func (s *Sender) Negotiate(sack, timestamps bool) {
	s.sack, s.timestamps = sack, timestamps
}

// Established sets the initial window (RFC 6928; one segment if the SYN was
// lost more than once) and starts the congestion control. Without an RTT
// sample from the handshake the RTO is 3 s (RFC 6298 5.7).
func (s *Sender) Established(now clock.Time) {
	s.CC.Now = now
	s.handshake = false
	s.CC.Cwnd = s.cfg.InitialWindow
	if s.retransmitted() > 1 && s.undo.armed {
		s.CC.Cwnd = 1
	}
	s.CC.Ssthresh = cc.InfiniteSsthresh
	s.CC.PriorSsthresh = 0
	s.validate.stamp = now
	s.burst = false // what went with the SYN used no window
	s.CC.LastSent = now
	if s.RTT.SRTT() == 0 {
		s.RTT.Fallback()
	}
	s.alg.Init(&s.CC)
	s.updatePacingRate()
}

// HandshakeTimeouts says that a SYN-ACK was sent again before this sender took
// over, so often by a timer and so often because the SYN came again; it is to be
// called between Init and Established. After more than one, unless they proved
// spurious, the transfer begins with one segment (RFC 5681 3.1, RFC 6298 5.7).
func (s *Sender) HandshakeTimeouts(timeouts, repeats int, spurious bool) {
	h := s.past()
	h.retrans = uint32(timeouts + repeats)
	if timeouts > 0 {
		h.rto.total, h.rto.episodes = timeouts, 1
		s.undo.armed = !spurious
	}
}

// SynAckAgain counts a SYN-ACK that was sent again for a connection that is used
// before its handshake is done (RFC 7413).
func (s *Sender) SynAckAgain() { s.past().retrans++ }

// SetAlgorithm changes the congestion control of a living connection.
func (s *Sender) SetAlgorithm(now clock.Time, a cc.Algorithm) {
	s.CC.Now = now
	s.setAlgorithm(a)
	s.CC.PriorSsthresh = 0
	a.Init(&s.CC)
}

// Algorithm returns the congestion control.
func (s *Sender) Algorithm() cc.Algorithm { return s.alg }

// MSS returns the payload octets of a full segment.
func (s *Sender) MSS() int { return s.CC.MSS }

// SampleRTT takes a round trip measured by the connection: SYN-ACK to ACK.
func (s *Sender) SampleRTT(now clock.Time, d time.Duration) {
	s.CC.Now = now
	s.sampleRTT(d)
}

// TakeCWR reports once that the next segment of new data must carry CWR
// (RFC 3168 6.1.2); it matters only if ECN was negotiated.
func (s *Sender) TakeCWR() bool {
	pending := s.cwrPending
	s.cwrPending = false
	return pending
}

// Retransmits returns the timeouts since SND.UNA last moved.
func (s *Sender) Retransmits() int { return int(s.rto.retransmits) }

// Ranges returns how many ranges are sent and not acknowledged: as many as
// there were segments and super-segments, or more.
func (s *Sender) Ranges() int { return s.q.len() }

// FirstRetransmit returns when the first retransmission of the current
// episode was sent (during the handshake, when the SYN was first sent), false
// if there was none: the start of R1, R2 and the user timeout.
func (s *Sender) FirstRetransmit() (clock.Time, bool) { return s.undo.stamp, s.undo.hasStamp }

// OldestSent returns when the segment at SND.UNA was last sent, false if none
// is outstanding.
func (s *Sender) OldestSent() (clock.Time, bool) {
	if s.q.len() == 0 {
		return 0, false
	}
	return s.q.at(0).sentAt, true
}

// Release gives the memory back; the connection is closed. What was lost and
// sent again at the end can still be seen (tcp_write_queue_purge).
func (s *Sender) Release() {
	s.q.release()
	s.timer, s.timerAt = TimerNone, 0
	s.CC.PacketsOut = 0
}

// begin starts the processing of an event.
func (s *Sender) begin(now clock.Time) {
	s.CC.Now = now
	s.out = Outcome{From: s.CC.CA}
}

// end returns what the event did.
func (s *Sender) end() Outcome {
	s.out.To = s.CC.CA
	s.out.Retransmit = s.rexmit != rexmitNone && s.CC.LostOut > s.CC.RetransOut
	return s.out
}

// setCA changes the recovery state.
func (s *Sender) setCA(next cc.CAState, why Why) {
	if next != s.CC.CA {
		s.out.Why = why
	}
	s.alg.SetState(&s.CC, next)
	s.CC.CA = next
}
