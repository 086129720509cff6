package tcp

import (
	"testing"

	"github.com/slankdev/ministack/skb"
	"github.com/stretchr/testify/require"
)

// aceSegment is a received segment with the field and, if marked is not
// negative, the option.
func aceSegment(field uint8, marked int) *segment {
	h := make(Header, HeaderLen)
	f := fields{flags: ACK}
	f.setACE(field)
	h.encode(&f)
	s := &segment{hdr: h, flags: h.Flags(), buf: &skb.Buffer{}}
	if marked >= 0 {
		s.hasACC, s.ceb = true, uint32(marked)
	}
	return s
}

// RFC 9768 3.2.2.5: the counter is modulo 8; the bytes of the option tell how
// often it wrapped, and without them no wrap is assumed.
func TestTheACECounterIsDecodedAcrossItsWrap(t *testing.T) {
	for _, tc := range []struct {
		name                   string
		field                  uint8
		marked, delivered, got int
	}{
		{"nothing", 5, -1, 1, 0},
		{"one", 6, -1, 2, 1},
		{"across the wrap", 1, -1, 6, 4},
		{"many delivered, none marked", 5, 0, 40, 0},
		{"many delivered, all marked", (5 + 40) & 7, 40_000, 40, 40},
		{"many delivered, two marked", 7, 2000, 40, 2},
		{"many delivered, no option", 7, -1, 40, 2},
	} {
		c := &Conn{ecn: ecnState{acc: newAccECN(0)}}
		c.snd.mss = 1000
		require.Equal(t, tc.got, c.decodeAccECN(aceSegment(tc.field, tc.marked), tc.delivered), tc.name)
	}
}

// RFC 9768 3.2.3: the option has three counters of 24 bits; those behind may
// be missing.
func TestTheAccECNOptionIsWrittenAndRead(t *testing.T) {
	o := optionSpace{acc: true, e0b: 0x010203, ceb: 0xfffefd, e1b: 7}
	p := make([]byte, o.size())
	o.put(p)
	got := optionsOf(ACK, p...)
	require.True(t, got.hasACC)
	require.EqualValues(t, 0xfffefd, got.ceb)
	require.True(t, optionsOf(ACK, optAccECN1, 8, 1, 2, 3, 4, 5, 6).hasACC)
	require.False(t, optionsOf(ACK, optAccECN0, 5, 1, 2, 3).hasACC, "no CE counter")
}

// RFC 9768 3.2.3.3: marks are reported by the option at once, in segments
// without data.
func TestMarkedBytesAreReported(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_ecn", "3")
	c, s := w.connect()
	require.NotNil(t, c.ecn.acc)
	require.NotNil(t, s.ecn.acc)
	s.ecn.acc.ceb += 1000
	w.watch()
	s.Lock()
	s.sendAck()
	s.Unlock()
	o := w.segments(w.b)[0].opts
	require.True(t, o.hasACC)
	require.EqualValues(t, 1000, o.ceb)
}

// RFC 9768 3.1.2 table 3: what the SYN-ACK says of the SYN.
func TestTheHandshakeReportsTheECNField(t *testing.T) {
	require.Equal(t, []uint8{0b010, 0b011, 0b100, 0b110}, []uint8{handshakeACE(0), handshakeACE(1), handshakeACE(2), handshakeACE(3)})
	var f fields
	for v := range uint8(8) {
		h := make(Header, HeaderLen)
		f.setACE(v)
		h.encode(&f)
		require.Equal(t, v, ace(h))
	}
}
