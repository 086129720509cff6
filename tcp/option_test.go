package tcp

import (
	"testing"
	"time"

	"github.com/slankdev/ministack/inet"
	"github.com/stretchr/testify/require"
)

// optionsOf parses the options given behind a header.
func optionsOf(flags Flags, p ...byte) options {
	for len(p)%4 != 0 {
		p = append(p, optEnd)
	}
	h := make(Header, HeaderLen+len(p))
	h.encode(&fields{flags: flags})
	copy(h[HeaderLen:], p)
	h[12] = byte(len(h)/4) << 4
	var o options
	o.parse(h)
	return o
}

// RFC 9293 3.2, MUST-6: an unknown option is passed over by its length; one
// without a sane length ends the list, and what stood before it counts.
func TestUnknownOptionsArePassedOver(t *testing.T) {
	o := optionsOf(SYN, 77, 4, 9, 9, optNop, optMSS, 4, 5, 0xb4)
	require.True(t, o.hasMSS)
	require.EqualValues(t, 1460, o.mss)
	for _, length := range []byte{0, 1, 200} {
		o = optionsOf(SYN, optMSS, 4, 5, 0xb4, 77, length, optWScale, 3, 7)
		require.True(t, o.hasMSS)
		require.False(t, o.hasWScale, "length %d", length)
	}
}

// RFC 7323 2.3: a shift count above 14 is taken as 14.
func TestAWindowScaleAbove14Is14(t *testing.T) {
	require.EqualValues(t, 14, optionsOf(SYN, optWScale, 3, 15).wscale)
	require.EqualValues(t, 14, optionsOf(SYN, optWScale, 3, 14).wscale)
	require.False(t, optionsOf(ACK, optWScale, 3, 7).hasWScale, "only a SYN has one")
}

// RFC 7413 4.1.1: a cookie has 4 to 16 bytes, an even number of them.
func TestCookiesOfOddLengthAreNone(t *testing.T) {
	for n := range 20 {
		o := optionsOf(SYN, append([]byte{optFastOpen, byte(2 + n)}, make([]byte, n)...)...)
		valid := n == 0 || n >= 4 && n <= 16 && n%2 == 0
		require.Equal(t, valid, o.hasFO, "%d bytes", n)
	}
}

// RFC 7323 5.4: timestamps start at an offset that differs from peer to peer,
// and run with the same clock.
func TestTimestampsOfPeersTellNothingOfEachOther(t *testing.T) {
	w := newWorld(t)
	a, b := w.a.m.tsOffset(at(w.a, 1), at(w.b, 80)), w.a.m.tsOffset(at(w.a, 1), at(w.a, 80))
	require.NotEqual(t, a, b)
	require.Equal(t, a, w.a.m.tsOffset(at(w.a, 2), at(w.b, 81)), "one for a pair of hosts")
}

// RFC 7323 5.5: after 24 days without a segment the last timestamp is no
// judge any more, for the clock may have wrapped.
func TestAnOldTimestampIsNoJudge(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	w.transfer(c, s, 1000, time.Minute)
	c.ts.offset -= 1 << 30 // the clock of the peer seems to have gone back
	s.ts.recentAge = s.Env().Clock.Now().Add(-25 * 24 * time.Hour)
	w.transfer(c, s, 1000, time.Minute)
	c.ts.offset -= 1 << 30
	_, err := c.Send([]byte("x"), 0, hurried())
	require.NoError(t, err)
	w.clk.Run(time.Second)
	_, err = s.Recv(make([]byte, 1), 0, &inet.Patience{NonBlock: true})
	require.Error(t, err, "a young one is")
}
