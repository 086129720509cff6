package tcp

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fillUp writes until nothing more is taken, over d.
func (w *world) fillUp(c *Conn, d time.Duration) (sent int) {
	p := make([]byte, 32<<10)
	end := w.clk.Now().Add(d)
	for w.clk.Now() < end {
		fill(p, sent)
		n, err := c.Send(p, 0, hurried())
		if err != nil {
			require.ErrorIs(w.t, err, syscall.EAGAIN)
			w.clk.Run(d / 100)
		}
		sent += n
	}
	return sent
}

// RFC 9293 3.8.6.1: a closed window is probed with exponential backoff, and
// all arrives once it opens.
func TestAZeroWindowIsProbedUntilItOpens(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	sent := w.fillUp(c, 2*time.Second)
	require.Zero(t, c.snd.wnd, "the reader reads nothing: the window is closed")
	w.watch()
	w.clk.Run(30 * time.Second)
	probes := w.segments(w.a)
	require.GreaterOrEqual(t, len(probes), 4)
	require.LessOrEqual(t, len(probes), 10)
	for i := 2; i < len(probes); i++ {
		require.Greater(t, probes[i].at.Sub(probes[i-1].at), probes[i-1].at.Sub(probes[i-2].at), "backoff")
	}
	got := 0
	buf := make([]byte, 64<<10)
	require.True(t, w.clk.RunUntil(func() bool {
		n, err := s.Recv(buf, 0, hurried())
		if err == nil {
			for i, v := range buf[:n] {
				require.Equal(t, pattern(got+i), v)
			}
			got += n
		}
		return got == sent
	}, time.Minute))
}

// RFC 9293 3.8.6 (SHLD-14): the right edge of the window never moves left.
func TestTheWindowNeverShrinks(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	w.watch()
	w.fillUp(c, 2*time.Second)
	buf := make([]byte, 5000)
	for range 100 {
		_, _ = s.Recv(buf, 0, hurried())
		w.clk.Run(20 * time.Millisecond)
	}
	edge := w.segments(w.b)[0].ack
	for _, seg := range w.segments(w.b) {
		right := seg.ack.Add(int(seg.wnd) << s.rcv.wscale)
		if seg.wnd == 0 && right.Before(edge) {
			continue // what the window had invited found no memory (MUST-34)
		}
		require.True(t, right.AtOrAfter(edge), "the edge went back by %d to a window of %d", edge.Sub(right), seg.wnd)
		edge = right
	}
}

// RFC 9293 3.8.6.2.2: a reader of single bytes does not make the window open
// byte by byte. RFC 9293 3.8.6.2.
func TestTheReceiverAvoidsTheSillyWindow(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	w.fillUp(c, 2*time.Second)
	w.watch()
	one := make([]byte, 1)
	for range 1000 {
		_, err := s.Recv(one, 0, hurried())
		require.NoError(t, err)
	}
	require.Empty(t, w.segments(w.b), "1000 bytes are less than a segment")
}

// tcp(7) tcp_moderate_rcvbuf: the window follows what the reader takes, so
// that a fast path is filled.
func TestTheReceiveBufferGrowsWithTheBandwidthDelayProduct(t *testing.T) {
	w := newWorld(t)
	w.delay, w.rate = 50*time.Millisecond, 200_000_000 // 2.5 MB under way
	c, s := w.connect()
	before := s.RcvBuf.Load()
	took := w.transfer(c, s, 32<<20, time.Minute)
	require.Greater(t, s.RcvBuf.Load(), before)
	require.Less(t, took, 3*time.Second, "32 MB need 1.3 s and slow start")
}
