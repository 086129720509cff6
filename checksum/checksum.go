// Package checksum computes the Internet checksum (RFC 1071): the one's
// complement sum of 16-bit words, here eight bytes at a time, with the carries
// folded at the end. A Sum is not inverted; Finish inverts it for the header.
package checksum

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Sum returns the folded one's complement sum of p, continued from initial. p
// is taken to start on an even byte; an odd last byte is padded with zero.
func Sum(initial uint16, p []byte) uint16 {
	sum, carry := uint64(0), uint64(0)
	for len(p) >= 64 {
		q := p[:64:64]
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(q[0:]), carry)
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(q[8:]), carry)
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(q[16:]), carry)
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(q[24:]), carry)
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(q[32:]), carry)
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(q[40:]), carry)
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(q[48:]), carry)
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(q[56:]), carry)
		p = p[64:]
	}
	for len(p) >= 8 {
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(p), carry)
		p = p[8:]
	}
	if len(p) > 0 {
		var last [8]byte
		copy(last[:], p)
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(last[:]), carry)
	}
	sum, carry = bits.Add64(sum, 0, carry)
	return Add(initial, bits.ReverseBytes16(fold(sum+carry)))
}

func fold(sum uint64) uint16 {
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	return uint16(sum)
}

// Add is one's complement addition.
func Add(a, b uint16) uint16 {
	s := uint32(a) + uint32(b)
	return uint16(s + s>>16)
}

// SumAt is Sum for a piece that starts off bytes into the whole: at an odd
// offset its bytes change places (RFC 1071 2(B)).
func SumAt(initial uint16, off int, p []byte) uint16 {
	if off&1 == 0 {
		return Sum(initial, p)
	}
	return Add(initial, bits.ReverseBytes16(Sum(0, p)))
}

// Finish inverts a sum for the header.
func Finish(sum uint16) uint16 { return ^sum }

// Valid reports whether a sum over data that includes its checksum is right.
func Valid(sum uint16) bool { return sum == 0xffff }

// Update returns the checksum old after a 16-bit field went from one value to
// another (RFC 1624, equation 3).
func Update(old, from, to uint16) uint16 {
	return ^Add(Add(^old, ^from), to)
}

// PseudoHeader returns the sum of the pseudo-header that TCP and UDP cover
// (RFC 9293 3.1, RFC 768; RFC 8200 8.1). length is that of header and data.
func PseudoHeader(src, dst netip.Addr, proto uint8, length int) uint16 {
	sum := Add(sumAddr(src), sumAddr(dst))
	sum = Add(sum, uint16(proto))
	sum = Add(sum, uint16(length>>16))
	return Add(sum, uint16(length))
}

func sumAddr(a netip.Addr) uint16 {
	if a.Is4() {
		b := a.As4()
		return Add(binary.BigEndian.Uint16(b[:]), binary.BigEndian.Uint16(b[2:]))
	}
	b := a.As16()
	return Sum(0, b[:])
}
