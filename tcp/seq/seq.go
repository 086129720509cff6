// Package seq holds TCP sequence numbers (RFC 9293 3.4). A Num is a struct, so
// that a plain < between two of them, which is wrong after 2^32 bytes, does
// not compile.
package seq

// Num is a 32-bit sequence number; arithmetic and order wrap modulo 2^32.
type Num struct{ n uint32 }

// New returns the number n as it stands in a header.
func New(n uint32) Num { return Num{n} }

// Uint32 returns the number as it stands in a header.
func (a Num) Uint32() uint32 { return a.n }

// Add returns the number n bytes after a; n may be negative.
func (a Num) Add(n int) Num { return Num{a.n + uint32(n)} }

// Sub returns the signed distance from b to a: positive if a is after b.
func (a Num) Sub(b Num) int { return int(int32(a.n - b.n)) }

// Before reports whether a < b in sequence space.
func (a Num) Before(b Num) bool { return int32(a.n-b.n) < 0 }

// After reports whether a > b in sequence space.
func (a Num) After(b Num) bool { return int32(a.n-b.n) > 0 }

// AtOrBefore reports whether a <= b in sequence space.
func (a Num) AtOrBefore(b Num) bool { return int32(a.n-b.n) <= 0 }

// AtOrAfter reports whether a >= b in sequence space.
func (a Num) AtOrAfter(b Num) bool { return int32(a.n-b.n) >= 0 }

// In reports whether a lies in the half-open window [from, from+size).
func (a Num) In(from Num, size int) bool { return a.n-from.n < uint32(size) }

// Max returns the later of a and b.
func Max(a, b Num) Num {
	if a.After(b) {
		return a
	}
	return b
}

// Min returns the earlier of a and b.
func Min(a, b Num) Num {
	if a.Before(b) {
		return a
	}
	return b
}
