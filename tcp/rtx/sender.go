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

	cfg Config
}

// Init sets up a sender whose next octet is una: the ISS of an active open, or
// the first octet after the SYN-ACK of a passive one.
func (s *Sender) Init(now clock.Time, cfg Config, una seq.Num) { s.cfg = cfg }

// Negotiate tells what the handshake agreed on. It comes before the Ack of the
// SYN.
func (s *Sender) Negotiate(sack, timestamps bool) {}

// Established sets the initial window (RFC 6928; one segment if the SYN was
// lost twice, RFC 6298 5.7) and starts the congestion control.
func (s *Sender) Established(now clock.Time) {}

// SetAlgorithm changes the congestion control of a living connection.
func (s *Sender) SetAlgorithm(now clock.Time, a cc.Algorithm) {}

// MSS returns the payload octets of a full segment.
func (s *Sender) MSS() int { return s.CC.MSS }

// SetMSS changes the segment size for what is sent from now on, and for
// retransmissions of what was. See PathMTU for the case that segments in
// flight are known to be too large.
func (s *Sender) SetMSS(mss int) {}

// PathMTU lowers the segment size because the path refused larger packets:
// outstanding segments that are larger are lost and retransmitted smaller,
// without a reduction of the window (RFC 1191 6.5).
func (s *Sender) PathMTU(now clock.Time, mss int) Action { return Action{} }

// LoseAll marks all that is outstanding as lost, not by congestion: data in a
// SYN that the peer's SYN-ACK left out (RFC 7413 4.2.1).
func (s *Sender) LoseAll(now clock.Time) Action { return Action{} }

// SampleRTT takes a round trip measured by the connection: SYN-ACK to ACK.
func (s *Sender) SampleRTT(now clock.Time, d time.Duration) {}

// BeforeWrite is called when the user hands over data: it restarts the window
// after idleness (RFC 5681 4.1, if configured) and notes if the path was left
// unused. unsent is the octets that were queued before.
func (s *Sender) BeforeWrite(now clock.Time, unsent int) {}

// AppLimited notes that the application, not the window, limits sending from
// here on, if that is so: unsent octets are queued, less than a segment.
func (s *Sender) AppLimited(unsent int) {}

// Budget returns how many segments of new data the window allows now.
func (s *Sender) Budget() int { return 0 }

// Sent records that r, starting at SND.NXT, was transmitted the first time.
func (s *Sender) Sent(now clock.Time, r Range) {}

// OutputDone ends an attempt to send new data, successful or not. deferred
// says that the connection held data back only to let the window open for a
// larger super-segment.
func (s *Sender) OutputDone(now clock.Time, deferred bool) {}

// NextRetransmit returns what to retransmit now, if there is anything lost and
// the window allows it. It has at most maxSegs segments and ends within the
// peer's window (wndEnd = SND.UNA+SND.WND), except that the first segment may
// always be sent: it serves as a window probe.
func (s *Sender) NextRetransmit(wndEnd seq.Num, maxSegs int) (Range, bool) { return Range{}, false }

// Retransmitted records that r, from NextRetransmit, was transmitted.
func (s *Sender) Retransmitted(now clock.Time, r Range) {}

// Ack processes an acknowledgement.
func (s *Sender) Ack(now clock.Time, a *Ack) Result { return Result{} }

// NextTimer returns what the connection's retransmission timer is to be armed
// for, and when it fires. It is to be asked after every other call.
func (s *Sender) NextTimer() (Timer, clock.Time) { return TimerNone, 0 }

// OnTimer is called when the armed timer has fired.
func (s *Sender) OnTimer(now clock.Time, t Timer) Action { return Action{} }

// TailProbe returns the last segment, to be sent as a tail loss probe when
// there is no new data.
func (s *Sender) TailProbe() (Range, bool) { return Range{}, false }

// Probed records that the tail loss probe was new data, already given to Sent.
func (s *Sender) Probed(now clock.Time) {}

// ProbeRetransmitted records that the tail loss probe was r, of TailProbe.
func (s *Sender) ProbeRetransmitted(now clock.Time, r Range) {}

// EnterCWR reduces the window without loss: local congestion (RFC 3168 6.1.2
// treats ECN-echo alike, inside Ack).
func (s *Sender) EnterCWR(now clock.Time) {}

// TakeCWR reports once that the next segment of new data must carry CWR
// (RFC 3168 6.1.2); it matters only if ECN was negotiated.
func (s *Sender) TakeCWR() bool { return false }

// Unreachable takes back one backoff, because ICMP says that the segment at
// SND.UNA was lost to the path and not to congestion (RFC 6069).
func (s *Sender) Unreachable(now clock.Time) {}

// Retransmits returns the timeouts since SND.UNA last moved.
func (s *Sender) Retransmits() int { return 0 }

// FirstRetransmit returns when the first retransmission of the current
// episode was sent, false if there was none: the start of R1, R2 and the user
// timeout.
func (s *Sender) FirstRetransmit() (clock.Time, bool) { return 0, false }

// OldestSent returns when the segment at SND.UNA was last sent, false if none
// is outstanding.
func (s *Sender) OldestSent() (clock.Time, bool) { return 0, false }

// Info returns a snapshot.
func (s *Sender) Info(now clock.Time) Info { return Info{} }

// Release gives the memory back; the connection is closed.
func (s *Sender) Release() {}
