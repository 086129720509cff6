package rtx

import (
	"time"

	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/rtt"
	"github.com/slankdev/ministack/tcp/seq"
)

// Flags are the parts of a segment besides payload that a retransmission must
// repeat.
type Flags uint8

const (
	SYN Flags = 1 << iota // takes the first sequence number of the range
	FIN                   // takes the last
	PSH                   // takes none; stays with the end of the range
)

// Range is a piece of sequence space that left, or is to leave, as one segment
// or super-segment.
type Range struct {
	Start, End seq.Num // [Start, End), SYN and FIN included
	MSS        int     // payload octets a segment (GSO size); 0: the sender's
	Flags      Flags
	Why        Why // why it is retransmitted; set by NextRetransmit, TailProbe
}

// Len returns the octets of payload.
func (r Range) Len() int {
	n := r.End.Sub(r.Start)
	if r.Flags&SYN != 0 {
		n--
	}
	if r.Flags&FIN != 0 {
		n--
	}
	return n
}

// Segs returns the number of segments on the wire for segments of mss octets:
// at least one.
func (r Range) Segs() int { return segments(r.Len(), r.MSS) }

func segments(octets, mss int) int {
	if octets <= mss || mss <= 0 {
		return 1
	}
	return (octets + mss - 1) / mss
}

// Why is the reason of a retransmission, a state change or an undo.
type Why uint8

const (
	WhyNone     Why = iota
	WhySYN          // handshake segment, retransmitted by timeout
	WhyRTO          // retransmission timeout (RFC 6298 5.4)
	WhyFast         // duplicate ACKs without SACK (RFC 5681 3.2)
	WhyRACK         // time-based loss detection (RFC 8985 6.2)
	WhyTLP          // tail loss probe (RFC 8985 7)
	WhyPMTU         // too large for the path
	WhyECN          // echoed congestion (RFC 3168 6.1.2)
	WhyReneging     // the receiver took SACKed data back (RFC 2018 8)
	WhyAcked        // the end of the episode was acknowledged
	WhyDSACK        // every retransmission was reported as a duplicate (RFC 3708)
	WhyEifel        // the ACK answers the original transmission (RFC 3522)
	WhyFRTO         // the timeout was spurious (RFC 5682)
	WhyReorder      // SACKs or duplicate ACKs: something is out of order
)

var whyNames = [...]string{"", "syn", "rto", "fast", "rack", "tlp", "pmtu", "ecn",
	"reneging", "acked", "dsack", "eifel", "frto", "reorder"}

func (w Why) String() string { return whyNames[w] }

// Config is what a Sender is made of. Zero numbers mean Linux's defaults; the
// booleans name what is switched on.
type Config struct {
	MSS             int // payload octets a segment until SetMSS; 0: 536 (RFC 9293 3.7.1)
	InitialWindow   int // segments; 0: 10 (RFC 6928)
	CwndClamp       int // segments; 0: none (the route's cwnd metric)
	Reordering      int // net.ipv4.tcp_reordering; 0: 3
	MaxReordering   int // net.ipv4.tcp_max_reordering; 0: 300
	SlowStartPacing int // percent of a window each SRTT; 0: Linux's default
	AvoidancePacing int

	SYNLinear int // net.ipv4.tcp_syn_linear_timeouts: SYN timeouts before backoff; 0: 4, negative: none

	SACK       bool // as negotiated; see Negotiate
	Timestamps bool

	NoTLP              bool // net.ipv4.tcp_early_retrans is neither 3 nor 4
	NoFRTO             bool // net.ipv4.tcp_frto = 0
	StaticReoWnd       bool // net.ipv4.tcp_recovery & 2: window stays min RTT / 4
	NoDupThresh        bool // net.ipv4.tcp_recovery & 4: wait even after dupthresh SACKs
	NoCollapse         bool // net.ipv4.tcp_retrans_collapse = 0
	SlowStartAfterIdle bool // net.ipv4.tcp_slow_start_after_idle
	ThinLinear         bool // net.ipv4.tcp_thin_linear_timeouts

	Pool      *Pool        // storage of the queue, one for all connections of a stack
	Algorithm cc.Algorithm // required
	RTT       rtt.Config
}

// Block is one SACK block [Start, End).
type Block struct{ Start, End seq.Num }

// Ack is an acceptable acknowledgement (SEG.ACK <= SND.NXT) as the connection
// saw it.
type Ack struct {
	Seq       seq.Num // SEG.ACK; may be old
	Blocks    []Block // SACK blocks as they stand in the option, at most 4 are used
	MaxWindow int     // largest window the peer ever offered, octets

	TSEcr    uint32 // echoed timestamp: low bits of clock milliseconds, offset removed
	HasTSEcr bool   // the segment carried a timestamp option with TSecr != 0

	Data         bool // the segment occupies sequence space
	WindowUpdate bool // it updated SND.WND (RFC 9293 3.10.7.4, first of the checks)
	ECE          bool // ECN-echo, on a connection that negotiated ECN
	CanSendNew   bool // unsent data is queued and the peer's window has room for it
	Merged       int  // pure ACKs that receive offload made one of; 0: 1
}

// Outcome is what an event did to recovery: for the connection's next step
// and for trace events.
type Outcome struct {
	From, To cc.CAState // recovery state before and after
	Why      Why        // why it changed last, WhyNone if it did not
	Undo     Why        // a reduction was taken back: WhyDSACK, WhyEifel, WhyFRTO
	Lost     int32      // segments newly marked lost

	Retransmit bool // NextRetransmit may have something

	MTUProbe MTUProbe // what became of one
}

// Result says what an acknowledgement did.
type Result struct {
	Outcome
	SendNewFirst bool // F-RTO: send new data before asking NextRetransmit

	Advanced  bool          // SND.UNA moved
	Acked     int           // sequence space newly acknowledged cumulatively, SYN and FIN included
	SynAcked  bool          // our SYN was among it
	Sacked    int           // segments newly SACKed
	Delivered int           // segments newly delivered: acknowledged, SACKed, duplicates reported
	Duplicate bool          // it counted as a duplicate ACK (RFC 5681 2)
	DSACK     bool          // it reported a duplicate (RFC 2883)
	RTT       time.Duration // sample taken for the estimator; negative: none
	AllAcked  bool          // nothing is outstanding any more
}

// Action says what a timer did, and what to do.
type Action struct {
	Outcome
	Probe bool // send a tail loss probe: new data, or else TailProbe
}

// Timer is the purpose of the retransmission timer.
type Timer uint8

const (
	TimerNone    Timer = iota // nothing to wait for: disarm
	TimerRTO                  // retransmission timeout
	TimerTLP                  // tail loss probe
	TimerReorder              // RACK's reordering window
)

var timerNames = [...]string{"none", "rto", "tlp", "reorder"}

func (t Timer) String() string { return timerNames[t] }

// Info is a snapshot for TCP_INFO and for tracing. Windows and counts are
// segments unless they say octets.
type Info struct {
	State                               cc.CAState
	MSS                                 int
	Cwnd, Ssthresh                      int
	Unacked, Sacked, Lost, Retrans      int
	InFlight, Reordering                int
	Backoff, Retransmits                int
	RTO, SRTT, RTTVar, MinRTT           time.Duration
	PacingRate, MaxPacingRate           uint64 // octets a second
	DeliveryRate                        uint64 // octets a second
	DeliveryRateAppLimited              bool
	Delivered, DeliveredCE              uint32
	LostTotal, RetransTotal             uint32
	ReordSeen, DSACKDups                uint32
	BytesSent, BytesAcked, BytesRetrans uint64
	TotalRTO, TotalRTORecoveries        int
	TotalRTOTime                        time.Duration
	TimeSinceLastSent                   time.Duration
	Counters                            Counters
}

// Counters counts rare events of one connection, by the names nstat gives to
// the stack's totals.
type Counters struct {
	Timeouts          uint32 // TCPTimeouts
	FastRetrans       uint32 // TCPFastRetrans
	SlowStartRetrans  uint32 // TCPSlowStartRetrans
	LostRetransmit    uint32 // TCPLostRetransmit
	LossProbes        uint32 // TCPLossProbes
	LossProbeRecovery uint32 // TCPLossProbeRecovery
	SpuriousRTOs      uint32 // TCPSpuriousRTOs
	FullUndo          uint32 // TCPFullUndo
	PartialUndo       uint32 // TCPPartialUndo
	DSACKUndo         uint32 // TCPDSACKUndo
	LossUndo          uint32 // TCPLossUndo
	SACKReneging      uint32 // TCPSACKReneging
	SACKRecovery      uint32 // TCPSackRecovery
	RenoRecovery      uint32 // TCPRenoRecovery
	SACKReorder       uint32 // TCPSACKReorder
	TSReorder         uint32 // TCPTSReorder
	RenoReorder       uint32 // TCPRenoReorder
	DSACKRecv         uint32 // TCPDSACKRecv
	DSACKOfoRecv      uint32 // TCPDSACKOfoRecv
	DSACKIgnored      uint32 // TCPDSACKIgnoredDubious
	DSACKIgnoredOld   uint32 // TCPDSACKIgnoredOld
	DSACKNoUndo       uint32 // TCPDSACKIgnoredNoUndo
	DSACKSegs         uint32 // TCPDSACKRecvSegs
	SACKDiscard       uint32 // TCPSACKDiscard
	LossFailures      uint32 // TCPLossFailures: a timeout in Loss,
	SACKRecoveryFail  uint32 // TCPSackRecoveryFail: in Recovery,
	RenoRecoveryFail  uint32 // TCPRenoRecoveryFail
	SACKFailures      uint32 // TCPSackFailures: and while something was out of order
	RenoFailures      uint32 // TCPRenoFailures

	Hystart cc.HystartCounts
}
