package tcp

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/rtx"
)

// Packetization layer path MTU discovery (RFC 4821, RFC 8899; Linux's
// tcp_mtu_probing). Where ICMP is filtered a path MTU that is smaller than the
// links' swallows every full segment and says nothing. So the connection finds
// it by itself: low is a size that is known to arrive, high one that may, and
// now and then a segment of the size between them is sent. If it arrives it is
// low, if it alone is lost it is below high. It ends when they are close.
//
//	net.ipv4.tcp_mtu_probing  0 never, 1 once a black hole is suspected, 2 always
//	net.ipv4.tcp_base_mss          where low begins
//	net.ipv4.tcp_mtu_probe_floor   below which it never falls
//	net.ipv4.tcp_probe_threshold   how close is close, in bytes
//	net.ipv4.tcp_probe_interval    seconds until a found size is doubted
//
// A black hole is suspected when retransmissions have gone without an answer
// for longer than tcp_retries1 says (RFC 4821 7.7): then low is where segments
// begin, and if that does not help either, half of it.

// mtuSearch is a connection's search.
type mtuSearch struct {
	on        bool
	low, high int // bytes of IP packets
	size      int // of the probe under way
	began     clock.Time
}

// Values of net.ipv4.tcp_mtu_probing.
const (
	mtuProbingOff = iota
	mtuProbingBlackHole
	mtuProbingAlways
)

// startMTUSearch begins with the connection (tcp_mtup_init).
func (c *Conn) startMTUSearch(now clock.Time) {
	set := &c.m.set
	if set.mtuProbing.Get() == mtuProbingOff {
		return
	}
	c.own().mtu = &mtuSearch{on: set.mtuProbing.Get() == mtuProbingAlways, high: c.largestMTU(),
		low: c.mtuFor(set.baseMSS.Get()), began: now}
}

// largestMTU is what the peer's MSS allows.
func (c *Conn) largestMTU() int { return int(c.snd.peerMSS) + c.m.headers() }

// mssFor is the payload that packets of a size carry, and mtuFor the reverse
// (tcp_mtu_to_mss, tcp_mss_to_mtu).
func (c *Conn) mssFor(mtu int) int {
	mss := mtu - c.m.headers()
	if peer := int(c.snd.peerMSS); peer > 0 {
		mss = min(mss, peer)
	} else {
		mss = min(mss, defaultMSS)
	}
	if c.user.maxseg > 0 {
		mss = min(mss, int(c.user.maxseg))
	}
	return max(mss, c.m.set.minSndMSS.Get()) - c.tsLen()
}

func (c *Conn) mtuFor(mss int) int { return mss + c.tsLen() + c.m.headers() }

// probeMTU sends a probe if it is time and there is data for one and what
// follows it (tcp_mtu_probe). wait says that new data is to wait, so that there
// soon is room for one.
func (c *Conn) probeMTU(now clock.Time) (sent, wait bool) {
	p := c.mtu
	if p == nil || !p.on || !c.tx.MayProbeMTU() || c.sackCount() > 0 {
		return false, false
	}
	size := c.mssFor((p.high + p.low) / 2)
	if size > c.mssFor(p.high) || p.high-p.low < c.m.set.probeThreshold.Get() {
		c.doubtMTU(now)
		return false, false
	}
	needed := size + (c.tx.Reordering()+1)*c.currentMSS()
	switch flight := c.tx.CC.InFlight(); {
	case c.sendq.end.Sub(c.snd.nxt) < needed || int(c.snd.wnd) < needed:
		return false, false
	case c.snd.nxt.Add(needed).After(c.sendWindowEnd()):
		return false, true
	case flight+2 > c.tx.CC.Cwnd:
		return false, flight > 0
	}
	return c.sendMTUProbe(now, size), false
}

func (c *Conn) sendMTUProbe(now clock.Time, size int) bool {
	from := c.snd.nxt
	if !c.sendRange(now, size, size, false) {
		return false
	}
	if c.snd.nxt != from.Add(size) { // in so many pieces that it was cut
		return true
	}
	c.mtu.size = c.mtuFor(size)
	c.tx.MTUProbeSent(rtx.Range{Start: from, End: c.snd.nxt})
	return true
}

// doubtMTU begins the search again above what was found, in case the path has
// become better (RFC 4821 7.3, tcp_mtu_check_reprobe).
func (c *Conn) doubtMTU(now clock.Time) {
	p := c.mtu
	if now.Sub(p.began) < time.Duration(c.m.set.probeInterval.Get())*time.Second {
		return
	}
	p.low, p.high, p.began = c.mtuFor(c.currentMSS()), min(c.largestMTU(), c.route.MTU), now
}

// mtuProbed takes over what became of a probe.
func (c *Conn) mtuProbed(verdict rtx.MTUProbe) {
	p := c.mtu
	switch verdict {
	case rtx.MTUProbeWorked:
		c.Env().Stat.Inc(stat.TcpExtTCPMTUPSuccess)
		old := c.mtuFor(c.snd.mss)
		p.low = p.size
		c.tx.GrowMSS(c.mssFor(p.low), old, p.size)
		c.syncMSS(c.route.MTU)
	case rtx.MTUProbeFailed:
		c.Env().Stat.Inc(stat.TcpExtTCPMTUPFail)
		p.high = p.size - 1
	}
}

// suspectBlackHole is for a connection whose retransmissions find no answer
// (tcp_mtu_probing).
func (c *Conn) suspectBlackHole(now clock.Time) {
	set := &c.m.set
	if set.mtuProbing.Get() == mtuProbingOff {
		return
	}
	if c.mtu == nil { // it was off when the connection began
		c.startMTUSearch(now)
		c.mtu.on = false
	}
	switch p := c.mtu; {
	case !p.on:
		p.on, p.began = true, now
	default:
		half := min(c.mssFor(p.low)/2, set.baseMSS.Get())
		p.low = c.mtuFor(max(half, set.probeFloor.Get(), set.minSndMSS.Get()))
	}
	c.syncMSS(c.route.MTU)
}
