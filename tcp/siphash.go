package tcp

import (
	"encoding/binary"
	"math/bits"
)

// SipHash-2-4 (Aumasson and Bernstein, 2012) of 40 bytes: a keyed hash that is
// fast on short inputs and does not give its key away, as RFC 6528 asks of
// initial sequence numbers. The standard library's hashes are either unkeyed
// or cannot be given a key, and a stack on a virtual clock must repeat itself.

type sipState struct{ v0, v1, v2, v3 uint64 }

func (s *sipState) round() {
	s.v0 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 13) ^ s.v0
	s.v0 = bits.RotateLeft64(s.v0, 32)
	s.v2 += s.v3
	s.v3 = bits.RotateLeft64(s.v3, 16) ^ s.v2
	s.v0 += s.v3
	s.v3 = bits.RotateLeft64(s.v3, 21) ^ s.v0
	s.v2 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 17) ^ s.v2
	s.v2 = bits.RotateLeft64(s.v2, 32)
}

func (s *sipState) word(m uint64) {
	s.v3 ^= m
	s.round()
	s.round()
	s.v0 ^= m
}

func newSipState(k sipKey) sipState {
	return sipState{k.k0 ^ 0x736f6d6570736575, k.k1 ^ 0x646f72616e646f6d, k.k0 ^ 0x6c7967656e657261, k.k1 ^ 0x7465646279746573}
}

// finish takes the last word, whose top byte is the length modulo 256.
func (s *sipState) finish(last uint64) uint64 {
	s.word(last)
	s.v2 ^= 0xff
	for range 4 {
		s.round()
	}
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3
}

func sipHash(k sipKey, p *[40]byte) uint64 {
	s := newSipState(k)
	for i := 0; i < len(p); i += 8 {
		s.word(binary.LittleEndian.Uint64(p[i:]))
	}
	return s.finish(uint64(len(p)) << 56)
}
