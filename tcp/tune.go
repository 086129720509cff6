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
		c.sampleRcvRTT(max(time.Duration(ms)*time.Millisecond, time.Millisecond), false)
	}
}

// rttFromWindow takes a sample when a window's worth of data has arrived.
func (c *Conn) rttFromWindow(now clock.Time) {
	t := &c.rcv.tune
	if t.rttAt != 0 {
		if c.rcv.nxt.Before(t.rttSeq) {
			return
		}
		c.sampleRcvRTT(max(now.Sub(t.rttAt), time.Microsecond), true)
	}
	t.rttSeq, t.rttAt = c.rcv.nxt.Add(int(c.rcv.wnd)), now
}

// sampleRcvRTT takes the shortest, and smooths others; not those of a window,
// which may have taken long to fill, nor those of data that waited for a reader
// (tcp_rcv_rtt_update).
func (c *Conn) sampleRcvRTT(rtt time.Duration, window bool) {
	t := &c.rcv.tune
	switch {
	case t.rtt == 0 || rtt < t.rtt:
		t.rtt = rtt
	case !window && c.recvq.bytes == 0:
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
	copied := c.copied().Sub(t.from) - c.rcv.nxt.Sub(c.copied()) // less what waits to be read
	if copied > int(t.space) {
		c.growBuffer(copied)
	}
	t.from, t.began = c.copied(), now
}

// growBuffer makes room for what was copied in a round trip, which is always
// the one before: twice that, and where the sender speeds up as much again as
// it does (tcp_rcvbuf_grow). What waits out of order takes room too.
func (c *Conn) growBuffer(copied int) {
	old := int(c.rcv.tune.space)
	c.rcv.tune.space = int32(copied)
	if !c.m.set.moderateRcvbuf.Bool() || c.user.rcvBufLocked {
		return
	}
	win := 2 * copied
	if old > 0 {
		win += int(2 * int64(win) * int64(copied-old) / int64(old))
	}
	if c.ofo.len() > 0 {
		win += c.ofo.end().Sub(c.rcv.nxt)
	}
	size := min(c.rcv.spaceFromWin(win), c.m.set.rmem.Get(2))
	if size > int(c.RcvBuf.Load()) {
		c.RcvBuf.Store(int32(size))
		c.rcv.clamp = c.withinClamp(c.rcv.winFromSpace(size))
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
