package tcp

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/trace"
)

// Pacing (Linux's internal pacing, which needs no fq queue): where the
// congestion control asks for it, or SO_MAX_PACING_RATE is set, a segment
// leaves no sooner than the pacing rate allows after the one before. The first
// window goes at once, as everybody's does. A connection that does not pace
// has no state for it.

// pacing is a connection's.
type pacing struct {
	next  clock.Time // when the next segment may leave
	sent  int        // segments, while they are not paced yet
	waits bool       // something waits for next
}

// maxPacingCredit is how late a segment may be and still not delay those after
// it: about the resolution of the timer wheel, twice.
const maxPacingCredit = 2 * time.Millisecond

// paces reports whether the connection is paced, and prepares it.
func (c *Conn) paces() bool {
	st := &c.tx.CC
	if !st.PacingNeeded && st.MaxPacingRate == 0 {
		return false
	}
	if c.pace == nil {
		c.own().pace = &pacing{}
	}
	return st.PacingRate > 0
}

// mustPace reports whether nothing may leave now, and sees to it that sending
// goes on when it may (tcp_pacing_check).
func (c *Conn) mustPace(now clock.Time) bool {
	if !c.paces() || c.pace.next <= now {
		return false
	}
	if !c.pace.waits {
		c.pace.waits = true
		c.armFor(c.pace.next)
		if tr := c.Env().Trace; tr.On(trace.TCPPace) {
			tr.Event(trace.TCPPace, c.ID, uint32(min(c.tx.CC.PacingRate, 1<<32-1)), uint32(c.pace.next.Sub(now)/time.Microsecond), 0, 0)
		}
	}
	return true
}

// paced notes that octets left: the next may follow when they have gone at the
// pacing rate (tcp_update_skb_after_send).
func (c *Conn) paced(now clock.Time, octets, segs int) {
	if !c.paces() {
		return
	}
	p := c.pace
	if p.sent < cc.InitialWindow {
		p.sent += segs
		return
	}
	d := time.Duration(float64(octets) / float64(c.tx.CC.PacingRate) * float64(time.Second))
	p.next = max(p.next, now.Add(-maxPacingCredit)).Add(d)
}

// paceExpired goes on.
func (c *Conn) paceExpired(now clock.Time) {
	c.pace.waits = false
	c.output(now)
}

// SetMaxPacingRate bounds the rate at which the connection sends, in octets a
// second; 0 removes the bound (SO_MAX_PACING_RATE).
func (c *Conn) SetMaxPacingRate(rate uint64) {
	c.Lock()
	defer c.Unlock()
	c.wish().maxPacing = rate
	c.tx.CC.MaxPacingRate = rate
	if rate > 0 && c.tx.CC.PacingRate > 0 {
		c.tx.CC.PacingRate = min(c.tx.CC.PacingRate, rate)
	}
}

// MaxPacingRate returns that bound, 0 for none.
func (c *Conn) MaxPacingRate() uint64 {
	c.Lock()
	defer c.Unlock()
	return c.user.maxPacing
}
