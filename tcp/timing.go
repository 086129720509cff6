package tcp

import (
	"syscall"
	"time"
)

// What a socket may choose of the timing of its timers: the bounds of the
// retransmission timeout (RFC 6298 2.4 and 2.5) and of the delayed
// acknowledgement (RFC 9293 3.8.6.3), and whether a thin stream backs off.
//
// A stream is thin if it never has enough in flight for fast retransmit: then
// each loss costs a timeout, and exponential backoff costs most to those who
// send least. With thin linear timeouts (Linux's tcp-thin.rst) the first six
// timeouts of such a stream do not double; the seventh does, so that a dead
// path is still left alone in the end.

// Options of level IPPROTO_TCP that are this file's.
const (
	OptThinLinearTimeouts = 16
	OptRTOMaxMS           = 44
	OptRTOMinUS           = 45
	OptDelAckMaxUS        = 46
)

// timing is what the user chose; zero: the stack's setting.
type timing struct {
	rtoMin, rtoMax, delackMax time.Duration
	thinLinear                bool
}

func (c *Conn) rtoMin() time.Duration {
	if t := c.user.timing.rtoMin; t != 0 {
		return t
	}
	return time.Duration(c.m.set.rtoMin.Get()) * time.Microsecond
}

func (c *Conn) rtoMax() time.Duration {
	if t := c.user.timing.rtoMax; t != 0 {
		return t
	}
	return time.Duration(c.m.set.rtoMax.Get()) * time.Millisecond
}

func (c *Conn) delackMax() time.Duration {
	if t := c.user.timing.delackMax; t != 0 {
		return t
	}
	return delayedAckMax
}

// applyTiming hands the bounds to the estimator.
func (c *Conn) applyTiming() {
	c.tx.RTT.SetMinRTO(c.rtoMin())
	c.tx.RTT.SetMaxRTO(c.rtoMax())
	c.tx.SetThinLinear(c.user.timing.thinLinear || c.m.set.thinLinear.Bool())
}

// bound makes a setter of a time that is a number of units from low to high.
func bound(low, high, unit time.Duration, field func(*timing) *time.Duration) func(*Conn, int) error {
	return func(c *Conn, v int) error {
		d := time.Duration(v) * unit
		if v < 0 || d < low || d > high {
			return syscall.EINVAL
		}
		*field(&c.wish().timing) = d
		if !c.state.in(setOf(Closed, Listen)) {
			c.applyTiming()
		}
		return nil
	}
}

const (
	minRTOMax  = time.Second
	shortTimer = 2 * time.Millisecond // TCP_TIMEOUT_MIN where a jiffy is a millisecond
	longTimer  = 200 * time.Millisecond
	maxRTO     = 120 * time.Second
)

func boundOption(name int) (option, bool) {
	switch name {
	case OptThinLinearTimeouts:
		return option{func(c *Conn) int { return toInt(c.user.timing.thinLinear) }, within(0, 1, setThinLinear)}, true
	case OptRTOMaxMS:
		return option{func(c *Conn) int { return int(c.rtoMax() / time.Millisecond) },
			bound(minRTOMax, maxRTO, time.Millisecond, func(t *timing) *time.Duration { return &t.rtoMax })}, true
	case OptRTOMinUS:
		return option{func(c *Conn) int { return int(c.rtoMin() / time.Microsecond) },
			bound(shortTimer, longTimer, time.Microsecond, func(t *timing) *time.Duration { return &t.rtoMin })}, true
	case OptDelAckMaxUS:
		return option{func(c *Conn) int { return int(c.delackMax() / time.Microsecond) },
			bound(shortTimer, longTimer, time.Microsecond, func(t *timing) *time.Duration { return &t.delackMax })}, true
	}
	return option{}, false
}

func setThinLinear(c *Conn, v int) {
	c.wish().timing.thinLinear = v != 0
	if !c.state.in(setOf(Closed, Listen)) {
		c.applyTiming()
	}
}
