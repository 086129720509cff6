package tcp

import (
	"crypto/subtle"
	"net/netip"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
)

// Received segments with TCP-AO (RFC 5925 7.5, tcp_inbound_ao_hash), and what
// a listener does: it knows no ISNs but those that a SYN, a half-open entry or
// the ACK of a SYN cookie tell.

// requiresAO reports whether an unsigned segment from a peer is refused.
func (a *auth) requiresAO(peer netip.Addr) bool {
	if a == nil || a.ao == nil || !a.ao.info.Required && a.ao.anyFor(peer) == nil {
		return false
	}
	a.ao.info.RequiredDrops++
	return true
}

// checkAO verifies a segment that has the option.
func (c *Conn) checkAO(s *segment, r *request) skb.Reason {
	if c.auth == nil || c.auth.ao == nil {
		return skb.TCPAOUnexpected
	}
	if r != nil && !r.usesAO() {
		return skb.TCPAOFailure
	}
	a, e := c.auth.ao, aoEnvelope{from: s.buf.Net.Src, to: s.buf.Net.Dst}
	k := a.byRecv(e.from, s.auth.body(s.hdr)[0])
	if k != nil {
		e.mac = c.expectedMAC(k, s, r, &e.sne)
	}
	if e.mac == nil {
		a.info.KeyNotFound++
		return skb.TCPAOKeyNotFound
	}
	if !k.verify(&e, s) {
		a.info.Bad++
		return skb.TCPAOFailure
	}
	a.info.Good++
	c.Env().Stat.Inc(stat.TcpExtTCPAOGood)
	if c.state != Listen && !s.has(SYN) {
		c.followPeer(s)
	}
	return skb.NotDropped
}

// verify compares the MAC in the segment with the one that it should have.
func (k *aoKey) verify(e *aoEnvelope, s *segment) bool {
	got := s.auth.body(s.hdr)[aoIDs:]
	if len(got) != k.MACLen {
		return false
	}
	w := aoWhere{off: int(s.auth.off), n: int(s.auth.n), exclude: k.ExcludeOptions}
	return subtle.ConstantTimeCompare(got, e.mac.of(e, s.buf, w)[:k.MACLen]) == 1
}

// expectedMAC returns the traffic key that a segment should be signed with,
// nil where it cannot be known.
func (c *Conn) expectedMAC(k *aoKey, s *segment, r *request, high *uint32) *aoMAC {
	names := namesOf(s.buf, s.hdr)
	ctx := aoContext{from: names.peer, to: names.local, fromISN: s.seq}
	switch {
	case s.has(SYN) && !s.has(ACK): // the first one, or one that comes late
		if c.state == Listen && c.answeringKey(s) == nil {
			return nil
		}
	case c.state == SynSent:
		ctx.destISN = c.snd.iss
	case c.state == Listen:
		return c.listenMAC(k, s, r, high)
	default:
		x := c.aoSigner()
		if x == nil {
			return nil
		}
		mac := x.receiving(k)
		*high = x.rcv.of(s.seq)
		x.rcv.advance(c.rcv.nxt)
		return mac
	}
	return k.newMAC(&ctx)
}

// listenMAC is for the segments that follow a SYN.
func (c *Conn) listenMAC(k *aoKey, s *segment, r *request, high *uint32) *aoMAC {
	names := namesOf(s.buf, s.hdr)
	ctx := aoContext{from: names.peer, to: names.local}
	switch {
	case r != nil:
		ctx.fromISN, ctx.destISN = r.irs, r.iss
	case s.has(ACK) && !s.has(SYN) && c.answeringKey(s) != nil: // of a SYN cookie, perhaps
		ctx.fromISN, ctx.destISN = s.seq.Add(-1), s.ack.Add(-1)
	default:
		return nil
	}
	*high = (&sne{ref: ctx.fromISN}).of(s.seq)
	return k.newMAC(&ctx)
}

// answeringKey is the key that the sender of a segment wants to see in the
// answer. Without it there can be none.
func (c *Conn) answeringKey(s *segment) *aoKey {
	return c.auth.ao.bySend(s.buf.Net.Src, s.auth.body(s.hdr)[1])
}

// followPeer signs with the key that the peer asks for from now on, if there
// is such a key (RFC 5925 7.5 step 7).
func (c *Conn) followPeer(s *segment) {
	a := c.auth.ao
	want := s.auth.body(s.hdr)[1]
	if a.current == nil || a.current.SendID == want {
		return
	}
	k := a.bySend(c.Peer.Addr(), want)
	if k == nil {
		return
	}
	old := a.current
	a.current = k
	if k.space() != old.space() {
		c.syncMSS(c.route.MTU)
	}
}

// aoRequest signs the answers of a half-open entry.
type aoRequest struct {
	r     *request
	key   *aoKey
	rnext uint8
}

func (l *Conn) aoRequestSigner(r *request, s *segment) signer {
	k := l.answeringKey(s)
	if k == nil { // the check of s would have failed
		return nil
	}
	return &aoRequest{r: r, key: k, rnext: s.auth.body(s.hdr)[0]}
}

func (r *request) usesAO() bool {
	_, ok := r.signer.(*aoRequest)
	return ok
}

func (q *aoRequest) space() int { return q.key.space() }

func (q *aoRequest) sign(b *skb.Buffer, h Header) {
	r := q.r
	e := aoEnvelope{from: r.local.Addr(), to: r.peer.Addr(), rnext: q.rnext}
	if h.Flags()&SYN != 0 {
		e.mac = q.key.synMAC(r.local, r.peer, h)
	} else {
		e.mac = q.key.newMAC(&aoContext{from: r.local, to: r.peer, fromISN: r.iss, destISN: r.irs})
		e.sne = (&sne{ref: r.iss}).of(h.Seq())
	}
	q.key.seal(&e, b, h)
}

// childAO gives a connection the keys for its peer, nil if its SYN was not
// signed by one.
func (l *Conn) childAO(r *request) *aoKeys {
	q, ok := r.signer.(*aoRequest)
	if !ok {
		return nil
	}
	from := l.auth.ao
	a := &aoKeys{info: AOInfo{Required: from.info.Required, AcceptICMP: from.info.AcceptICMP}}
	for _, k := range from.keys {
		if k.Peer.Contains(r.peer.Addr()) {
			a.keys = append(a.keys, &aoKey{AOKey: k.AOKey, alg: k.alg})
		}
	}
	a.current = a.bySend(r.peer.Addr(), q.key.SendID)
	a.rnext = a.byRecv(r.peer.Addr(), q.rnext)
	return a
}

// ignoresICMP reports whether an ICMP error about a signed connection is not
// believed: anybody can send one (RFC 5925 7.8).
func (c *Conn) ignoresICMP(e *inet.Error) bool {
	if !c.guarded.Load() {
		return false
	}
	switch e.Kind {
	case inet.ProtoUnreachable, inet.PortUnreachable, inet.NeedFrag:
		c.Env().Stat.Inc(stat.TcpExtTCPAODroppedIcmps)
		return true
	}
	return false
}
