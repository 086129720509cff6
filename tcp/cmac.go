package tcp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"hash"
)

// AES-CMAC (RFC 4493): CBC-MAC whose last block is masked by one of two
// subkeys, so that messages of any length are safe. It is a hash.Hash; the
// last block is kept back until it is known to be the last.

type cmac struct {
	block  cipher.Block
	k1, k2 [aes.BlockSize]byte
	state  [aes.BlockSize]byte
	last   [aes.BlockSize]byte
	n      int // bytes in last
}

// newCMAC returns AES-128-CMAC under a key of 16 bytes.
func newCMAC(key *[16]byte) hash.Hash {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("tcp: 16 bytes are an AES key: " + err.Error())
	}
	m := &cmac{block: block}
	block.Encrypt(m.k1[:], m.k1[:])
	double(&m.k1, &m.k1)
	double(&m.k2, &m.k1)
	return m
}

// double multiplies by x in GF(2^128) (RFC 4493 2.3).
func double(dst, src *[aes.BlockSize]byte) {
	carry := src[0] >> 7
	for i := range len(src) - 1 {
		dst[i] = src[i]<<1 | src[i+1]>>7
	}
	dst[15] = src[15]<<1 ^ 0x87*carry
}

// Write adds to the message; it never fails.
func (m *cmac) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if m.n == aes.BlockSize {
			m.mix(&m.last)
			m.n = 0
		}
		k := copy(m.last[m.n:], p)
		m.n += k
		p = p[k:]
	}
	return n, nil
}

// mix takes in a block that is not the last.
func (m *cmac) mix(b *[aes.BlockSize]byte) {
	subtle.XORBytes(m.state[:], m.state[:], b[:])
	m.block.Encrypt(m.state[:], m.state[:])
}

// Sum appends the MAC. The message is over: Reset begins the next one.
func (m *cmac) Sum(dst []byte) []byte {
	key := &m.k1
	if m.n < aes.BlockSize {
		key = &m.k2
		m.last[m.n] = 0x80
		clear(m.last[m.n+1:])
	}
	subtle.XORBytes(m.last[:], m.last[:], key[:])
	m.mix(&m.last)
	return append(dst, m.state[:]...)
}

// Reset begins a new message under the same key.
func (m *cmac) Reset() { m.state, m.last, m.n = [aes.BlockSize]byte{}, [aes.BlockSize]byte{}, 0 }

// Size returns the bytes of a MAC.
func (m *cmac) Size() int { return aes.BlockSize }

// BlockSize returns the bytes that are taken in at once.
func (m *cmac) BlockSize() int { return aes.BlockSize }
