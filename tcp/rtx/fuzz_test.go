package rtx

import (
	"math/rand"
	"testing"
)

// FuzzSender feeds arbitrary events to a Sender.
func FuzzSender(f *testing.F) {
	for seed := range int64(16) {
		f.Add(randomOctets(seed, 600))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		c := chaos{t: t, in: in[:min(len(in), 2048)]}
		c.run()
	})
}

func randomOctets(seed int64, n int) []byte {
	b := make([]byte, n)
	rand.New(rand.NewSource(seed)).Read(b)
	return b
}

// Random sequences of events keep the counters equal to a recount.
func TestCountersEqualARecountWhateverHappens(t *testing.T) {
	seeds := int64(150)
	if testing.Short() {
		seeds = 50
	}
	for seed := range seeds {
		c := chaos{t: t, in: randomOctets(seed, 3000)}
		c.run()
	}
}
