package tcp

import (
	"net/netip"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
)

// Signed segments: the TCP MD5 option (RFC 2385, md5.go) and the TCP
// Authentication Option (RFC 5925, ao.go). A socket has keys for peers; where
// one fits, every segment to the peer is signed, and one from it is dropped
// without an answer unless its signature is right. A segment that is signed
// though no key fits is dropped as well: the peer would not believe the
// answer. Signatures differ from segment to segment, so there are no
// super-segments of signed data.

// auth is what a socket keeps for it, nil without keys.
type auth struct {
	md5 []*md5Key
	ao  *aoKeys

	out   signer // of this connection, nil until it is needed
	known bool   // out is right, nil though it may be
}

// signer signs the segments of one connection. It is used under one lock.
type signer interface {
	// space is what the option takes in every segment, in bytes.
	space() int
	// sign writes the option into the first bytes of h's options. All of the
	// segment but the checksum is in its place.
	sign(b *skb.Buffer, h Header)
}

// authOption is where a segment's signature stands in its header.
type authOption struct {
	kind      byte // optMD5 or optAO, 0 for none
	off, n    uint8
	malformed bool // of a wrong length, or the second one (RFC 5925 2.2)
}

// note takes down the option at off in a header; its length was checked.
func (o *authOption) note(h Header, off int) {
	kind, n := h[off], h[off+1]
	if o.kind != 0 || kind == optMD5 && n != 2+md5Len || kind == optAO && n <= 2+aoIDs {
		o.malformed = true
	}
	o.kind, o.off, o.n = kind, uint8(off), n
}

// body is the option without kind and length.
func (o *authOption) body(h Header) []byte { return h[o.off+2 : o.off+o.n] }

// signer returns what signs this connection's segments, nil for none.
func (c *Conn) signer() signer {
	if c.auth == nil {
		return nil
	}
	if a := c.auth; !a.known {
		a.out, a.known = c.newSigner(), true
	}
	return c.auth.out
}

func (c *Conn) newSigner() signer {
	if x := c.aoSigner(); x != nil {
		return x
	}
	return c.auth.md5Signer(c.Local.Addr(), c.Peer.Addr())
}

// keysChanged has the next segment look for the key anew.
func (c *Conn) keysChanged() {
	c.auth.out, c.auth.known = nil, false
	if c.snd.mss > 0 && c.route != nil {
		c.syncMSS(c.route.MTU)
	}
}

// detachedSigner returns one for the entry that stays when the connection is
// gone; it shares nothing with the connection.
func (c *Conn) detachedSigner() signer {
	switch x := c.signer().(type) {
	case *aoConn:
		return x.detached()
	case *md5Signer:
		return c.auth.md5Signer(x.from, x.to)
	}
	return nil
}

// rekey forgets the signer of an earlier connection of the socket: a new one is
// about to be opened.
func (c *Conn) rekey() {
	if c.auth == nil {
		return
	}
	c.auth.out, c.auth.known = nil, false
	if a := c.auth.ao; a != nil {
		a.conn = nil
		for _, k := range a.keys {
			k.send, k.recv = nil, nil
		}
	}
}

// signatureLen is what a signature takes in every segment, in bytes.
func (c *Conn) signatureLen() int {
	if s := c.signer(); s != nil {
		return s.space()
	}
	return 0
}

// Verdicts of the event tcp.auth.
const (
	authGood uint32 = iota
	authMissing
	authUnexpected
	authNoKey
	authWrong
	authMalformed
)

var authVerdicts = map[skb.Reason]uint32{
	skb.NotDropped:       authGood,
	skb.TCPMD5NotFound:   authMissing,
	skb.TCPAONotFound:    authMissing,
	skb.TCPMD5Unexpected: authUnexpected,
	skb.TCPAOUnexpected:  authUnexpected,
	skb.TCPAOKeyNotFound: authNoKey,
	skb.TCPMD5Failure:    authWrong,
	skb.TCPAOFailure:     authWrong,
	skb.TCPAuthHdr:       authMalformed,
}

// authenticate checks a segment's signature, or that it needs none
// (tcp_inbound_hash). r is the half-open entry that it is for, if it is.
func (c *Conn) authenticate(s *segment, r *request) skb.Reason {
	if c.auth == nil && s.auth.kind == 0 {
		return skb.NotDropped
	}
	reason := c.checkSignature(s, r)
	if reason == skb.NotDropped && c.auth != nil {
		s.signer = c.answeringSigner(s, r)
	}
	if s.buf.Traced {
		id := uint32(0)
		if s.auth.kind == optAO && !s.auth.malformed {
			id = uint32(s.auth.body(s.hdr)[0])
		}
		c.Env().Trace.Packet(trace.TCPAuth, s.buf, authVerdicts[reason], uint32(s.auth.kind), id, 0)
	}
	return reason
}

func (c *Conn) checkSignature(s *segment, r *request) skb.Reason {
	a, peer := c.auth, s.buf.Net.Src
	switch {
	case s.auth.malformed:
		return skb.TCPAuthHdr
	case s.auth.kind == optAO:
		return c.checkAO(s, r)
	case r != nil && r.usesAO(): // the SYN was signed so
		return skb.TCPAOFailure
	case s.auth.kind == optMD5:
		return a.checkMD5(s)
	case a.requiresAO(peer):
		return skb.TCPAONotFound
	case a.md5For(peer) != nil:
		return skb.TCPMD5NotFound
	}
	return skb.NotDropped
}

// answeringSigner signs a reset that s may bring.
func (c *Conn) answeringSigner(s *segment, r *request) signer {
	switch {
	case r != nil:
		return r.signer
	case c.state != Listen:
		return c.signer()
	}
	return c.auth.md5Signer(s.buf.Net.Dst, s.buf.Net.Src)
}

// childAuth is what a connection gets of its listener's keys: those for its
// peer.
func (l *Conn) childAuth(r *request) *auth {
	if l.auth == nil {
		return nil
	}
	a := &auth{ao: l.childAO(r)}
	if k := l.auth.md5For(r.peer.Addr()); k != nil && a.ao == nil {
		a.md5 = []*md5Key{newMD5Key(hostPrefix(r.peer.Addr()), k.key)}
	}
	if a.md5 == nil && a.ao == nil {
		return nil
	}
	return a
}

func hostPrefix(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// requestSigner is what signs the answers of a half-open entry, nil for none.
func (l *Conn) requestSigner(r *request, s *segment) signer {
	switch {
	case l.auth == nil:
		return nil
	case s.auth.kind == optAO:
		return l.aoRequestSigner(r, s)
	}
	return l.auth.md5Signer(r.local.Addr(), r.peer.Addr())
}

// fitSignature gives up timestamps where they, SACK blocks and a signature do
// not fit one header (tcp_synack_options).
func (r *request) fitSignature() {
	if r.signer != nil && r.sackOK {
		r.ts = false
	}
}

// strangerSigner signs a reset for a connection that this host has forgotten:
// with the key of a listener on the port that the peer sends from, as the two
// ends of a BGP session have, if the segment is signed with it
// (tcp_v4_send_reset).
func (m *Module) strangerSigner(s *segment) (out signer) {
	if s.auth.kind != optMD5 || s.auth.malformed {
		return nil
	}
	names := namesOf(s.buf, s.hdr)
	names.local = netip.AddrPortFrom(names.local.Addr(), s.hdr.SrcPort())
	l := m.demux.listener(&names, int(s.buf.IfIndex))
	if l == nil {
		return nil
	}
	l.TryReceive(func() {
		if l.auth != nil && l.auth.checkMD5(s) == skb.NotDropped {
			out = l.auth.md5Signer(s.buf.Net.Dst, s.buf.Net.Src)
		}
	})
	return out
}

// pseudoHeader is what both kinds of signature cover of the network's header
// (RFC 2385 2.0, RFC 5925 5.1).
func pseudoHeader(dst []byte, from, to netip.Addr, length int) []byte {
	a, b := from.As4(), to.As4()
	dst = append(append(dst, a[:]...), b[:]...)
	return append(dst, 0, inet.ProtoTCP, byte(length>>8), byte(length))
}
