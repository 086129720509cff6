package tcp

import (
	"syscall"
	"testing"
	"time"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/seq"
	"github.com/stretchr/testify/require"
)

// forge builds a segment as if the peer of c had sent it.
func (w *world) forge(c *Conn, sq, ack seq.Num, flags Flags, payload string) []byte {
	raw := make([]byte, HeaderLen+len(payload))
	Header(raw[:HeaderLen]).encode(&fields{src: c.Peer.Port(), dst: c.Local.Port(), seq: sq, ack: ack, flags: flags, window: 1000})
	copy(raw[HeaderLen:], payload)
	return seal(raw, c)
}

// B43: close with data unread resets; the peer sees ECONNRESET, then the end,
// then EPIPE.
func TestCloseWithUnreadDataResets(t *testing.T) { // B43, RFC 2525 2.17
	w := newWorld(t)
	c, s := w.connect()
	w.send(c, 100, 10*time.Millisecond)
	require.NoError(t, s.Close(nil))
	w.clk.Run(10 * time.Millisecond)
	var buf [10]byte
	_, err := c.Recv(buf[:], 0, hurried())
	require.ErrorIs(t, err, syscall.ECONNRESET)
	n, err := c.Recv(buf[:], 0, hurried())
	require.NoError(t, err)
	require.Zero(t, n)
	_, err = c.Send(buf[:], 0, hurried())
	require.ErrorIs(t, err, syscall.EPIPE)
}

// B43: SO_LINGER with 0 seconds resets. RFC 9293 3.10.5.
func TestLingerZeroResets(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	s.Options.Linger = true
	require.NoError(t, s.Close(nil))
	w.clk.Run(10 * time.Millisecond)
	require.Equal(t, Closed, c.State())
	require.ErrorIs(t, c.TakeError(), syscall.ECONNRESET)
}

// B43: the first write to a peer that closed succeeds and brings its RST, the
// second fails.
func TestWriteAfterThePeerClosedFailsTheSecondTime(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	require.NoError(t, s.Close(nil))
	w.clk.Run(100 * time.Millisecond)
	_, err := c.Send([]byte("one"), 0, hurried())
	require.NoError(t, err)
	w.clk.Run(10 * time.Millisecond)
	_, err = c.Send([]byte("two"), 0, hurried())
	require.ErrorIs(t, err, syscall.EPIPE)
}

// RFC 5961 3.2: a RST ends a connection only at exactly RCV.NXT; elsewhere in
// the window it is challenged, outside it is dropped. RFC 9293 3.5.3.
func TestABlindResetIsChallenged(t *testing.T) {
	w := newWorld(t)
	c, _ := w.connect()
	w.watch()
	w.a.inject(c.Peer, c.Local, w.forge(c, c.rcv.nxt.Add(100), seq.Num{}, RST, ""))
	require.Equal(t, Established, c.State())
	require.Len(t, w.segments(w.a), 1, "a challenge ACK")
	require.Equal(t, c.rcv.nxt, w.segments(w.a)[0].ack)
	w.a.inject(c.Peer, c.Local, w.forge(c, c.rcv.nxt.Add(-100), seq.Num{}, RST, ""))
	require.Equal(t, Established, c.State())
	require.Len(t, w.segments(w.a), 1, "outside the window: silence")
	w.a.inject(c.Peer, c.Local, w.forge(c, c.rcv.nxt, seq.Num{}, RST, ""))
	require.Equal(t, Closed, c.State())
	require.ErrorIs(t, c.TakeError(), syscall.ECONNRESET)
}

// RFC 5961 4.2: a SYN in the window is challenged, and no state changes.
func TestABlindSynIsChallenged(t *testing.T) {
	w := newWorld(t)
	c, _ := w.connect()
	w.watch()
	w.a.inject(c.Peer, c.Local, w.forge(c, c.rcv.nxt.Add(10), seq.Num{}, SYN, ""))
	require.Equal(t, Established, c.State())
	require.Len(t, w.segments(w.a), 1)
	require.Equal(t, uint64(1), w.a.env.Stat.Get(stat.TcpExtTCPChallengeACK))
}

// RFC 5961 5.2: an ACK of what was not sent is challenged and its data dropped.
func TestAnAckOfUnsentDataIsChallenged(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_timestamps", "0")
	c, _ := w.connect()
	w.watch()
	w.a.inject(c.Peer, c.Local, w.forge(c, c.rcv.nxt, c.snd.nxt.Add(5), ACK, "evil"))
	require.Len(t, w.segments(w.a), 1)
	require.Zero(t, c.readable())
}

// RFC 5961 7, Linux's tcp_invalid_ratelimit: one challenge each 500 ms.
func TestChallengesAreLimited(t *testing.T) {
	w := newWorld(t)
	c, _ := w.connect()
	w.watch()
	for range 10 {
		w.a.inject(c.Peer, c.Local, w.forge(c, c.rcv.nxt.Add(100), seq.Num{}, RST, ""))
	}
	require.Len(t, w.segments(w.a), 1)
	w.clk.Run(600 * time.Millisecond)
	w.a.inject(c.Peer, c.Local, w.forge(c, c.rcv.nxt.Add(100), seq.Num{}, RST, ""))
	require.Len(t, w.segments(w.a), 2)
}

// RFC 9293 3.6.1, RFC 1122 4.2.2.13: data for a reader who has gone is
// answered by a RST.
func TestDataForNobodyResets(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	require.NoError(t, c.Close(nil))
	w.clk.Run(100 * time.Millisecond)
	w.send(s, 10, 10*time.Millisecond)
	require.Equal(t, Closed, s.State())
}

// B42: after a half-close the other direction goes on.
func TestHalfCloseLeavesTheOtherHalf(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	require.NoError(t, c.Shutdown(inet.ShutWrite))
	w.clk.Run(100 * time.Millisecond)
	w.transfer(s, c, 300_000, time.Minute)
	require.NoError(t, s.Close(nil))
	w.clk.Run(100 * time.Millisecond)
	require.Equal(t, Closed, s.State())
}

// RFC 9293 3.10.7.1: where there is no connection a segment with an ACK gets a
// RST at that number, one without a RST that acknowledges all of it, and a RST
// nothing.
func TestASegmentForNoConnectionIsReset(t *testing.T) {
	w := newWorld(t)
	stranger := &Conn{}
	stranger.Local, stranger.Peer = at(w.a, 81), at(w.b, 5000)
	for _, c := range []struct {
		flags    Flags
		payload  string
		seq, ack uint32
		answer   Flags
	}{
		{ACK, "data", 777, 0, RST},
		{SYN | ACK, "", 777, 0, RST},
		{SYN, "", 0, 101, RST | ACK},
		{SYN | FIN, "data", 0, 106, RST | ACK},
		{0, "data", 0, 104, RST | ACK},
		{RST, "", 0, 0, 0},
		{RST | ACK, "", 0, 0, 0},
	} {
		w.watch()
		w.a.inject(stranger.Peer, stranger.Local, w.forge(stranger, seq.New(100), seq.New(777), c.flags, c.payload))
		sent := w.segments(w.a)
		if c.answer == 0 {
			require.Empty(t, sent, "%+v", c)
			continue
		}
		require.Len(t, sent, 1, "%+v", c)
		require.Equal(t, []any{c.answer, seq.New(c.seq), seq.New(c.ack)}, []any{sent[0].flags, sent[0].seq, sent[0].ack}, "%+v", c)
	}
}
