package tcp

import (
	"net/netip"

	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/tcp/seq"
)

// TCP-AO on connections (RFC 5925 7). A SYN is signed under a key that knows
// only its own ISN; everything later under keys that both ISNs are part of.
// The 32 bits above the sequence number are signed, too, though they are not
// sent: each side counts how often the numbers have wrapped, so that a segment
// of an earlier turn does not verify.

// sne extends sequence numbers to 64 bits (RFC 5925 6.2).
type sne struct {
	ref  seq.Num // the last number that is sure
	high uint32  // its extension
}

// of returns the extension of a number near the reference.
func (s *sne) of(n seq.Num) uint32 {
	switch {
	case n.Before(s.ref) && n.Uint32() > s.ref.Uint32():
		return s.high - 1
	case !n.Before(s.ref) && n.Uint32() < s.ref.Uint32():
		return s.high + 1
	}
	return s.high
}

// advance moves the reference up to n.
func (s *sne) advance(n seq.Num) {
	if n.After(s.ref) {
		s.high, s.ref = s.of(n), n
	}
}

// aoConn signs the segments of a connection.
type aoConn struct {
	c        *Conn
	keys     *aoKeys
	names    tuple
	iss, irs seq.Num
	begun    bool // irs is known, and with it the traffic keys
	snd, rcv sne
}

// aoSigner returns what signs the connection's segments, nil without a key for
// its peer. RFC 5925 7.2 has the user say which key is first; Linux takes any.
func (c *Conn) aoSigner() *aoConn {
	a := c.auth.ao
	first := a.anyFor(c.Peer.Addr())
	if first == nil || !c.Peer.IsValid() {
		return nil
	}
	if a.current == nil || !a.current.Peer.Contains(c.Peer.Addr()) {
		a.current = first
	}
	if a.rnext == nil || !a.rnext.Peer.Contains(c.Peer.Addr()) {
		a.rnext = first
	}
	if a.conn == nil {
		a.conn = &aoConn{c: c, keys: a, names: tuple{c.Local, c.Peer}, iss: c.snd.iss, snd: sne{ref: c.snd.iss}}
	}
	return a.conn
}

// begin has the traffic keys know both ISNs from now on. The peer's is known
// in every state but SYN-SENT, where only a SYN is sent.
func (x *aoConn) begin() {
	if !x.begun {
		x.irs, x.begun = x.c.rcv.irs, true
		x.rcv = sne{ref: x.irs}
	}
}

func (x *aoConn) sending(k *aoKey) *aoMAC {
	x.begin()
	if k.send == nil {
		k.send = k.newMAC(&aoContext{from: x.names.local, to: x.names.peer, fromISN: x.iss, destISN: x.irs})
	}
	return k.send
}

func (x *aoConn) receiving(k *aoKey) *aoMAC {
	x.begin()
	if k.recv == nil {
		k.recv = k.newMAC(&aoContext{from: x.names.peer, to: x.names.local, fromISN: x.irs, destISN: x.iss})
	}
	return k.recv
}

func (x *aoConn) space() int { return x.keys.current.space() }

// sign is RFC 5925 7.4.
func (x *aoConn) sign(b *skb.Buffer, h Header) {
	k := x.keys.current
	e := aoEnvelope{from: x.names.local.Addr(), to: x.names.peer.Addr(), rnext: x.keys.rnext.RecvID}
	if h.Flags()&SYN != 0 {
		e.mac = k.synMAC(x.names.local, x.names.peer, h)
	} else {
		e.mac, e.sne = x.sending(k), x.snd.of(h.Seq())
		x.snd.advance(h.Seq())
	}
	k.seal(&e, b, h)
}

// detached returns a signer that lives on when the connection is gone.
func (x *aoConn) detached() *aoConn {
	x.begin()
	k := *x.keys.current
	k.send, k.recv = nil, nil
	n := *x
	n.keys = &aoKeys{current: &k, rnext: x.keys.rnext}
	return &n
}

// aoEnvelope is what a signature covers beside the segment.
type aoEnvelope struct {
	mac      *aoMAC
	sne      uint32
	from, to netip.Addr
	rnext    uint8
}

// space is what the option takes, padding included, in bytes.
func (k *aoKey) space() int { return (2 + aoIDs + k.MACLen + 3) &^ 3 }

// seal writes the option, before all others, and signs.
func (k *aoKey) seal(e *aoEnvelope, b *skb.Buffer, h Header) {
	n := 2 + aoIDs + k.MACLen
	p := h[HeaderLen : HeaderLen+k.space()]
	p[0], p[1], p[2], p[3] = optAO, byte(n), k.SendID, e.rnext
	for i := n; i < len(p); i++ {
		p[i] = optNop
	}
	copy(p[2+aoIDs:n], e.mac.of(e, b, aoWhere{off: HeaderLen, n: n, exclude: k.ExcludeOptions}))
}

// synMAC is under the key of a SYN or SYN-ACK, whose header names the ISNs.
func (k *aoKey) synMAC(from, to netip.AddrPort, h Header) *aoMAC {
	c := &aoContext{from: from, to: to, fromISN: h.Seq()}
	if h.Flags()&ACK != 0 {
		c.destISN = h.Ack().Add(-1)
	}
	return k.newMAC(c)
}
