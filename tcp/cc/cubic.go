package cc

import (
	"time"

	"github.com/slankdev/ministack/clock"
)

// CUBIC (RFC 9438) in the fixed-point arithmetic of Linux, so that windows
// agree to the segment. After a loss at window Wmax the window follows
//
//	W(t) = C*(t-K)^3 + Wmax,   K = cbrt((Wmax-cwnd)/C)
//
// concave up to Wmax, flat around it, convex beyond. It depends on the time
// since the loss and not on the RTT, which is what makes flows of different
// RTT fair to one another. Time runs in units of 1/1024 s. The curve is turned
// into cnt, the number of acknowledged segments that grow the window by one.
// Where Reno would be faster (short RTT, small window), Reno's window is
// emulated and followed: the Reno-friendly region of RFC 9438 4.3.
// Slow start ends by HyStart (hystart.go), HyStart++ (hystartpp.go) or loss.

const (
	betaScale   = 1024
	beta        = 717  // RFC 9438 4.6: beta 0.7
	cubeScale   = 410  // C = 0.4 in units of 1/1024
	hz          = 1024 // units of time a second
	friendScale = 8 * (betaScale + beta) / 3 / (betaScale - beta)
	jiffy       = time.Millisecond
)

// cubeFactor turns a distance of windows into K^3: 1/C * hz^3.
const cubeFactor = (uint64(1) << 40) / cubeScale

// Cubic is the algorithm "cubic".
type Cubic struct {
	cnt      int32         // acknowledged segments for one segment of window
	wMax     int32         // window before the last reduction
	lastCwnd int32         // window that cnt was computed for
	origin   int32         // plateau of the curve
	ackCnt   int32         // segments acknowledged, for the Reno estimate
	wEst     int32         // window that Reno would have: RFC 9438 4.3
	k        int32         // time from the epoch to the plateau, 1/1024 s
	inEpoch  bool          // false after a reduction, until the next ACK
	lastTime clock.Time    // when cnt was computed
	epoch    clock.Time    // start of this curve, valid while inEpoch
	delayMin time.Duration // least RTT seen
	hystart  hystart
	plus     *hystartPP // nil: slow start ends by HyStart or loss
}

// NewCubic returns the algorithm "cubic" with HyStart as Linux has it.
func NewCubic() *Cubic { return NewCubicWith(HystartLinux) }

// Ways to leave slow start before it overshoots.
const (
	HystartOff   = 0
	HystartLinux = 1
	HystartPlus  = 2 // HyStart++ (RFC 9406)
)

// NewCubicWith returns the algorithm "cubic" with the slow start given.
func NewCubicWith(hystart int) *Cubic {
	c := &Cubic{}
	c.hystart.off = hystart != HystartLinux
	if hystart == HystartPlus {
		c.plus = new(hystartPP)
	}
	return c
}

// Name implements Algorithm.
func (*Cubic) Name() string { return "cubic" }

// Init implements Algorithm.
func (c *Cubic) Init(st *State) {
	c.reset()
	c.slowStart(st)
}

// slowStart has the way out of slow start begin anew.
func (c *Cubic) slowStart(st *State) {
	c.hystart.reset(st)
	if c.plus != nil {
		c.plus.reset(st)
	}
}

func (c *Cubic) reset() {
	*c = Cubic{hystart: c.hystart, plus: c.plus}
	c.hystart.found = c.hystart.off
}

// Ssthresh reduces to beta*cwnd and remembers the plateau. A flow that lost
// before it came back to its old plateau lets go of more, for the newcomers
// that took the difference: fast convergence, RFC 9438 4.7.
func (c *Cubic) Ssthresh(st *State) int {
	c.inEpoch = false
	if st.Cwnd < int(c.wMax) {
		c.wMax = int32(st.Cwnd * (betaScale + beta) / (2 * betaScale))
	} else {
		c.wMax = int32(st.Cwnd)
	}
	return max(st.Cwnd*beta/betaScale, 2)
}

// CongAvoid implements Algorithm: RFC 9438 4.2 to 4.5.
func (c *Cubic) CongAvoid(st *State, acked int) {
	if !st.CwndLimited() {
		return
	}
	if st.InSlowStart() {
		if c.plus != nil {
			acked = c.plus.grown(acked)
		}
		if acked = st.SlowStart(acked); acked == 0 {
			return
		}
	}
	c.update(st, acked)
	st.AdditiveIncrease(int(c.cnt), acked)
}

// PktsAcked implements Algorithm. Samples of the first second after a
// reduction are left out: the queue of the loss is still in them.
func (c *Cubic) PktsAcked(st *State, s Sample) {
	if s.RTT < 0 || c.inEpoch && st.Now.Sub(c.epoch) < time.Second {
		return
	}
	delay := max(s.RTT, time.Microsecond)
	if c.delayMin == 0 || c.delayMin > delay {
		c.delayMin = delay
	}
	switch {
	case !st.InSlowStart():
	case c.plus != nil:
		c.plus.sample(st, delay)
	case !c.hystart.found:
		c.hystart.update(st, c.delayMin, delay)
	}
}

// UndoCwnd implements Algorithm.
func (*Cubic) UndoCwnd(st *State) int { return max(st.Cwnd, int(st.PriorCwnd)) }

// CwndEvent shifts the curve by the time that the application sent nothing, so
// that idleness does not count as growth: RFC 9438 5.8.
func (c *Cubic) CwndEvent(st *State, ev Event) {
	if ev != EventTxStart || !c.inEpoch {
		return
	}
	if idle := st.Now.Sub(st.LastSent); idle > 0 {
		c.epoch = min(c.epoch.Add(idle), st.Now)
	}
}

// SetState forgets everything after a timeout: RFC 9438 4.8.
func (c *Cubic) SetState(st *State, next CAState) {
	if next == Loss {
		c.reset()
		c.slowStart(st)
	}
}
