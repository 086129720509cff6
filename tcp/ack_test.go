package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// segments returns what host h sent since the world began to remember.
func (w *world) segments(h *host) []*wireSegment {
	var out []*wireSegment
	for _, s := range w.seen {
		if s.from == h {
			out = append(out, s)
		}
	}
	return out
}

// watch forgets what was seen and remembers from now on.
func (w *world) watch() { w.seen, w.keep = nil, true }

// send writes bytes of the pattern and lets d pass.
func (w *world) send(c *Conn, n int, d time.Duration) {
	p := make([]byte, n)
	fill(p, 0)
	got, err := c.Send(p, 0, hurried())
	require.NoError(w.t, err)
	require.Equal(w.t, n, got)
	w.clk.Run(d)
}

// settle ends the quick acknowledgements of a new connection.
func (w *world) settle(c, s *Conn) {
	buf := make([]byte, 1<<20)
	w.transfer(c, s, 100_000, time.Minute)
	for range 2 {
		w.send(c, 100, 100*time.Millisecond) // the window grew: one more at once
		_, err := s.Recv(buf, 0, hurried())
		require.NoError(w.t, err)
	}
	w.clk.Run(50 * time.Millisecond) // less than an RTO, or the pause itself would bring quick ACKs
}

// RFC 9293 3.7.1, B46: full segments are full: 1448 bytes with timestamps at
// MTU 1500, 1460 without. RFC 9293 3.7.
func TestFullSegmentsAreFull(t *testing.T) {
	for stamps, want := range map[string]int{"1": 1448, "0": 1460} {
		w := newWorld(t, "net.ipv4.tcp_timestamps", stamps)
		c, _ := w.connect()
		w.watch()
		w.send(c, 4*want, 100*time.Millisecond)
		sent := w.segments(w.a)
		require.Len(t, sent, 4)
		for _, s := range sent {
			require.Len(t, s.payload, want)
		}
		mss, err := c.Option(OptMaxSeg)
		require.NoError(t, err)
		require.Equal(t, want, mss)
	}
}

// RFC 5681 4.2, RFC 9293 3.8.6.3: an acknowledgement waits for a second full
// segment or for at most 500 ms (here 40 ms and more), except on a new
// connection.
func TestAcknowledgementsAreDelayedOnceTheConnectionIsOld(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	w.watch()
	w.send(c, 100, 3*time.Millisecond)
	require.Len(t, w.segments(w.b), 1, "a new connection acknowledges at once")
	_, err := s.Recv(make([]byte, 100), 0, hurried())
	require.NoError(t, err)
	w.settle(c, s)

	w.watch()
	w.send(c, 100, 20*time.Millisecond)
	require.Empty(t, w.segments(w.b), "one small segment waits")
	w.clk.Run(200 * time.Millisecond)
	require.Len(t, w.segments(w.b), 1)

	w.watch()
	w.send(c, 2*c.snd.mss, 5*time.Millisecond)
	require.NotEmpty(t, w.segments(w.b), "two full segments do not wait")
}

// RFC 9293 3.7.4, Minshall: one small segment may be under way, a second waits.
func TestNagleHoldsTheSecondSmallSegment(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	w.settle(c, s)
	w.watch()
	w.send(c, 10, 0)
	w.send(c, 10, 0)
	require.Len(t, w.segments(w.a), 1, "the second waits for the acknowledgement of the first")
	w.clk.Run(time.Second)
	require.Len(t, w.segments(w.a), 2)
}

// tcp(7) TCP_NODELAY.
func TestNoDelaySendsEverySmallSegment(t *testing.T) {
	w := newWorld(t)
	c, _ := w.connect()
	require.NoError(t, c.SetOption(OptNoDelay, 1))
	w.watch()
	w.send(c, 10, 0)
	w.send(c, 10, 0)
	require.Len(t, w.segments(w.a), 2)
}

// tcp(7) TCP_CORK: only full segments leave until the cork is pulled.
func TestCorkHoldsUntilItIsPulled(t *testing.T) {
	w := newWorld(t)
	c, _ := w.connect()
	require.NoError(t, c.SetOption(OptCork, 1))
	w.watch()
	w.send(c, c.snd.mss+10, 0)
	require.Len(t, w.segments(w.a), 1)
	require.NoError(t, c.SetOption(OptCork, 0))
	require.Len(t, w.segments(w.a), 2)
	require.Len(t, w.segments(w.a)[1].payload, 10)
}

// RFC 2018 4, RFC 5681 4.2: a gap is reported at once, the newest block first,
// and acknowledged as soon as it is filled.
func TestGapsAreReportedBySackBlocks(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	w.settle(c, s)
	mss := c.snd.mss
	first := c.snd.nxt
	lost := 0
	w.lose = func(seg *wireSegment) bool {
		if seg.from == w.a && (seg.seq == first || seg.seq == first.Add(2*mss)) && lost < 2 {
			lost++
			return true
		}
		return false
	}
	w.watch()
	w.send(c, 4*mss, 3*time.Millisecond)
	acks := w.segments(w.b)
	require.Len(t, acks, 2)
	require.Equal(t, first, acks[1].ack)
	require.Equal(t, 2, acks[1].opts.nsack)
	require.Equal(t, Block{Start: first.Add(3 * mss), End: first.Add(4 * mss)}, acks[1].opts.sack[0])
	require.Equal(t, Block{Start: first.Add(mss), End: first.Add(2 * mss)}, acks[1].opts.sack[1])
	w.clk.Run(time.Second)
	acks = w.segments(w.b)
	require.Equal(t, first.Add(4*mss), acks[len(acks)-1].ack)
}

// RFC 2883 4.1: what came twice is reported as the first block, once.
func TestDuplicatesAreReportedByDSACK(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	w.settle(c, s)
	from := c.snd.nxt
	w.watch()
	w.send(c, 100, 500*time.Millisecond)
	again := w.segments(w.a)[0]
	w.watch()
	w.b.inject(again.src, again.dst, again.raw)
	require.Len(t, w.segments(w.b), 1)
	require.Equal(t, 1, w.segments(w.b)[0].opts.nsack)
	require.Equal(t, Block{Start: from, End: from.Add(100)}, w.segments(w.b)[0].opts.sack[0])
}

// RFC 4861 7.3.1: an acknowledgement of new data shows that the next hop works;
// one that only repeats shows nothing.
func TestNewAcknowledgementsConfirmTheNextHop(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_timestamps", "0")
	c, _ := w.connect()
	before := w.a.confirmed
	w.send(c, 100, 100*time.Millisecond)
	require.Greater(t, w.a.confirmed, before)
	before = w.a.confirmed
	w.a.inject(c.Peer, c.Local, w.forge(c, c.rcv.nxt, c.snd.una, ACK, ""))
	require.Equal(t, before, w.a.confirmed)
}
