package tcp

import (
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
)

// The sender's segment size (RFC 9293 3.7.1, RFC 6691): the path MTU less the
// fixed headers, no more than the peer's MSS, less the options that every
// segment carries. SACK blocks, which come and go, are taken off when a
// segment is built.

const (
	defaultMSS = 536 // RFC 9293 3.7.1, MUST-15
	lenTSPad   = 12  // timestamps with their padding
	maxGSO     = 65535
)

// tsLen is what timestamps, and a signature, take in every segment.
func (c *Conn) tsLen() int {
	if c.ts.on {
		return lenTSPad + c.signatureLen()
	}
	return c.signatureLen()
}

// headers returns the length of the network header and of a bare TCP header.
func (m *Module) headers() int { return m.net.HeaderLen() + HeaderLen }

// advertisedMSS is the MSS option: what we can receive (RFC 9293 3.7.1).
func (m *Module) advertisedMSS(r *inet.Route, maxseg uint16) uint16 {
	mss := min(r.Dev.MTU(), r.MTU) - m.headers()
	if maxseg > 0 {
		mss = min(mss, int(maxseg))
	}
	return uint16(max(min(mss, 65535), 0))
}

// syncMSS works the segment size out anew; path is the MTU of the path. While
// the path MTU is searched for it is what is known to arrive (tcp_sync_mss).
func (c *Conn) syncMSS(path int) {
	if c.mtu != nil {
		c.mtu.high = min(c.mtu.high, path)
	}
	mss := c.boundToHalfWindow(c.mssFor(path))
	if c.mtu != nil && c.mtu.on {
		mss = min(mss, c.mssFor(c.mtu.low))
	}
	c.snd.mss = mss
	if c.tx.MSS() != mss {
		c.tx.SetMSS(mss)
	}
}

// boundToHalfWindow keeps a sender with a peer of tiny windows from waiting for
// room that never comes.
func (c *Conn) boundToHalfWindow(size int) int {
	half := int(c.snd.maxWnd)
	if half > defaultMSS {
		half /= 2
	}
	if half > 0 && size > half {
		return max(half, 68-HeaderLen-c.tsLen())
	}
	return size
}

// currentMSS is the payload of a full segment that leaves now.
func (c *Conn) currentMSS() int {
	mss := c.snd.mss
	if n := c.sackCount(); n > 0 {
		mss -= 4 + lenSackBlock*n
	}
	return mss
}

// sackCount is how many blocks the next segment reports.
func (c *Conn) sackCount() int {
	n, _ := c.ofo.reported()
	if !c.ts.sackOK || n == 0 {
		return 0
	}
	return min(n, (maxOptionLen-c.tsLen()-4)/lenSackBlock)
}

// checkRoute returns the connection's route, looked up anew where the old one
// is no longer valid, and follows a changed path MTU.
func (c *Conn) checkRoute() (*inet.Route, error) {
	if c.route.Valid() {
		return c.route, nil
	}
	r, err := c.m.net.Route(&inet.Flow{Dst: c.Peer.Addr(), Src: c.Local.Addr(), Device: c.Options.Device, TOS: c.Options.TOS})
	if err != nil {
		return nil, err
	}
	changed := c.route != nil && c.route.MTU != r.MTU
	c.route = r
	if changed && c.snd.mss > 0 {
		c.syncMSS(r.MTU)
	}
	return r, nil
}

// mtuChanged follows a path MTU that ICMP lowered: segments in flight that are
// too large are sent again, smaller (RFC 1191 6.5).
func (c *Conn) mtuChanged(now clock.Time) {
	old := c.snd.mss // checkRoute may change it
	r, err := c.checkRoute()
	if err != nil || c.state.in(setOf(Closed, Listen)) {
		return
	}
	c.syncMSS(r.MTU)
	switch {
	case c.state == SynSent && c.fo != nil && c.fo.inSyn > 0: // SYN and data are one packet, larger than either
		c.tx.LoseAll(now)
	case c.snd.mss < old:
		c.tx.PathMTU(now, c.snd.mss)
	default:
		return
	}
	c.output(now)
}
