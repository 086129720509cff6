package tcp

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/rtx"
)

// TCP Fast Open (RFC 7413), the client's side: sendto(2) with MSG_FASTOPEN
// connects and sends at once, and so does the first write after connect(2)
// with TCP_FASTOPEN_CONNECT. With a cookie of the server the SYN carries data;
// without one it asks for a cookie, and the data follows the handshake. SYN and
// data are two ranges of the retransmission queue, since a SYN is sent again
// without data and without the option: what is in between may have dropped it.

// Why Fast Open did not work, tcpi_fastopen_client_fail.
const (
	foFailUnspecified uint8 = iota
	foFailNoCookie
	foFailNotAcked
	foFailSynRetransmitted
)

// maxOptionSpace is kept free in a SYN with data, for options that middleboxes
// add (RFC 7413 4.2.1 leaves it to the host).
const maxOptionSpace = maxOptionLen

// SendFastOpen is Send on a socket that is not connected: it connects to the
// address and sends what fits the SYN (sendto(2) with MSG_FASTOPEN). Without
// patience it returns the bytes in the SYN, or EINPROGRESS if there are none.
// Errors: EOPNOTSUPP where tcp_fastopen does not allow it, EISCONN, EALREADY,
// and those of Connect and Send.
func (c *Conn) SendFastOpen(data []byte, flags int, to netip.AddrPort, p *inet.Patience) (int, error) {
	c.Lock()
	defer c.Unlock()
	n, err := c.connectWith(data, to, p)
	switch {
	case err == syscall.EINPROGRESS && n > 0:
		return n, nil
	case err != nil:
		return 0, err
	case n == len(data):
		return n, nil
	}
	rest, err := c.sendLocked(data[n:], flags, p)
	return some(n+rest, err)
}

// connectWith opens the connection with data, and waits as Connect does. It
// returns how much of the data the SYN took.
func (c *Conn) connectWith(data []byte, to netip.AddrPort, p *inet.Patience) (int, error) {
	switch {
	case c.m.set.fastOpen.Get()&foClient == 0, !to.IsValid() && !c.deferred():
		return 0, syscall.EOPNOTSUPP
	case c.deferred():
		c.fo.deferred = false
		c.sendFirstSyn(c.Env().Clock.Now(), data)
	case c.user.connecting:
		return 0, c.finishConnect(p, syscall.EALREADY)
	case c.state != Closed || c.user.connected:
		return 0, syscall.EISCONN
	default:
		c.own().fo = &fastOpen{}
		if err := c.startConnect(to, data); err != nil {
			c.own().fo = nil
			return 0, err
		}
	}
	n := c.fo.inSyn
	if n < len(data) && !p.NonBlock {
		c.user.writers++ // the rest follows at once: no bare ACK is needed
		defer func() { c.user.writers-- }()
	}
	return n, c.finishConnect(p, syscall.EINPROGRESS)
}

// deferred reports whether connect(2) was put off until data comes.
func (c *Conn) deferred() bool { return c.fo != nil && c.fo.deferred }

// OpensLate reports whether the next write opens the connection.
func (c *Conn) OpensLate() bool {
	if c.State() != SynSent {
		return false
	}
	c.Lock()
	defer c.Unlock()
	return c.deferred()
}

// mayDefer decides, for TCP_FASTOPEN_CONNECT, whether the SYN can wait for
// data: only where a cookie is at hand. Where none is, the SYN asks for it.
func (c *Conn) mayDefer() bool {
	if !c.user.fastOpenConnect || c.m.set.fastOpen.Get()&foClient == 0 {
		return false
	}
	c.own().fo = &fastOpen{}
	if _, ok := c.clientCookie(); ok {
		c.fo.deferred = true
		return true
	}
	c.fo.fail = foFailNoCookie
	return false
}

// clientCookie returns the cookie to show, and whether data may go into the
// SYN; without a cookie where the setting or the option says so.
func (c *Conn) clientCookie() ([]byte, bool) {
	if c.m.set.fastOpen.Get()&foClientNoCookie != 0 || c.user.fastOpenNoCookie {
		return nil, true
	}
	e := c.m.fastOpenOf(c.Peer.Addr())
	c.fo.exp = len(e.cookie) > 0 && e.exp || len(e.cookie) == 0 && e.tryExp == 1
	return e.cookie, len(e.cookie) > 0
}

// sendFirstSyn sends the SYN of an active open; with Fast Open it carries the
// option and, if it may, the first of the data (tcp_send_syn_data).
func (c *Conn) sendFirstSyn(now clock.Time, data []byte) {
	c.tx.Sent(now, rtx.Range{Start: c.snd.iss, End: c.snd.nxt, Flags: rtx.SYN})
	var o optionSpace
	n := 0
	if c.fo != nil {
		o = c.fastOpenSyn(now, data)
		n = c.fo.inSyn
	}
	c.transmitSynWith(now, &o, n)
	c.armRtx(now)
}

// fastOpenSyn queues what fits the SYN, and returns the option.
func (c *Conn) fastOpenSyn(now clock.Time, data []byte) (o optionSpace) {
	cookie, withData := c.clientCookie()
	if !withData {
		c.fo.asked, c.fo.fail = true, foFailNoCookie
		return optionSpace{hasFO: true, foExp: c.fo.exp}
	}
	if len(cookie) > 0 {
		o = optionSpace{hasFO: true, fo: cookie, foExp: c.fo.exp}
		c.fo.asked = true
	}
	c.snd.peerMSS = c.rcv.advMSS
	if e := c.m.fastOpenOf(c.Peer.Addr()); e.mss != 0 {
		c.snd.peerMSS = e.mss
	}
	c.syncMSS(c.route.MTU)
	n := max(min(len(data), c.snd.mss+c.tsLen()-maxOptionSpace), 0)
	if n == 0 {
		return o
	}
	c.sendq.write(&c.m.storage, data[:n])
	c.chargeSend()
	c.snd.nxt = c.snd.nxt.Add(n)
	c.tx.Sent(now, rtx.Range{Start: c.snd.iss.Add(1), End: c.snd.nxt, MSS: n, Flags: rtx.PSH})
	c.fo.inSyn = n
	c.chrono.start(now, chronoBusy)
	c.Env().Stat.Inc(stat.TcpExtTCPOrigDataSent)
	return o
}

// fastOpenAnswer learns from the SYN-ACK (RFC 7413 4.2.2): the cookie that it
// gives, and whether the data was taken. It reports true where it was not; the
// data is then sent again at once.
func (c *Conn) fastOpenAnswer(s *segment, now clock.Time) (resend bool) {
	if c.fo == nil || !c.fo.asked && c.fo.inSyn == 0 {
		return false
	}
	st := c.Env().Stat
	c.rememberCookie(s)
	if c.fo.inSyn == 0 {
		return false
	}
	if s.ack.AtOrAfter(c.snd.iss.Add(1 + c.fo.inSyn)) {
		c.fo.synData = true
		c.tx.CC.Delivered-- // SYN and data were one segment
		st.Inc(stat.TcpExtTCPFastOpenActive)
		return false
	}
	c.fo.fail = foFailNotAcked
	if c.fo.again {
		c.fo.fail = foFailSynRetransmitted
	}
	st.Inc(stat.TcpExtTCPFastOpenActiveFail)
	act := c.tx.LoseAll(now)
	c.noteOutcome(&act.Outcome)
	return true
}

// rememberCookie keeps what the SYN-ACK gives for the next time. Where the
// server does not answer to one form of the option, the other is tried next
// (RFC 7413 A.1).
func (c *Conn) rememberCookie(s *segment) {
	e := c.m.fastOpenOf(c.Peer.Addr())
	e.mss = s.mss
	has := s.hasFO && s.foLen > 0 && c.fo.asked
	if lost := c.fo.again && !has && c.fo.inSyn > 0; lost {
		e.drops++
	} else {
		e.drops = 0
	}
	switch {
	case has:
		e.cookie, e.exp = append([]byte(nil), s.foCookie[:s.foLen]...), s.foExp
	case !c.fo.asked, c.fo.again, c.fo.inSyn > 0, len(e.cookie) > 0:
	case c.fo.exp:
		e.tryExp = max(e.tryExp, 2)
	default:
		e.tryExp = max(e.tryExp, 1)
	}
	c.m.rememberFastOpen(c.Peer.Addr(), e)
}

// setFastOpenConnect is TCP_FASTOPEN_CONNECT.
func setFastOpenConnect(c *Conn, v int) error {
	switch {
	case v != 0 && v != 1:
		return syscall.EINVAL
	case c.m.set.fastOpen.Get()&foClient == 0:
		return syscall.EOPNOTSUPP
	case c.state != Closed:
		return syscall.EINVAL
	}
	c.user.fastOpenConnect = v != 0
	return nil
}

// setFastOpenNoCookie is TCP_FASTOPEN_NO_COOKIE.
func setFastOpenNoCookie(c *Conn, v int) error {
	if v != 0 && v != 1 || !c.state.in(setOf(Closed, Listen)) {
		return syscall.EINVAL
	}
	c.user.fastOpenNoCookie = v != 0
	return nil
}
