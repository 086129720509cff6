package tcp

import (
	"crypto/md5"
	"crypto/subtle"
	"hash"
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
)

// The TCP MD5 signature option (RFC 2385), which BGP sessions still use. The
// digest covers the pseudo-header, the header without its options and with a
// zero checksum, the payload, and then the key. It is weak by today's measure
// (RFC 5925 obsoletes it), but it keeps blind attackers out. Keys belong to a
// peer's address or to a prefix, of which the longest wins (tcp(7),
// TCP_MD5SIG_EXT).

const (
	optMD5     = 19 // RFC 2385 3.0
	md5Len     = 16
	md5Space   = 4 + md5Len // with two NOPs before it
	maxAuthKey = 80         // TCP_MD5SIG_MAXKEYLEN, TCP_AO_MAXKEYLEN
)

// md5Key is one key, with what it needs to compute without allocating.
type md5Key struct {
	peer netip.Prefix
	key  []byte
	hash hash.Hash
	head [32]byte // pseudo-header and header
	out  [md5Len]byte
}

func newMD5Key(peer netip.Prefix, key []byte) *md5Key {
	return &md5Key{peer: peer, key: append([]byte(nil), key...), hash: md5.New()}
}

// SetMD5Key signs all segments to and from the peers of a prefix with a key of
// at most 80 bytes, in the place of one that was set before (TCP_MD5SIG_EXT).
// A listener hands the key on to the connections that it accepts. Errors:
// EINVAL; EKEYREJECTED where a TCP-AO key matches.
func (c *Conn) SetMD5Key(peer netip.Prefix, key []byte) error {
	if !peer.IsValid() || !peer.Addr().Is4() || len(key) == 0 || len(key) > maxAuthKey {
		return syscall.EINVAL
	}
	c.Lock()
	defer c.Unlock()
	if c.auth == nil {
		c.own().auth = &auth{}
	}
	if c.auth.ao.overlaps(peer) {
		return inet.EKEYREJECTED
	}
	c.auth.dropMD5(peer)
	c.auth.md5 = append(c.auth.md5, newMD5Key(peer.Masked(), key))
	c.keysChanged()
	return nil
}

// RemoveMD5Key forgets the key of a prefix. Error: ENOENT if it has none.
func (c *Conn) RemoveMD5Key(peer netip.Prefix) error {
	c.Lock()
	defer c.Unlock()
	if c.auth == nil || !c.auth.dropMD5(peer) {
		return syscall.ENOENT
	}
	c.keysChanged()
	if len(c.auth.md5) == 0 && c.auth.ao == nil {
		c.own().auth = nil
	}
	return nil
}

func (a *auth) dropMD5(peer netip.Prefix) bool {
	for i, k := range a.md5 {
		if k.peer == peer.Masked() {
			a.md5 = append(a.md5[:i], a.md5[i+1:]...)
			return true
		}
	}
	return false
}

// md5For returns the key for a peer: that of the longest prefix.
func (a *auth) md5For(peer netip.Addr) *md5Key {
	if a == nil {
		return nil
	}
	var best *md5Key
	for _, k := range a.md5 {
		if k.peer.Contains(peer) && (best == nil || k.peer.Bits() > best.peer.Bits()) {
			best = k
		}
	}
	return best
}

// checkMD5 is tcp_inbound_md5_hash.
func (a *auth) checkMD5(s *segment) skb.Reason {
	k := a.md5For(s.buf.Net.Src)
	if k == nil {
		return skb.TCPMD5Unexpected
	}
	sum := k.digest(s.buf.Net.Src, s.buf.Net.Dst, s.buf, s.hdr)
	if subtle.ConstantTimeCompare(sum, s.auth.body(s.hdr)) == 0 {
		return skb.TCPMD5Failure
	}
	return skb.NotDropped
}

// digest is RFC 2385 2.0. The header h is at the beginning of b.
func (k *md5Key) digest(from, to netip.Addr, b *skb.Buffer, h Header) []byte {
	head := append(pseudoHeader(k.head[:0], from, to, b.Len()), h[:HeaderLen]...)
	head[12+offChecksum], head[12+offChecksum+1] = 0, 0
	k.hash.Reset()
	k.hash.Write(head)
	hashPayload(k.hash, b, h.Len())
	k.hash.Write(k.key)
	return k.hash.Sum(k.out[:0])
}

// hashPayload adds what follows the first n bytes of b.
func hashPayload(to hash.Hash, b *skb.Buffer, n int) {
	to.Write(b.Data()[n:])
	frags := b.Frags()
	for i := range frags {
		to.Write(frags[i].Bytes())
	}
}

// md5Signer signs for one connection.
type md5Signer struct {
	key      *md5Key
	from, to netip.Addr
}

// md5Signer returns one for segments between two addresses, nil without a key.
func (a *auth) md5Signer(from, to netip.Addr) signer {
	k := a.md5For(to)
	if k == nil {
		return nil
	}
	return &md5Signer{key: newMD5Key(k.peer, k.key), from: from, to: to}
}

func (s *md5Signer) space() int { return md5Space }

// sign stands before all other options, as Linux's does.
func (s *md5Signer) sign(b *skb.Buffer, h Header) {
	p := h[HeaderLen : HeaderLen+md5Space]
	p[0], p[1], p[2], p[3] = optNop, optNop, optMD5, 2+md5Len
	copy(p[4:], s.key.digest(s.from, s.to, b, h))
}

// signsMD5 reports whether the connection about to be opened is signed so.
// Timestamps would leave no room for SACK blocks beside the signature, and are
// not offered (tcp_syn_options).
func (c *Conn) signsMD5() bool {
	_, ok := c.signer().(*md5Signer)
	return ok
}
