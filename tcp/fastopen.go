package tcp

import (
	"sync"
	"syscall"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/seq"
)

// TCP Fast Open (RFC 7413), the server's side. A SYN that shows a valid cookie
// comes from an address that once answered, so its data may be used before the
// handshake ends: the connection is made at once, in SYN-RECEIVED, and stands
// in the accept queue. It answers by the SYN-ACK, which acknowledges the data,
// and may send. Until the SYN-ACK is acknowledged nothing but it is sent
// again. The client's side is in fastopen_client.go.

// Bits of net.ipv4.tcp_fastopen (ip-sysctl.rst).
const (
	foClient         = 0x1
	foServer         = 0x2
	foClientNoCookie = 0x4   // data in the SYN without a cookie
	foServerNoCookie = 0x200 // accepted without one
	foAllListeners   = 0x400 // without TCP_FASTOPEN
)

// fastOpen is what a connection keeps of its Fast Open.
type fastOpen struct {
	// The server's side, until the SYN-ACK is acknowledged.
	request *request
	queue   *fastOpenQueue
	due     clock.Time // of the next SYN-ACK
	child   bool       // made by the SYN itself

	// The client's side.
	deferred bool // connect(2) was put off to the first write
	asked    bool // the SYN has the option
	exp      bool // in its experimental form
	inSyn    int  // bytes of data in the SYN
	again    bool // the SYN was sent again, without either
	fail     uint8

	synData bool // data in the SYN was taken (TCPI_OPT_SYN_DATA)
}

// fastOpenQueue bounds the connections of a listener whose handshake is not
// done (RFC 7413 5.1). One that was accepted and then reset counts for another
// minute, or an attacker with a valid cookie could reset his own and go on; one
// that was not accepted stays in the accept queue, which bounds it.
type fastOpenQueue struct {
	mu     sync.Mutex
	max, n int
	resets []clock.Time // when those that were reset stop to count
}

const resetPenalty = time.Minute

// setMax changes the limit.
func (q *fastOpenQueue) setMax(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.max = n
}

// enter takes a place, if there is one.
func (q *fastOpenQueue) enter(now clock.Time) (entered, full bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.max == 0 {
		return false, false
	}
	if q.n >= q.max {
		if len(q.resets) == 0 || q.resets[0] > now {
			return false, true
		}
		q.resets = q.resets[1:]
		q.n--
	}
	q.n++
	return true, false
}

// leave gives a place back, later if the connection was reset.
func (q *fastOpenQueue) leave(now clock.Time, reset bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if reset {
		q.resets = append(q.resets, now.Add(resetPenalty))
		return
	}
	q.n--
}

// tryFastOpen decides what a SYN gets: a connection at once, a cookie in the
// SYN-ACK, or neither (tcp_try_fastopen).
func (c *Conn) tryFastOpen(r *request, s *segment) *Conn {
	st, mode := c.Env().Stat, c.m.set.fastOpen.Get()
	if s.hasFO && s.foLen == 0 {
		st.Inc(stat.TcpExtTCPFastOpenCookieReqd)
	}
	if mode&foServer == 0 || s.len == 0 && !s.hasFO {
		return nil
	}
	entered, full := c.listener.fastOpen.enter(c.Env().Clock.Now())
	if full {
		st.Inc(stat.TcpExtTCPFastOpenListenOverflow)
	}
	if !entered {
		return nil
	}
	if child := c.admit(r, s, mode); child != nil {
		st.Inc(stat.TcpExtTCPFastOpenPassive)
		return child
	}
	c.listener.fastOpen.leave(c.Env().Clock.Now(), false)
	return nil
}

// admit checks the cookie. Where it is valid the connection is made; where it
// is not, or was asked for, the SYN-ACK brings the right one.
func (c *Conn) admit(r *request, s *segment, mode int) *Conn {
	keys := c.fastOpenKeys()
	client, server := r.peer.Addr(), r.local.Addr()
	if mode&foServerNoCookie != 0 || c.user.fastOpenNoCookie {
		return c.fastOpenChild(r, s)
	}
	if !s.hasFO {
		return nil
	}
	which := -1
	if s.foLen > 0 {
		which = keys.match(s.foCookie[:s.foLen], client, server)
	}
	if which != 0 {
		r.foCookie, r.foExp = keys.cookie(0, client, server), s.foExp
	}
	if which >= 0 {
		if child := c.fastOpenChild(r, s); child != nil {
			return child
		}
	}
	if s.foLen > 0 {
		c.Env().Stat.Inc(stat.TcpExtTCPFastOpenPassiveFail)
	}
	return nil
}

// fastOpenChild makes the connection, with the data of the SYN
// (tcp_fastopen_create_child).
func (c *Conn) fastOpenChild(r *request, s *segment) *Conn {
	child := c.m.newChild(c, r, s)
	if child == nil || !c.promote(r, child) {
		return nil
	}
	child.own().fo = &fastOpen{request: r, queue: &c.listener.fastOpen, child: true}
	child.TryReceive(func() { child.takeSyn(s) })
	return child
}

// takeSyn gives a new connection what the SYN said and carried.
func (c *Conn) takeSyn(s *segment) {
	now := c.Env().Clock.Now()
	c.snd.wnd, c.snd.maxWnd, c.snd.wl1 = s.wnd, s.wnd, s.seq
	c.start(now)
	s.trimSyn()
	if s.len > 0 {
		c.fo.synData = true
		c.passed.dataIn++
		space := c.rcv
		c.segmentText(s, now)
		// The first segment to be acknowledged, and measured, is yet to come.
		c.ack.ato, c.ack.quick = 0, 0
		c.rcv.mssGuess, c.rcv.winRatio = space.mssGuess, space.winRatio
		c.rcv.clamp, c.rcv.ssthresh = space.clamp, space.ssthresh
	}
	c.fo.request.rcvNxt = c.rcv.nxt
	c.rcv.wup, c.ts.lastAck = c.rcv.nxt, c.rcv.nxt
	c.ack.due, c.ack.now = false, false // the SYN-ACK does it
	c.fo.due = now.Add(time.Second)
	c.armRtx(now)
}

// unfinished reports whether the SYN-ACK of a Fast Open is not acknowledged.
func (c *Conn) unfinished() bool { return c.fo != nil && c.fo.request != nil }

// handshakeDone ends the wait for the acknowledgement of the SYN-ACK.
func (c *Conn) handshakeDone(reset bool) {
	if !c.unfinished() {
		return
	}
	c.fo.queue.leave(c.Env().Clock.Now(), reset && !c.Waits())
	c.fo.request, c.fo.queue = nil, nil
	c.timers.kind = 0
}

// repeatedFastOpenSyn answers the SYN of a Fast Open that came again.
func (c *Conn) repeatedFastOpenSyn(s *segment) (skb.Reason, bool) {
	if !c.unfinished() || !s.has(SYN) || s.has(ACK|RST) || s.seq != c.rcv.irs {
		return skb.NotDropped, false
	}
	if c.tooOften(&c.fo.request.answered, stat.TcpExtTCPACKSkippedSynRecv) {
		return skb.TCPOldData, true
	}
	c.Env().Stat.Inc(stat.TcpRetransSegs)
	c.tx.SynAckAgain()
	c.m.send(c.fo.request.synAck(s.buf.ID))
	return skb.TCPOldData, true
}

// synAckTimeout sends the SYN-ACK again, or gives up after one time more than
// tcp_synack_retries (tcp_fastopen_synack_timer).
func (c *Conn) synAckTimeout(now clock.Time) {
	r := c.fo.request
	limit := c.m.set.synackRetries.Get() + 1
	if c.user.synRetries > 0 {
		limit = c.user.synRetries
	}
	if int(r.retries) >= limit {
		c.timeout()
		return
	}
	r.retries++
	c.Env().Stat.Inc(stat.TcpRetransSegs)
	c.Env().Stat.Inc(stat.TcpExtTCPSynRetrans)
	c.tx.SynAckAgain()
	c.m.send(r.synAck(0))
	c.fo.due = now.Add(min(time.Second<<r.retries, maxRTO))
	c.armRtx(now)
}

// setFastOpen is TCP_FASTOPEN: how many connections may be unfinished.
func setFastOpen(c *Conn, v int) error {
	if v < 0 || !c.state.in(setOf(Closed, Listen)) {
		return syscall.EINVAL
	}
	c.own().server.fastOpenMax = min(v, c.m.set.somaxconn.Get())
	if c.listener != nil {
		c.listener.fastOpen.setMax(c.server.fastOpenMax)
	}
	return nil
}

// listenFastOpen sets a new listener's limit. The setting may switch Fast Open
// on for all of them.
func (c *Conn) listenFastOpen(backlog int) {
	const all = foAllListeners | foServer
	if c.server.fastOpenMax == 0 && c.m.set.fastOpen.Get()&all == all {
		c.own().server.fastOpenMax = backlog
	}
	c.listener.fastOpen.setMax(c.server.fastOpenMax)
}

// synBounds is what an ICMP error may quote of a connection: what is under
// way, the SYN-ACK of a Fast Open included.
func (c *Conn) synBounds() (una, nxt seq.Num) {
	if c.unfinished() {
		return c.snd.iss, c.snd.nxt
	}
	return c.snd.una, c.snd.nxt
}

// openingEndsBy reports whether a hard ICMP error ends the connection: while
// it is being opened and no user has it yet.
func (c *Conn) openingEndsBy() bool {
	return c.state.in(setOf(SynSent, SynRecv)) && !(c.unfinished() && !c.Waits())
}
