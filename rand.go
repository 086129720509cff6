package ministack

import (
	"crypto/rand"
	"encoding/binary"
	mrand "math/rand/v2"
	"sync"
)

// systemRand is the system's randomness.
type systemRand struct{}

func (systemRand) Uint64() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails: crypto/rand ends the program first
	return binary.LittleEndian.Uint64(b[:])
}

func (r systemRand) Uint32() uint32 { return uint32(r.Uint64()) }

// SeededRand returns randomness that a seed repeats, for tests and
// simulations. It is safe for concurrent use.
func SeededRand(seed uint64) *Seeded {
	return &Seeded{r: mrand.New(mrand.NewPCG(seed, seed^0x9e3779b97f4a7c15))}
}

// Seeded is a repeatable source; see SeededRand.
type Seeded struct {
	mu sync.Mutex
	r  *mrand.Rand
}

// Uint32 returns 32 bits.
func (s *Seeded) Uint32() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Uint32()
}

// Uint64 returns 64 bits.
func (s *Seeded) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Uint64()
}
