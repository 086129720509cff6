package tcp

import (
	"time"

	"github.com/slankdev/ministack/stat"
)

// TCP_DEFER_ACCEPT (tcp(7)): a listener whose clients speak first need not be
// woken before they have spoken. The ACK that ends the handshake is passed
// over, and the half-open entry waits for data; near the end of the time that
// the user gave, the SYN-ACK is sent again to have the client answer, and that
// answer completes the connection without data. The time is kept as a number
// of SYN-ACKs, as Linux keeps it.

// synAcksIn is how many SYN-ACKs, with their timeouts doubling from a second,
// cover the seconds given.
func synAcksIn(seconds int) uint8 {
	if seconds <= 0 {
		return 0
	}
	n, timeout, period := uint8(1), 1, 1
	for seconds > period && n < 255 {
		n++
		timeout = min(2*timeout, int(maxRTO/time.Second))
		period += timeout
	}
	return n
}

// secondsOf is the inverse.
func secondsOf(synAcks uint8) int {
	period, timeout := 0, 1
	for range synAcks {
		period += timeout
		timeout = min(2*timeout, int(maxRTO/time.Second))
	}
	return period
}

func setDeferAccept(c *Conn, v int) error {
	c.own().server.deferAccept = synAcksIn(v)
	return nil
}

func getDeferAccept(c *Conn) int { return secondsOf(c.server.deferAccept) }

// defers reports whether an ACK without data is too early to complete the
// connection.
func (r *request) defers(s *segment) bool {
	c := r.listener
	if r.retries >= c.server.deferAccept || s.end != r.irs.Add(1) {
		return false
	}
	r.acked = true
	c.Env().Stat.Inc(stat.TcpExtTCPDeferAcceptDrop)
	return true
}

// timeoutPlan says what the timer of the SYN-ACK does now: end the entry, or
// send again. While data is waited for nothing is sent, until shortly before
// the time is over.
func (r *request) timeoutPlan() (expire, resend bool) {
	c := r.listener
	limit, wait := c.m.set.synackRetries.Get(), int(c.server.deferAccept)
	n := int(r.retries)
	if wait == 0 {
		return n >= limit, true
	}
	return n >= limit && (!r.acked || n >= wait), !r.acked || n >= wait-1
}
