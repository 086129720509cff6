package tcp

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// unhex reads bytes as RFCs print them.
func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	require.NoError(t, err)
	return b
}

// RFC 4493 2.3, 4: all examples, written at once and byte by byte.
func TestCMACVectors(t *testing.T) {
	key := unhex(t, "2b7e1516 28aed2a6 abf71588 09cf4f3c")
	message := unhex(t, `6bc1bee2 2e409f96 e93d7e11 7393172a ae2d8a57 1e03ac9c 9eb76fac 45af8e51
		30c81c46 a35ce411 e5fbc119 1a0a52ef f69f2445 df4f9b17 ad2b417b e66c3710`)
	m := newCMAC((*[16]byte)(key)).(*cmac)
	require.Equal(t, unhex(t, "fbeed618 35713366 7c85e08f 7236a8de"), m.k1[:])
	require.Equal(t, unhex(t, "f7ddac30 6ae266cc f90bc11e e46d513b"), m.k2[:])
	for n, want := range map[int]string{
		0:  "bb1d6929 e9593728 7fa37d12 9b756746",
		16: "070a16b4 6b4d4144 f79bdd9d d04a287c",
		40: "dfa66747 de9ae630 30ca3261 1497c827",
		64: "51f0bebf 7e3b9d92 fc497417 79363cfe",
	} {
		m.Reset()
		_, _ = m.Write(message[:n])
		require.Equal(t, unhex(t, want), m.Sum(nil), "%d bytes", n)
		m.Reset()
		for _, b := range message[:n] {
			_, _ = m.Write([]byte{b})
		}
		require.Equal(t, unhex(t, want), m.Sum(nil), "%d bytes, one by one", n)
	}
}
