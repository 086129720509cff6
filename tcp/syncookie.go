package tcp

import (
	"time"

	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/seq"
)

// SYN cookies (Bernstein and Schenk, 1996; RFC 4987 3.6): when the SYN queue
// is full the SYN-ACK's sequence number itself holds what a request would, so
// that nothing is kept for a SYN. Eight bits count minutes, 24 choose the MSS
// from a small table, all under a keyed hash. Window scale, SACK and ECN do
// not fit; where the peer uses timestamps they stand in the low bits of the
// SYN-ACK's timestamp, which its ACK echoes, so that not even they are lost.

const (
	cookiePeriod = time.Minute
	cookieMaxAge = 2 // periods
	cookieBits   = 24
	cookieMask   = 1<<cookieBits - 1

	// The options in a timestamp's low bits.
	tsBits      = 6
	tsNoWScale  = 0xf
	tsWScale    = 0xf
	tsSack      = 1 << 4
	tsECN       = 1 << 5
	tsOptsMask  = 1<<tsBits - 1
	synCookieOn = 1
)

// cookieMSS are the segment sizes that a cookie can name: those that are
// common on the Internet.
var cookieMSS = [...]uint16{536, 1300, 1440, 1460}

// wantsCookie reports whether a SYN is to be answered by a cookie.
func (c *Conn) wantsCookie() bool {
	switch c.m.set.synCookies.Get() {
	case 0:
		return false
	case synCookieOn:
		if !c.listener.synFull() {
			return false
		}
		c.Env().Stat.Inc(stat.TcpExtTCPReqQFullDoCookies)
	}
	return true
}

func (m *Module) cookieCount() uint32 { return uint32(m.env.Clock.Now() / 60_000_000_000) }

// cookieHash is one of the two hashes of a cookie.
func (m *Module) cookieHash(t *tuple, n uint32) uint32 {
	return uint32(m.secrets.cookie.names(t.local, t.peer, n))
}

func (m *Module) cookie(t *tuple, irs seq.Num, mss uint32) seq.Num {
	count := m.cookieCount()
	v := m.cookieHash(t, 0) + irs.Uint32() + count<<cookieBits + (m.cookieHash(t, count+1)+mss)&cookieMask
	return seq.New(v)
}

// readCookie returns the index of the MSS in a cookie, false if it is none of
// ours or too old.
func (m *Module) readCookie(t *tuple, iss, irs seq.Num) (uint32, bool) {
	count := m.cookieCount()
	v := iss.Uint32() - m.cookieHash(t, 0) - irs.Uint32()
	age := (count - v>>cookieBits) & 0xff
	if age >= cookieMaxAge {
		return 0, false
	}
	i := (v - m.cookieHash(t, count-age+1)) & cookieMask
	return i, i < uint32(len(cookieMSS))
}

// sendCookie answers the SYN s, from which r was read, and forgets it.
func (c *Conn) sendCookie(r *request, s *segment) {
	i := len(cookieMSS) - 1
	for i > 0 && r.peerMSS < cookieMSS[i] {
		i--
	}
	r.iss = c.m.cookie(&tuple{r.local, r.peer}, r.irs, uint32(i))
	if !r.ts { // nowhere to keep them
		r.sackOK, r.wscaleOK, r.ecn = false, false, false
	}
	r.acc = nil // a cookie has no room for it
	a := r.synAck(s.buf.ID)
	if r.ts {
		a.opts.tsval = stampOptions(r, a.opts.tsval-r.tsOffset) + r.tsOffset
	}
	c.Env().Stat.Inc(stat.TcpExtSyncookiesSent)
	c.m.send(a)
}

// stampOptions puts the options into the low bits of a timestamp that is not
// in the future.
func stampOptions(r *request, now uint32) uint32 {
	opts := uint32(tsNoWScale)
	if r.wscaleOK {
		opts = uint32(r.sndWScale)
	}
	if r.sackOK {
		opts |= tsSack
	}
	if r.ecn {
		opts |= tsECN
	}
	ts := now&^tsOptsMask | opts
	if int32(ts-now) > 0 {
		ts -= 1 << tsBits
	}
	return ts
}

// cookieRequest makes the request again from the ACK of a cookie, nil if it is
// none.
func (c *Conn) cookieRequest(s *segment, names tuple) *request {
	if c.m.set.synCookies.Get() == 0 {
		return nil
	}
	iss, irs := s.ack.Add(-1), s.seq.Add(-1)
	i, ok := c.m.readCookie(&names, iss, irs)
	if !ok {
		c.Env().Stat.Inc(stat.TcpExtSyncookiesFailed)
		return nil
	}
	c.Env().Stat.Inc(stat.TcpExtSyncookiesRecv)
	r := &request{listener: c, local: names.local, peer: names.peer, iss: iss, irs: irs, rcvNxt: s.seq, tos: s.buf.Net.TOS &^ ecnMask, wnd: uint16(min(s.wnd, maxUnscaledWindow)),
		peerMSS: cookieMSS[i], tsOffset: c.m.tsOffset(names.local, names.peer)}
	r.device = c.answerDevice(s)
	r.readStamp(s)
	r.signer = c.requestSigner(r, s)
	return r.offerIn(int(r.peerMSS)) // as Linux reckons it: the cookie has no other
}

// readStamp takes the options from the echoed timestamp.
func (r *request) readStamp(s *segment) {
	if !s.hasTS {
		return
	}
	opts := (s.tsecr - r.tsOffset) & tsOptsMask
	r.ts, r.tsRecent = true, s.tsval
	r.sackOK, r.ecn = opts&tsSack != 0, opts&tsECN != 0
	if w := opts & tsWScale; w <= maxWScale {
		r.wscaleOK, r.sndWScale = true, uint8(w)
	}
}
