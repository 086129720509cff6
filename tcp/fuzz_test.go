package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzOptions has any bytes read as options: nothing panics, and what is read
// fits its limits.
func FuzzOptions(f *testing.F) {
	f.Add([]byte{2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7}, true)
	f.Add([]byte{1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4}, false)
	f.Add([]byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}, false)
	f.Fuzz(func(t *testing.T, opts []byte, syn bool) {
		opts = opts[:min(len(opts), maxOptionLen)&^3]
		h := Header(make([]byte, HeaderLen+len(opts)))
		h.encode(&fields{})
		if syn {
			h[offFlags] = byte(SYN)
		}
		copy(h[HeaderLen:], opts)
		require.True(t, h.Valid())
		var o options
		o.parse(h)
		require.LessOrEqual(t, o.nsack, maxSackBlocks)
		require.LessOrEqual(t, o.wscale, uint8(maxWScale))
		if !syn {
			require.False(t, o.hasMSS || o.hasWScale || o.sackPerm)
		}
	})
}

// FuzzConnection throws segments at an established connection: header fields
// near its own numbers, any options, any payload. Nothing panics, no buffer is
// lost, and what the user reads is never more than arrived.
func FuzzConnection(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
	f.Add([]byte{0, 5, 0, 1, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0, 1, 0x04})
	f.Fuzz(func(t *testing.T, script []byte) {
		w := newWorld(t)
		c, s := w.connect()
		s.Options.OOBInline = len(script)%2 == 0
		_, _ = c.Send([]byte("something under way"), 0, hurried())
		for len(script) >= 8 {
			n := min(int(script[7]), len(script)-8)
			w.b.inject(s.Peer, s.Local, w.fuzzSegment(s, script[:8], script[8:8+n]))
			script = script[8+n:]
			w.clk.Run(time.Millisecond)
		}
		_, _ = s.Recv(make([]byte, 1<<16), 0, hurried())
		_ = s.Close(hurried()) // a read ends at the urgent mark: what is behind it is still the user's
	})
}

// fuzzSegment builds a segment for s out of eight bytes and what follows.
func (w *world) fuzzSegment(s *Conn, b, rest []byte) []byte {
	near := func(hi, lo byte) int { return int(int8(hi))*200 + int(int8(lo)) }
	opts := min(len(rest), int(b[6])%10*4) &^ 3
	raw := make([]byte, HeaderLen+len(rest))
	h := Header(raw[:HeaderLen+opts])
	h.encode(&fields{src: s.Peer.Port(), dst: s.Local.Port(), seq: s.rcv.nxt.Add(near(b[0], b[1])),
		ack: s.snd.nxt.Add(near(b[2], b[3])), flags: Flags(b[4]), window: uint16(b[5]) << 4, urgent: uint16(b[6])})
	copy(raw[HeaderLen:], rest)
	return seal(raw, s)
}
