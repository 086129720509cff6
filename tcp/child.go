package tcp

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/stat"
)

// newChild makes the connection of a completed passive open, in SYN-RECEIVED,
// with all that the request negotiated (tcp_create_openreq_child). s is the
// segment that completes the handshake; it is processed next.
func (m *Module) newChild(l *Conn, r *request, s *segment) *Conn {
	now := m.env.Clock.Now()
	c := m.NewSock()
	c.inherit(l)
	c.InheritFilter(&l.Sock)
	c.Local, c.Peer, c.Options.Device = r.local, r.peer, r.device
	c.Options.TOS = r.answerTOS()
	if a := l.childAuth(r); a != nil {
		c.own().auth = a
		c.guard()
	}
	c.snd.iss, c.snd.una, c.snd.nxt = r.iss, r.iss.Add(1), r.iss.Add(1)
	c.snd.up, c.snd.lastSmall, c.snd.pushed = c.snd.nxt, c.snd.nxt, c.snd.nxt
	c.snd.psh, c.snd.tail = c.snd.nxt, c.snd.nxt
	c.snd.wscale, c.snd.peerMSS = r.sndWScale, r.peerMSS
	c.snd.maxWnd = s.wnd << c.windowShift(s)
	c.passed.segsIn = 1 // the SYN
	c.rcv.irs, c.rcv.nxt, c.rcv.wup = r.irs, r.irs.Add(1), r.irs.Add(1)
	c.ts = timestampState{on: r.ts, sackOK: r.sackOK, wscaleOK: r.wscaleOK, recent: r.tsRecent, recentAge: now,
		offset: r.tsOffset, lastAck: c.rcv.nxt}
	c.ecn.on, c.ecn.acc = r.ecn, r.acc
	if r.acc != nil {
		r.acc.opening = true
	}
	c.childWindow(r)
	c.sendq.init(c.snd.nxt)
	c.initSender(now, c.snd.nxt)
	c.tx.Negotiate(r.sackOK, r.ts)
	if _, err := c.checkRoute(); err != nil {
		m.env.Stat.Inc(stat.TcpExtListenDrops)
		return nil
	}
	if r.retries > 0 || r.again > 0 {
		c.tx.HandshakeTimeouts(int(r.retries), int(r.again), r.spurious(s))
	}
	if rtt := r.roundTrip(s, now); rtt > 0 {
		c.tx.SampleRTT(now, rtt)
	}
	c.ack.lastData = now
	c.user.connected = true
	c.WaitAccept()
	c.cloned()
	c.setState(SynRecv)
	m.env.Stat.Inc(stat.TcpPassiveOpens)
	return c
}

// roundTrip is the time from the SYN-ACK to its acknowledgement, 0 if nobody
// knows: one that was sent again is only known by its timestamp (RFC 6298 3,
// Karn), and one that a cookie stands for, too.
func (r *request) roundTrip(s *segment, now clock.Time) time.Duration {
	if r.retries == 0 && r.again == 0 && r.sentAt != 0 {
		return max(now.Sub(r.sentAt), time.Microsecond)
	}
	if !r.ts || !s.hasTS || s.tsecr == 0 {
		return 0
	}
	age := int32(uint32(now.Milliseconds()) + r.tsOffset - s.tsecr)
	return time.Duration(max(age, 1)) * time.Millisecond
}

// spurious reports whether the segment answers the first SYN-ACK, so that
// those sent later were not needed (RFC 3522).
func (r *request) spurious(s *segment) bool {
	return r.ts && s.hasTS && s.tsecr == uint32(r.sentAt.Milliseconds())+r.tsOffset
}

// childWindow goes on with the window that the SYN-ACK offered.
func (c *Conn) childWindow(r *request) {
	c.rcv.advMSS, c.rcv.wscale, c.rcv.wnd = r.advMSS, r.rcvWScale, r.rcvWnd
	if r.ts {
		c.rcv.advMSS -= lenTSPad
	}
	c.setClamp(max(c.rcv.wnd, uint32(c.fullSpace())))
	c.rcv.ssthresh = c.rcv.wnd
	c.rcv.mssGuess = min(r.advMSS, defaultMSS)
}

// inherit takes over what accept(2) passes on from the listener.
func (c *Conn) inherit(l *Conn) {
	c.Options = l.Options
	c.SetWantsErrors(l.WantsErrors())
	u := &l.user
	c.user.nodelay, c.user.cork, c.user.quickack = u.nodelay, u.cork, u.quickack
	c.user.maxseg, c.user.wishes = u.maxseg, u.wishes
	c.ack.pingpong = l.ack.pingpong // TCP_QUICKACK
	c.user.fastOpenNoCookie = u.fastOpenNoCookie
	c.user.rcvBufLocked, c.user.sndBufLocked = u.rcvBufLocked, u.sndBufLocked
	c.RcvBuf.Store(l.RcvBuf.Load())
	c.SndBuf.Store(l.SndBuf.Load())
}
