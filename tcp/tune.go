package tcp

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/seq"
)

// Dynamic right-sizing (Fisk and Feng, 2001): the receive buffer is to hold
// twice what the user reads in a round trip, so that the window never limits a
// sender whose window still grows. The receiver learns the round trip from the
// timestamps that data echoes, or else from the time that a window takes to
// fill.

type rcvTune struct {
	began    clock.Time    // when this round trip began
	rtt      time.Duration // 0: not known
	rttAt    clock.Time
	space    int32   // bytes read in the best round trip so far
	from     seq.Num // rcv.copied when this one began
	rttSeq   seq.Num
	lastEcho uint32
}

// rttFromTimestamp takes a sample from a data segment's echo.
func (c *Conn) rttFromTimestamp(s *segment, now clock.Time) {
	t := &c.rcv.tune
	if !s.hasTS || s.tsecr == 0 || s.tsecr == t.lastEcho || s.len < c.rcv.mss() {
		return
	}
	t.lastEcho = s.tsecr
	ms := c.timestampNow(now) - s.tsecr
	if int32(ms) >= 0 {
		t.sample(max(time.Duration(ms)*time.Millisecond, time.Millisecond), false)
	}
}

// rttFromWindow takes a sample when a window's worth of data has arrived.
func (c *Conn) rttFromWindow(now clock.Time) {
	t := &c.rcv.tune
	if t.rttAt != 0 {
		if c.rcv.nxt.Before(t.rttSeq) {
			return
		}
		t.sample(max(now.Sub(t.rttAt), time.Microsecond), true)
	}
	t.rttSeq, t.rttAt = c.rcv.nxt.Add(int(c.rcv.wnd)), now
}

// sample smooths; a window that took long to fill only bounds from above.
func (t *rcvTune) sample(rtt time.Duration, bound bool) {
	switch {
	case t.rtt == 0:
		t.rtt = rtt
	case bound:
		t.rtt = min(t.rtt, rtt)
	default:
		t.rtt += (rtt - t.rtt) / 8
	}
}

// adjustBuffer grows the receive buffer after the user has read
// (tcp_rcv_space_adjust).
func (c *Conn) adjustBuffer(now clock.Time) {
	t := &c.rcv.tune
	if t.rtt == 0 || now.Sub(t.began) < t.rtt {
		return
	}
	copied := c.copied().Sub(t.from)
	if copied > int(t.space) {
		c.growBuffer(copied)
		t.space = int32(copied)
	}
	t.from, t.began = c.copied(), now
}

func (c *Conn) growBuffer(copied int) {
	if !c.m.set.moderateRcvbuf.Bool() || c.user.rcvBufLocked {
		return
	}
	old := int(c.rcv.tune.space)
	win := 2*copied + 16*int(c.rcv.advMSS)
	if old > 0 {
		win += int(2 * int64(win) * int64(copied-old) / int64(old))
	}
	size := min(c.rcv.spaceFromWin(win), c.m.set.rmem.Get(2))
	if size > int(c.RcvBuf.Load()) {
		c.RcvBuf.Store(int32(size))
		c.setClamp(uint32(c.rcv.winFromSpace(size)))
	}
}

// growSendBuffer follows the congestion window: room for two windows, each
// segment with its overhead (tcp_sndbuf_expand).
func (c *Conn) growSendBuffer() {
	if c.user.sndBufLocked || c.underPressure() || int(c.m.mem.pages.Load()) >= c.m.set.mem.Get(memLow) {
		return
	}
	const overhead = 512 // headers and bookkeeping of a segment
	perMSS := c.snd.mss + overhead
	segs := max(c.tx.CC.Cwnd, 10, c.m.set.reordering.Get()+1)
	size := min(2*segs*perMSS*sendBufferFactor, c.m.set.wmem.Get(2))
	if size > int(c.SndBuf.Load()) {
		c.SndBuf.Store(int32(size))
	}
}

// sendBufferFactor covers CUBIC's window growing while the buffer is refilled.
const sendBufferFactor = 2
