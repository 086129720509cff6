// Package cc is congestion control: the window state that it shares with loss
// recovery, the interface of an algorithm, and the algorithms.
//
// The division is Linux's (tcp_congestion_ops): package rtx detects loss, runs
// the Open/Disorder/CWR/Recovery/Loss machine and reduces the window through
// recovery; an Algorithm says how far to reduce, how to grow, and what to
// restore when a reduction proves wrong. An algorithm that wants the whole
// window for itself (BBR) also implements Controller.
//
// Windows are counted in segments of State.MSS octets, as in Linux.
package cc

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/seq"
)

const (
	InitialWindow    = 10         // segments, RFC 6928
	InfiniteSsthresh = 0x7fffffff // slow start until the first loss
)

// CAState is the state of loss recovery, with Linux's numbers (tcpi_ca_state).
type CAState uint8

const (
	Open     CAState = iota // nothing suspicious
	Disorder                // SACKs or duplicate ACKs, no loss seen yet
	CWR                     // reducing the window for ECN or local congestion
	Recovery                // reducing the window, retransmitting
	Loss                    // after a retransmission timeout
)

var stateNames = [...]string{"open", "disorder", "cwr", "recovery", "loss"}

func (c CAState) String() string { return stateNames[c] }

// Event tells an algorithm of something outside the ACK stream.
type Event uint8

const (
	EventTxStart     Event = iota // first transmission when nothing was in flight
	EventCwndRestart              // the window is restarted after idleness (RFC 5681 4.1)
	EventCompleteCWR              // end of a window reduction
	EventLoss                     // retransmission timeout
	EventECNNoCE                  // for DCTCP: a data segment arrived without CE
	EventECNIsCE                  // for DCTCP: a data segment arrived with CE
)

// State is what congestion control and loss recovery share of a connection.
// Package rtx keeps everything but the windows up to date before it calls an
// Algorithm.
type State struct {
	Now clock.Time // time of the event being processed

	MSS     int     // octets of payload in a full segment
	SndUna  seq.Num // oldest unacknowledged
	SndNxt  seq.Num // next to be sent
	HighSeq seq.Num // SND.NXT when the current CWR, Recovery or Loss began

	CA            CAState
	IsCwndLimited bool // the window, not the application, held the sender back
	PacingNeeded  bool // the algorithm wants the connection to pace

	Cwnd          int   // congestion window, segments
	Ssthresh      int   // slow start below, congestion avoidance from here on
	CwndCnt       int   // acknowledged segments not yet turned into window
	PriorCwnd     int32 // Cwnd before the current reduction
	PriorSsthresh int32 // Ssthresh to go back to if it is undone; 0: none

	PacketsOut int // segments sent and not cumulatively acknowledged
	SackedOut  int // of these, SACKed (or, without SACK, duplicate ACKs)
	LostOut    int // of these, deemed lost
	RetransOut int // of these, retransmitted and still in flight

	Delivered   uint32 // segments delivered, ever
	DeliveredCE uint32 // of these, with congestion experienced
	Lost        uint32 // segments marked lost, ever
	AppLimited  uint32 // the application paused until Delivered passes this; 0: it did not

	MaxPacketsOut int32   // most segments out in the current window of data
	CwndUsageSeq  seq.Num // end of that window of data

	SRTT     time.Duration // smoothed RTT; 0: no sample yet
	MinRTT   time.Duration // windowed minimum; 0: no sample yet
	LastSent clock.Time    // when data was last sent

	PacingRate    uint64 // octets a second; 0: unknown
	MaxPacingRate uint64 // SO_MAX_PACING_RATE; 0: unlimited

	Hystart *HystartCounts // what HyStart ended; nil: nothing
	*Limits
}

// Limits are what connections have in common: they are shared, and not changed.
type Limits struct {
	CwndClamp       int // Cwnd never grows past it
	SlowStartPacing int // percent of a window each SRTT; 0: Linux's default
	AvoidancePacing int
	GSOMaxSize      int // largest super-segment, octets
}

// HystartCounts says how often which sign ended slow start, and at which windows
// in all (TCPHystartTrainDetect and its kind).
type HystartCounts struct {
	Train, TrainCwnd uint32
	Delay, DelayCwnd uint32
}

// Sample is what an acknowledgement says of the path, for PktsAcked.
type Sample struct {
	PktsAcked int           // segments newly acknowledged cumulatively
	RTT       time.Duration // of the latest segment (S)ACKed; negative: none
	InFlight  int           // octets that were in flight when it was sent
}

// RateSample is a delivery rate sample (draft-cheng-iccrg-delivery-rate-
// estimation), for a Controller. Delivered segments in Interval is the rate.
type RateSample struct {
	PriorTime        clock.Time    // start of the sampling interval; 0: no timing
	PriorDelivered   uint32        // State.Delivered then
	PriorDeliveredCE uint32        // State.DeliveredCE then
	Delivered        int           // segments delivered over the interval; negative: invalid
	DeliveredCE      int           // of these, with congestion experienced
	Interval         time.Duration // negative: invalid
	SndInterval      time.Duration // send phase
	RcvInterval      time.Duration // ACK phase
	RTT              time.Duration // of the latest segment (S)ACKed; negative: none
	Losses           int           // segments marked lost by this ACK
	LostSince        int           // segments marked lost since it was sent
	TxInFlight       int           // segments in flight when it was sent
	AckedSacked      int           // segments newly delivered by this ACK
	PriorInFlight    int           // in flight before this ACK
	LastEnd          seq.Num       // end of the latest segment (S)ACKed
	IsAppLimited     bool          // the application had paused in the interval
	IsRetrans        bool          // the latest segment was a retransmission
	IsAckDelayed     bool          // the ACK was probably delayed
}

// Algorithm is one congestion control of one connection; it may hold state.
// Its methods change Cwnd, CwndCnt, Ssthresh and the pacing fields of State
// where the name says so, and nothing else.
type Algorithm interface {
	// Name returns the name of TCP_CONGESTION.
	Name() string
	// Init is called once, when the connection is established, or when the
	// algorithm is chosen later.
	Init(st *State)
	// Ssthresh returns the slow start threshold after a loss.
	Ssthresh(st *State) int
	// CongAvoid grows the window for acked newly delivered segments.
	CongAvoid(st *State, acked int)
	// PktsAcked is given every acknowledgement of new data.
	PktsAcked(st *State, s Sample)
	// UndoCwnd returns the window to go back to when a reduction was wrong.
	UndoCwnd(st *State) int
	// CwndEvent reports what happens outside the ACK stream.
	CwndEvent(st *State, ev Event)
	// SetState is called before State.CA becomes next.
	SetState(st *State, next CAState)
}

// Controller is an Algorithm that owns window and pacing rate (Linux's
// cong_control): it replaces CongAvoid, PRR and the pacing rule.
type Controller interface {
	Algorithm
	// CongControl is called at the end of every acknowledgement.
	CongControl(st *State, rs *RateSample)
}
