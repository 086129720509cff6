package iperf3

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHeaderIsReadAsWritten(t *testing.T) {
	for wide, number := range map[bool]int64{false: 1<<32 - 1, true: 1 << 40} {
		p := make([]byte, 20)
		putHeader(p, wide, 11631*time.Second+914999*time.Microsecond+999, number)
		sent, n, ok := header(p, wide)
		require.True(t, ok)
		require.Equal(t, 11631*time.Second+914999*time.Microsecond, sent)
		require.Equal(t, number, n)
	}
}

// The first datagram of a client of 3.12, as it was seen.
func TestHeaderOfAClient(t *testing.T) {
	sent, n, ok := header([]byte("\x00\x00-o\x00\r\xf67\x00\x00\x00\x01"), false)
	require.True(t, ok)
	require.Equal(t, 11631*time.Second+914999*time.Microsecond, sent)
	require.Equal(t, int64(1), n)
}

func TestWhatIsTooShortOrTooLargeIsNoDatagramOfATest(t *testing.T) {
	for n := range header32 {
		_, _, ok := header(make([]byte, n), false)
		require.False(t, ok)
	}
	_, _, ok := header(make([]byte, header64-1), true)
	require.False(t, ok)
	p := make([]byte, header64)
	p[8] = 0x80
	_, _, ok = header(p, true)
	require.False(t, ok, "a number below zero")
}

func TestFirstDatagramsAreAnsweredInTheirOrderOfBytes(t *testing.T) {
	require.Equal(t, "6789", string(answerTo([]byte("9876"))))
	require.Equal(t, "9876", string(answerTo([]byte("6789"))))
	require.Equal(t, "\xb1\x68\xde\x3a", string(answerTo([]byte("\x15\xcd\x5b\x07"))))
	for _, p := range []string{"", "987", "98765", "0000"} {
		require.Nil(t, answerTo([]byte(p)))
	}
}
