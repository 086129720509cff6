package tcp

import (
	"crypto/aes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"hash"
	"net/netip"

	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/tcp/seq"
)

// The cryptography of TCP-AO (RFC 5926): from a master key that people agree
// on, each connection derives traffic keys of its own, one a direction, and
// signs with those. So no key signs two segments with the same numbers, however
// long the master key is used.

// Names of the two algorithms, as Linux gives them to TCP_AO_ADD_KEY.
const (
	AOHMACSHA1 = "hmac(sha1)"   // HMAC-SHA-1-96, RFC 5926 3.2.1
	AOCMACAES  = "cmac(aes128)" // AES-128-CMAC-96, RFC 5926 3.2.2
)

// aoAlgorithm is a key derivation function with the MAC that goes with it.
type aoAlgorithm struct {
	size int                           // bytes of a traffic key, and of a MAC before it is cut
	kdf  func(master []byte) hash.Hash // the pseudorandom function under a master key
	mac  func(traffic []byte) hash.Hash
}

// aoAlgorithmOf returns an algorithm by its name.
func aoAlgorithmOf(name string) (aoAlgorithm, bool) {
	switch name {
	case AOHMACSHA1:
		return aoAlgorithm{sha1.Size, hmacSHA1, hmacSHA1}, true
	case AOCMACAES:
		return aoAlgorithm{aes.BlockSize, cmacKDF, func(k []byte) hash.Hash { return newCMAC((*[16]byte)(k)) }}, true
	}
	return aoAlgorithm{}, false
}

func hmacSHA1(key []byte) hash.Hash { return hmac.New(sha1.New, key) }

// cmacKDF brings a master key of any length to 16 bytes first (RFC 5926
// 3.1.1.2).
func cmacKDF(master []byte) hash.Hash {
	var key [16]byte
	if copy(key[:], master) != 16 || len(master) != 16 {
		fixed := newCMAC(&[16]byte{})
		fixed.Write(master)
		fixed.Sum(key[:0])
	}
	return newCMAC(&key)
}

// aoContext names a connection for the derivation of a key, from the side of
// who sends (RFC 5925 5.2). The destination's ISN is 0 in a SYN.
type aoContext struct {
	from, to         netip.AddrPort
	fromISN, destISN seq.Num
}

// trafficKey is RFC 5926 3.1.1: one block of output, i = 1.
func (a *aoAlgorithm) trafficKey(master []byte, c *aoContext) []byte {
	in := append(make([]byte, 0, 32), 1)
	in = append(in, "TCP-AO"...)
	src, dst := c.from.Addr().As4(), c.to.Addr().As4()
	in = append(append(in, src[:]...), dst[:]...)
	in = binary.BigEndian.AppendUint16(in, c.from.Port())
	in = binary.BigEndian.AppendUint16(in, c.to.Port())
	in = binary.BigEndian.AppendUint32(in, c.fromISN.Uint32())
	in = binary.BigEndian.AppendUint32(in, c.destISN.Uint32())
	in = binary.BigEndian.AppendUint16(in, uint16(8*a.size))
	prf := a.kdf(master)
	prf.Write(in)
	return prf.Sum(nil)
}

// aoMAC computes MACs under one traffic key without allocating.
type aoMAC struct {
	hash hash.Hash
	head [4 + 12 + maxHeaderLen]byte
	out  [sha1.Size]byte
}

func (k *aoKey) newMAC(c *aoContext) *aoMAC {
	return &aoMAC{hash: k.alg.mac(k.alg.trafficKey(k.Key, c))}
}

// aoWhere is where a header has its option.
type aoWhere struct {
	off, n  int  // offset and length of the option
	exclude bool // the MAC does not cover the other options (RFC 5925 3.1)
}

// of is RFC 5925 5.1: the MAC of b, which begins with its TCP header.
func (m *aoMAC) of(e *aoEnvelope, b *skb.Buffer, w aoWhere) []byte {
	h := Header(b.Data())
	p := binary.BigEndian.AppendUint32(m.head[:0], e.sne)
	p = pseudoHeader(p, e.from, e.to, b.Len())
	at, option := len(p), len(p)+w.off
	if w.exclude {
		p = append(append(p, h[:HeaderLen]...), h[w.off:w.off+w.n]...)
		option = at + HeaderLen
	} else {
		p = append(p, h[:h.Len()]...)
	}
	p[at+offChecksum], p[at+offChecksum+1] = 0, 0
	clear(p[option+2+aoIDs : option+w.n])
	m.hash.Reset()
	m.hash.Write(p)
	hashPayload(m.hash, b, h.Len())
	return m.hash.Sum(m.out[:0])
}
