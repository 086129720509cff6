package tcp

import (
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/seq"
	"github.com/slankdev/ministack/trace"
)

// The receive window (RFC 9293 3.8.6.2). What is offered follows the room in
// the receive buffer, but opens only as fast as the data that arrives proves
// to use its buffers well (rcv.ssthresh), never shrinks (RFC 9293 3.8.6,
// SHLD-14), and does not open by less than a segment (silly window avoidance,
// MUST-39). Buffers are charged at their true size, so a window is the room
// times the share of payload that the peer's segments were seen to have.

const (
	maxUnscaledWindow = 65535
	defaultWinRatio   = 128 // payload per 256 bytes of buffer, until measured
)

// winFromSpace returns the window that a buffer of space bytes can offer.
func (r *receiveSpace) winFromSpace(space int) int {
	return int(int64(space) * int64(r.ratio()) >> 8)
}

// spaceFromWin is the reverse of winFromSpace.
func (r *receiveSpace) spaceFromWin(win int) int {
	return int(int64(win) << 8 / int64(r.ratio()))
}

func (r *receiveSpace) ratio() int {
	if r.winRatio == 0 {
		return defaultWinRatio
	}
	return int(r.winRatio)
}

// fullSpace is the window of an empty receive buffer.
func (c *Conn) fullSpace() int { return c.rcv.winFromSpace(int(c.RcvBuf.Load())) }

// freeSpace is the window of what is left of it.
func (c *Conn) freeSpace() int {
	return c.rcv.winFromSpace(int(c.RcvBuf.Load()) - int(c.RmemAlloc.Load()))
}

// initialWindow returns the first window to offer, and the scale that the
// largest window to come needs (RFC 7323 2.2). A SYN's window is not scaled:
// its field shows what fits, but more is taken (tcp_select_initial_window).
func (c *Conn) initialWindow(mss int, scaling bool) (wnd uint32, wscale uint8) {
	space := int(c.RcvBuf.Load()) * defaultWinRatio >> 8
	most := max(space, c.m.set.rmem.Get(2))
	if clamp := c.firstClamp(space); clamp > 0 {
		space, most = min(space, clamp), min(most, clamp)
	}
	if mss > 0 && space > mss {
		space -= space % mss
	}
	if !scaling {
		return uint32(min(space, maxUnscaledWindow)), 0
	}
	wnd = uint32(space)
	for ; most > maxUnscaledWindow && wscale < maxWScale; most >>= 1 {
		wscale++
	}
	return wnd, wscale
}

// firstClamp is what the user said the window may be at most: TCP_WINDOW_CLAMP,
// or a receive buffer that is not tuned; 0 for nothing.
func (c *Conn) firstClamp(space int) int {
	clamp := int(c.user.windowClamp)
	if c.user.rcvBufLocked && (clamp == 0 || clamp > space) {
		clamp = space
	}
	return clamp
}

// receiveWindow is what the peer may still send: RCV.WND less what arrived
// since it was offered.
func (c *Conn) receiveWindow() int {
	return max(c.rcv.wup.Add(int(c.rcv.wnd)).Sub(c.rcv.nxt), 0)
}

// selectWindow decides the window to offer now and returns the header field.
func (c *Conn) selectWindow() uint16 {
	if c.ack.noRoom {
		return c.offerNothing()
	}
	old, next := c.receiveWindow(), c.windowNow()
	if next < old {
		next = alignUp(old, c.rcv.wscale)
		if c.windowNow() == 0 {
			c.Env().Stat.Inc(stat.TcpExtTCPWantZeroWindowAdv)
		}
	}
	next = min(next, maxUnscaledWindow<<c.rcv.wscale)
	c.countZeroWindow(old, next)
	c.rcv.wnd, c.rcv.wup = uint32(next), c.rcv.nxt
	return uint16(next >> c.rcv.wscale)
}

// offerNothing closes the window though it was open: the segment that it had
// invited found no memory (ICSK_ACK_NOMEM; RFC 9293 3.8.6 says that a sender
// must stand it, MUST-34).
func (c *Conn) offerNothing() uint16 {
	c.countZeroWindow(c.receiveWindow(), 0)
	c.rcv.wnd, c.rcv.wup = 0, c.rcv.nxt
	return 0
}

func (c *Conn) countZeroWindow(old, next int) {
	if (old == 0) == (next == 0) {
		return
	}
	id, verdict := stat.TcpExtTCPFromZeroWindowAdv, uint32(1)
	if next == 0 {
		id, verdict = stat.TcpExtTCPToZeroWindowAdv, 0
	}
	c.Env().Stat.Inc(id)
	if c.Env().Trace.On(trace.TCPWindow) {
		c.Env().Trace.Event(trace.TCPWindow, c.ID, verdict, uint32(next), 0, 0)
	}
}

// windowNow is the window that the room allows, before the rule that it must
// not shrink.
func (c *Conn) windowNow() int {
	allowed, free := c.fullSpace(), c.freeSpace()
	full := min(allowed, int(c.rcv.clamp))
	mss := min(c.rcv.mss(), full)
	if mss <= 0 {
		return 0
	}
	if free < full/2 {
		c.ack.quick = 0
		if c.underPressure() {
			c.closeWindow()
		}
		free = free >> c.rcv.wscale << c.rcv.wscale
		if free < allowed>>4 || free < mss {
			return 0
		}
	}
	free = min(free, int(c.rcv.ssthresh))
	if c.rcv.wscale > 0 {
		return alignUp(free, c.rcv.wscale)
	}
	return c.unscaledWindow(free, mss, full)
}

// unscaledWindow moves the window by whole segments only.
func (c *Conn) unscaledWindow(free, mss, full int) int {
	window := int(c.rcv.wnd)
	switch {
	case window <= free-mss || window > free:
		return free - free%mss
	case mss == full && free > window+full/2:
		return free
	}
	return window
}

func alignUp(n int, shift uint8) int {
	unit := 1 << shift
	return (n + unit - 1) &^ (unit - 1)
}

// growWindow opens rcv.ssthresh after a segment of n bytes that used its
// buffer, of so many bytes of true size, well (tcp_grow_window).
func (c *Conn) growWindow(n, size int) {
	room := min(int(c.rcv.clamp), c.freeSpace()) - int(c.rcv.ssthresh)
	if room <= 0 {
		return
	}
	if c.underPressure() {
		c.closeWindow()
		return
	}
	incr := 2 * int(c.rcv.advMSS)
	if c.rcv.winFromSpace(size) > n {
		incr = c.slowGrowth(n, size)
	}
	if incr > 0 {
		c.rcv.ssthresh += uint32(min(room, max(incr, 2*n)))
		c.ack.quick |= 1
	}
}

// slowGrowth is for segments that carry much overhead: the larger the window
// is already, the better they must be.
func (c *Conn) slowGrowth(length, size int) int {
	size = c.rcv.winFromSpace(size) >> 1
	for window := c.rcv.winFromSpace(c.m.set.rmem.Get(2)) >> 1; int(c.rcv.ssthresh) <= window; window >>= 1 {
		if size <= length {
			return 2 * c.rcv.mss()
		}
		size >>= 1
	}
	return 0
}

// measureMSS learns the peer's segment size and how well its segments fill
// their buffers (tcp_measure_rcv_mss). s has lost its header.
func (c *Conn) measureMSS(s *segment) {
	b, last := s.buf, c.rcv.lastSize
	c.rcv.lastSize = 0
	n := b.Len()
	if b.GSOSize > 0 {
		n = int(b.GSOSize)
	}
	switch {
	case n > c.rcv.mss():
		c.setRatio(uint8(min(max(b.Len()<<8/b.TrueSize(), 1), 255)))
		c.rcv.mssGuess = uint16(min(n, int(c.rcv.advMSS)))
	case n < c.rcv.mss():
		c.smallSegment(s, n, last)
	}
}

// smallSegment has the guess fall after two segments of the same smaller size,
// if they are large enough or not pushed. Others are the ends of what the peer
// wrote, which is acknowledged soon after it was read.
func (c *Conn) smallSegment(s *segment, n int, last uint16) {
	n += s.hdr.Len() - HeaderLen // options such as SACK took their room from it
	if n >= defaultMSS || n >= minMaxSeg && !s.has(FIN|URG|SYN|PSH) {
		c.rcv.lastSize = uint16(n - c.tsLen())
		if c.rcv.lastSize == last {
			c.rcv.mssGuess = last
			return
		}
	}
	c.ack.pushed = min(c.ack.pushed+1, 2)
}

// setRatio takes over how much of a buffer is data, and what follows for the
// window.
func (c *Conn) setRatio(ratio uint8) {
	if ratio == c.rcv.winRatio {
		return
	}
	c.rcv.winRatio = ratio
	c.moveClamp(max(c.fullSpace(), minRcvBuf/2))
	c.rcv.tune.space = min(c.rcv.tune.space, int32(c.rcv.clamp))
}

// withinClamp bounds a window by TCP_WINDOW_CLAMP, if the user set it.
func (c *Conn) withinClamp(n int) uint32 {
	if c.user.windowClamp > 0 {
		return min(uint32(n), c.user.windowClamp)
	}
	return uint32(n)
}

// moveClamp sets the clamp, and has the window follow (tcp_set_window_clamp).
func (c *Conn) moveClamp(n int) {
	old, now := c.rcv.clamp, c.withinClamp(n)
	c.rcv.clamp = now
	switch {
	case now < old:
		c.rcv.ssthresh = min(c.rcv.ssthresh, now)
	case now > old:
		c.rcv.ssthresh = max(c.rcv.ssthresh, min(c.rcv.wnd, now))
	}
}

// initReceiveBuffer keeps one segment's room back when the transfer begins
// (tcp_init_buffer_space), and takes what the handshake told of the peer's
// segments (tcp_initialize_rcv_mss).
func (c *Conn) initReceiveBuffer(now clock.Time) {
	full, adv := c.fullSpace(), int(c.rcv.advMSS)
	clamp := min(int(c.rcv.clamp), full)
	if clamp > 2*adv && clamp+adv > full {
		clamp = max(2*adv, full-adv)
	}
	c.rcv.clamp = uint32(clamp)
	c.rcv.ssthresh = min(c.rcv.ssthresh, c.rcv.clamp)
	c.rcv.tune = rcvTune{from: c.rcv.nxt, began: now,
		space: int32(min(int(c.rcv.ssthresh), int(c.rcv.wnd), cc.InitialWindow*adv))}
	c.rcv.mssGuess = uint16(max(min(adv, c.snd.mss, int(c.rcv.wnd)/2, defaultMSS), minMaxSeg))
}

// setClamp bounds the window to come, by TCP_WINDOW_CLAMP if the user set it.
func (c *Conn) setClamp(n uint32) {
	n = c.withinClamp(int(n))
	if !c.ts.wscaleOK {
		n = min(n, maxUnscaledWindow)
	}
	c.rcv.clamp = n
}

// sendWindowEnd is SND.UNA + SND.WND: the first byte that may not be sent.
func (c *Conn) sendWindowEnd() seq.Num { return c.snd.una.Add(int(c.snd.wnd)) }
