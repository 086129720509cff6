package tcp

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
)

// What a window leaves of a burst waits for the next acknowledgement, which
// lets more go with it as one super-segment: a sender that sends every single
// segment as it comes free never sends large ones again (tcp_tso_should_defer).

// recentWrite is how long after a transmission the rest of a burst may begin to
// wait.
const recentWrite = time.Millisecond

// defers reports whether n bytes of data that may be sent, less than a full
// super-segment, are to wait; and whether it is for the congestion window.
func (c *Conn) defers(now clock.Time) (deferred, byCwnd bool) {
	mss, st := c.currentMSS(), &c.tx.CC
	data := c.sendq.end.Sub(c.snd.nxt)
	if data <= mss || st.CA >= cc.Recovery || c.user.finQueued || now.Sub(st.LastSent) > recentWrite {
		return false, false
	}
	send, cong := c.sendWindowEnd().Sub(c.snd.nxt), (st.Cwnd-st.InFlight())*mss
	limit := min(send, cong)
	if limit >= c.maxSegs()*mss || limit >= c.windowShare(mss) || !c.ackIsNear(now) {
		return false, false
	}
	return true, cong < send
}

// windowShare is what is worth being sent at once (tcp_tso_win_divisor).
func (c *Conn) windowShare(mss int) int {
	return min(int(c.snd.wnd), c.tx.CC.Cwnd*mss) / max(c.m.set.tsoWinDivisor.Get(), 1)
}

// ackIsNear reports whether the next acknowledgement is due within a
// millisecond, or half a round trip if that is less.
func (c *Conn) ackIsNear(now clock.Time) bool {
	sent, any := c.tx.OldestSent()
	rtt := c.tx.RTT.SRTT()
	return any && sent.Add(rtt).Sub(now) <= min(rtt/2, recentWrite)
}
