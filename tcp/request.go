package tcp

import (
	"net/netip"
	"syscall"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/seq"
)

// request is a half-open connection (struct tcp_request_sock): what the SYN
// said, and what the SYN-ACK answered. The listener's lock guards it.
type request struct {
	local, peer netip.AddrPort
	listener    *Conn
	node        *node // nil for one made from a SYN cookie
	timer       clock.Timer
	sentAt      clock.Time // the first SYN-ACK
	answered    clock.Time // the last answer to a repeated SYN
	iss, irs    seq.Num
	rcvWnd      uint32
	tsRecent    uint32
	tsOffset    uint32
	wnd         uint16
	peerMSS     uint16
	advMSS      uint16
	sndWScale   uint8
	rcvWScale   uint8
	retries     uint8 // of the SYN-ACK, by the timer
	again       uint8 // SYN-ACKs for SYNs that came again
	ts, sackOK  bool
	wscaleOK    bool
	acked       bool // the handshake's ACK came and was put off (TCP_DEFER_ACCEPT)
	foExp, ecn  bool
	tos         uint8   // of the SYN, the ECN field masked out
	acc         *accECN // the SYN asked for AccECN
	device      int     // by which the peer is answered, 0: any
	signer      signer  // of what answers the SYN, nil for none
	foCookie    []byte  // to give in the first SYN-ACK
	rcvNxt      seq.Num // what the SYN-ACK acknowledges: the SYN, and data of a Fast Open
}

func addrPort(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }

// receive hands a segment to the listener, whose lock it needs.
func (r *request) receive(b *skb.Buffer) skb.Reason { return r.listener.receive(b) }

// newRequest reads a SYN, within what we offer; nil without a route back.
func (c *Conn) newRequest(s *segment, names tuple) *request {
	set := &c.m.set
	r := &request{listener: c, local: names.local, peer: names.peer, irs: s.seq, wnd: uint16(s.wnd), peerMSS: defaultMSS, rcvNxt: s.seq.Add(1),
		iss: c.m.isn(names.local, names.peer), tsOffset: c.m.tsOffset(names.local, names.peer)}
	if hint := s.buf.CB[cbISN]; hint != 0 {
		r.iss = seq.New(hint) // TIME-WAIT wants it beyond its own (RFC 6191)
	}
	r.device = c.answerDevice(s)
	r.ecn, r.tos = c.requestECN(s), s.buf.Net.TOS&^ecnMask
	if c.requestAccECN(s) {
		r.ecn, r.acc = false, newAccECN(s.buf.Net.TOS)
	}
	r.ts = s.hasTS && set.timestamps.Bool()
	r.sackOK = s.sackPerm && set.sack.Bool()
	r.wscaleOK = s.hasWScale && set.windowScaling.Bool()
	if r.ts {
		r.tsRecent = s.tsval
	}
	if r.wscaleOK {
		r.sndWScale = s.wscale
	}
	if s.hasMSS {
		r.peerMSS = max(s.mss, uint16(set.minSndMSS.Get()))
	}
	r.signer = c.requestSigner(r, s)
	return r.offer()
}

// answerDevice is the device that answers to the SYN s must leave by: the one
// that the listener is bound to, or that took the SYN for another host.
func (c *Conn) answerDevice(s *segment) int {
	if c.Options.Device != 0 {
		return c.Options.Device
	}
	return c.m.net.Borrowed(s.buf)
}

// offer decides the MSS and the window of the SYN-ACK.
func (r *request) offer() *request { return r.offerIn(0) }

// offerIn has the window be whole units of so many bytes, segments where it is
// 0.
func (r *request) offerIn(unit int) *request {
	c := r.listener
	route, err := c.m.net.Route(&inet.Flow{Dst: r.peer.Addr(), Src: r.local.Addr(), Device: r.device})
	if err != nil {
		return nil
	}
	r.advMSS = c.m.advertisedMSS(route, c.user.maxseg)
	if unit == 0 { // as the segments will be
		unit = int(r.advMSS)
		if r.ts {
			unit -= lenTSPad
		}
	}
	r.rcvWnd, r.rcvWScale = c.initialWindow(unit, r.wscaleOK)
	return r
}

// sendSynAck sends the SYN-ACK, caused by the packet given or by a timer.
func (r *request) sendSynAck(cause uint64) {
	a := r.synAck(cause)
	if r.foCookie != nil { // RFC 7413 4.1.3.1: once, or a lost SYN-ACK is lost again where options are dropped
		a.opts.hasFO, a.opts.fo, a.opts.foExp = true, r.foCookie, r.foExp
		r.foCookie = nil
	}
	r.listener.m.send(a)
}

func (r *request) synAck(cause uint64) *reply {
	now := r.listener.Env().Clock.Now()
	if r.sentAt == 0 {
		r.sentAt = now
	}
	flags, tos := SYN|ACK, r.answerTOS()
	if r.ecn {
		flags |= ECE
		if r.listener.wantsECN() {
			tos |= ect0 // RFC 8257 3 leaves it open; Linux marks it
		}
	}
	f := fields{seq: r.iss, ack: r.rcvNxt, flags: flags, window: uint16(min(r.rcvWnd, maxUnscaledWindow))}
	if r.acc != nil && r.retries < 2 { // RFC 9768 3.1.4.2: then something drops it for its flags
		f.setACE(handshakeACE(r.acc.synField))
	}
	return &reply{names: tuple{r.local, r.peer}, cause: cause, device: r.device, tos: tos, fields: f,
		opts: optionSpace{sig: r.signer, mss: r.advMSS, sackPerm: r.sackOK, ts: r.ts, tsval: uint32(now.Milliseconds()) + r.tsOffset,
			tsecr: r.tsRecent, hasWScale: r.wscaleOK, wscale: r.rcvWScale}}
}

// answerTOS is the listener's, or the SYN's own (tcp_reflect_tos).
func (r *request) answerTOS() uint8 {
	if r.listener.m.set.reflectTOS.Bool() {
		return r.tos
	}
	return r.listener.Options.TOS
}

// arm sets the timer of the next SYN-ACK: one second, doubled each time
// (RFC 6298 5.5).
func (r *request) arm() {
	env := r.listener.Env()
	if r.retries == 0 {
		r.timer.Init(env.Clock, func(x any) { x.(*request).expired() }, r)
	}
	r.timer.Reset(env.Clock.Now().Add(r.timeout()))
}

func (r *request) timeout() time.Duration { return min(time.Second<<r.retries, maxRTO) }

// expired sends the SYN-ACK again, or gives up after tcp_synack_retries. A
// listener that is busy is asked again soon.
func (r *request) expired() {
	c := r.listener
	if !c.TryReceive(r.expiredLocked) {
		r.timer.Reset(c.Env().Clock.Now().Add(20 * time.Millisecond))
		return
	}
	c.Env().Dev.Flush()
}

func (r *request) expiredLocked() {
	c := r.listener
	if r.node == nil || c.listener == nil {
		return
	}
	expire, resend := r.timeoutPlan()
	if expire {
		c.dropRequest(r, syscall.ETIMEDOUT)
		return
	}
	r.retries++
	if !resend {
		r.arm()
		return
	}
	c.Env().Stat.Inc(stat.TcpRetransSegs)
	c.Env().Stat.Inc(stat.TcpExtTCPSynRetrans)
	r.sendSynAck(0)
	r.arm()
}

// requestInput is a segment for a half-open entry (tcp_check_req; RFC 9293
// 3.10.7.4 for SYN-RECEIVED).
func (c *Conn) requestInput(r *request, s *segment) skb.Reason {
	if s.has(SYN) && !s.has(ACK) && !s.has(RST) && s.seq == r.irs {
		return r.repeatedSyn(s)
	}
	if r.ts && s.hasTS && !s.has(RST) && int32(s.tsval-r.tsRecent) < 0 {
		r.acknowledge(s)
		return skb.TCPRFC7323PAWS
	}
	first := r.irs.Add(1)
	if s.end.Before(first) || s.seq.AtOrAfter(first.Add(int(r.rcvWnd))) {
		if !s.has(RST) {
			r.acknowledge(s)
		}
		return skb.TCPInvalidSequence
	}
	switch {
	case s.has(RST):
		return c.requestReset(r, s)
	case s.has(SYN):
		c.Env().Stat.Inc(stat.TcpExtEmbryonicRsts)
		c.dropRequest(r, syscall.ECONNRESET)
		c.m.replyReset(s)
		return skb.TCPInvalidSyn
	case !s.has(ACK):
		return skb.TCPFlags
	case s.ack != r.iss.Add(1):
		c.m.replyReset(s)
		return skb.TCPInvalidAckSequence
	}
	if r.ts && s.hasTS && s.seq.AtOrBefore(first) {
		r.tsRecent = s.tsval
	}
	if r.defers(s) {
		return skb.NotDropped
	}
	return c.complete(r, s)
}

// requestReset ends a request only for a RST at exactly the expected number
// (RFC 5961 3.2).
func (c *Conn) requestReset(r *request, s *segment) skb.Reason {
	if s.seq != r.irs.Add(1) {
		r.acknowledge(s)
		return skb.TCPInvalidSequence
	}
	c.Env().Stat.Inc(stat.TcpExtEmbryonicRsts)
	c.dropRequest(r, syscall.ECONNRESET)
	return skb.TCPReset
}

// repeatedSyn answers a SYN that came again, within the rate limit.
func (r *request) repeatedSyn(s *segment) skb.Reason {
	c := r.listener
	if c.tooOften(&r.answered, stat.TcpExtTCPACKSkippedSynRecv) {
		return skb.TCPOldData
	}
	c.Env().Stat.Inc(stat.TcpRetransSegs)
	r.again = min(r.again+1, 250)
	r.sendSynAck(s.buf.ID)
	if r.node != nil { // one made from a cookie has no timer
		r.timer.Reset(c.Env().Clock.Now().Add(r.timeout()))
	}
	return skb.TCPOldData
}

// tooOften limits answers to tcp_invalid_ratelimit.
func (c *Conn) tooOften(last *clock.Time, skipped stat.ID) bool {
	now := c.Env().Clock.Now()
	if *last != 0 && now.Sub(*last) < time.Duration(c.m.set.invalidRatelimit.Get())*time.Millisecond {
		c.Env().Stat.Inc(skipped)
		return true
	}
	*last = now
	return false
}

// acknowledge answers a segment that is not acceptable (tcp_v4_reqsk_send_ack).
func (r *request) acknowledge(s *segment) {
	c := r.listener
	if c.tooOften(&r.answered, stat.TcpExtTCPACKSkippedSynRecv) {
		return
	}
	a := r.synAck(s.buf.ID)
	a.fields.seq, a.fields.flags = r.iss.Add(1), ACK
	a.fields.window = uint16(r.rcvWnd >> r.rcvWScale)
	a.opts = optionSpace{sig: r.signer, ts: r.ts, tsval: a.opts.tsval, tsecr: r.tsRecent}
	c.m.send(a)
}

// icmpError ends a half-open entry whose peer cannot be reached, if the error
// quotes its SYN-ACK.
func (r *request) icmpError(quoted seq.Num, e *inet.Error) {
	c := r.listener
	c.TryReceive(func() {
		switch {
		case quoted != r.iss:
			c.Env().Stat.Inc(stat.TcpExtOutOfWindowIcmps)
		case endsRequest(e) && r.node != nil && c.listener != nil:
			c.dropRequest(r, e.Errno)
		}
	})
}

// endsRequest reports whether an error says that the peer cannot be there.
func endsRequest(e *inet.Error) bool {
	switch e.Kind {
	case inet.NetUnreachable, inet.HostUnreachable, inet.TimeExceeded, inet.ReasmTimeExceeded, inet.ParamProblem:
		return true
	}
	return false
}

// cbISN is where TIME-WAIT leaves the sequence number that a new incarnation
// of its connection is to begin with, 0 if none.
const cbISN = 5
