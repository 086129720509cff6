package tcp

import (
	"testing"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/stretchr/testify/require"
)

// slow is a host whose device takes a packet only now and then.
type slow struct {
	*host
	q     skb.Queue
	route *inet.Route
	most  int32 // octets that waited at once
	of    *Conn
}

// slowDown has what c sends wait until it is taken.
func (w *world) slowDown(c *Conn) *slow {
	s := &slow{host: w.a, of: c}
	s.m.net = s
	s.route, _ = w.a.Route(&inet.Flow{Dst: c.Peer.Addr(), Src: c.Local.Addr()})
	w.t.Cleanup(func() {
		s.m.net = s.host
		s.q.Purge(skb.QueuePurge)
	})
	return s
}

func (s *slow) Output(b *skb.Buffer, _ *inet.Route, _ *inet.Header) error {
	s.q.PushBack(b)
	s.most = max(s.most, s.of.below.bytes.Load())
	return nil
}

// take sends the first n packets that wait, and lets who waited for that go on.
func (s *slow) take(n int) {
	for ; n > 0 && s.q.Len() > 0; n-- {
		_ = s.host.Output(s.q.PopFront(), s.route, nil)
	}
	s.m.Resume()
}

// every has the device take a packet each d.
func (s *slow) every(d time.Duration) {
	var t clock.Timer
	t.Init(s.w.clk, func(any) {
		s.take(1)
		t.Reset(s.w.clk.Now().Add(d))
	}, nil)
	t.Reset(s.w.clk.Now().Add(d))
	s.w.t.Cleanup(func() { t.Stop() })
}

// waits fills what the connection may have below it, and more.
func (w *world) waits(size int) (c, peer *Conn, s *slow) {
	c, peer = w.connect()
	w.transfer(c, peer, 4<<20, time.Minute)
	w.clk.Run(time.Second)
	s = w.slowDown(c)
	for done := 0; done < size; {
		n, err := c.Send(pieceOf(done, min(size-done, 50000)), 0, hurried())
		require.NoError(w.t, err)
		done += n
	}
	return c, peer, s
}

// A connection has as much in the queues below it as leaves within a
// millisecond, and goes on whenever a packet has left.
func TestTheQueuesBelowAConnectionStayShort(t *testing.T) {
	w := newWorld(t)
	c, peer := w.connect()
	s := w.slowDown(c)
	s.every(time.Millisecond)
	took := w.transfer(c, peer, 4<<20, time.Minute)
	most := int32(c.belowLimit(maxGSO)) + maxGSO + pieceOverhead
	require.LessOrEqual(t, s.most, most)
	require.Greater(t, s.most, int32(maxGSO), "the device was never idle for want of packets")
	require.Less(t, took, 400*time.Millisecond)
	w.clk.Run(time.Second)
	require.Zero(t, c.below.bytes.Load())
	require.Zero(t, w.a.env.Stat.Get(stat.TcpRetransSegs))
}

func TestAThrottledConnectionEndsInOrder(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_limit_output_bytes", "3000")
	c, peer, s := w.waits(200000)
	require.Equal(t, throttled, c.below.state.Load())
	require.NoError(t, c.Close(nil))
	s.every(time.Millisecond)
	w.clk.Run(time.Second)
	require.Equal(t, 200000, peer.InQueue())
	require.True(t, peer.rcv.finSeen)
	require.NoError(t, peer.Close(nil)) // unread: a reset, which ends both
}

// What is sent again waits, too, and nothing is forgotten.
func TestRetransmissionsWaitForTheDevice(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_limit_output_bytes", "4000")
	c, peer := w.connect()
	n := 0
	w.lose = func(s *wireSegment) bool { n++; return len(s.payload) > 0 && n%17 == 0 }
	s := w.slowDown(c)
	s.every(100 * time.Microsecond)
	w.transfer(c, peer, 2<<20, time.Minute)
	require.Positive(t, w.a.env.Stat.Get(stat.TcpRetransSegs))
	require.LessOrEqual(t, s.most, int32(c.belowLimit(maxGSO)<<againFactor)+maxGSO+pieceOverhead)
}

// After a timeout all is lost and nothing under way: that is sent whatever waits.
func TestATimeoutDoesNotWaitForTheDevice(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_limit_output_bytes", "3000")
	c, _, s := w.waits(200000)
	waiting := s.q.Len()
	w.clk.RunUntil(func() bool { return c.tx.CC.CA == cc.Loss }, 10*time.Second)
	require.Equal(t, cc.Loss, c.tx.CC.CA)
	require.Greater(t, s.q.Len(), waiting)
	s.take(s.q.Len())
}

func TestAConnectionThatDiedIsNotCalled(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_limit_output_bytes", "3000")
	c, _, s := w.waits(200000)
	require.Equal(t, throttled, c.below.state.Load())
	c.Abort()
	waiting := s.q.Len()
	s.take(1)
	require.Equal(t, waiting-1, s.q.Len())
	s.take(waiting)
	require.Zero(t, c.below.bytes.Load())
}

// A user's call owns the connection: it goes on when the call ends.
func TestAThrottledConnectionGoesOnWhenItsOwnerHasDone(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_limit_output_bytes", "3000")
	c, peer, s := w.waits(200000)
	c.Lock()
	s.take(s.q.Len())
	require.Zero(t, s.q.Len())
	c.Unlock()
	require.Positive(t, s.q.Len())
	s.every(time.Millisecond)
	w.clk.Run(time.Second)
	require.Equal(t, 200000, peer.InQueue())
}

// With nothing under way, or one super-segment, there is nobody else to wait for.
func TestTheFirstPacketsAreNeverHeldBack(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_limit_output_bytes", "0", "net.ipv4.tcp_autocorking", "0")
	c, _, s := w.waits(1000)
	require.Equal(t, 1, s.q.Len())
	w.send(c, 1448, 0)
	require.Equal(t, 2, s.q.Len())
	w.send(c, 1448, 0)
	require.Equal(t, 2, s.q.Len())
	c.sendAck()
	require.Equal(t, 3, s.q.Len(), "a pure acknowledgement")
	s.take(3)
	require.Equal(t, 1, s.q.Len())
	s.take(1)
}

// tcp_should_autocork: small writes join while more than they are waits below.
// The first does, with the second it is more and leaves, the others wait.
func TestSmallWritesJoinWhileTheDeviceIsBusy(t *testing.T) {
	for _, on := range []string{"1", "0"} {
		w := newWorld(t, "net.ipv4.tcp_autocorking", on)
		c, peer, s := w.waits(100)
		require.NoError(t, c.SetOption(OptNoDelay, 1))
		for range 10 {
			w.send(c, 100, 0)
		}
		want := map[string]int{"1": 2, "0": 11}[on]
		require.Equal(t, want, s.q.Len())
		s.take(want)
		require.Equal(t, map[string]int{"1": 1}[on], s.q.Len())
		s.take(1)
		w.clk.Run(time.Second)
		require.Equal(t, 1100, peer.InQueue())
		require.EqualValues(t, map[string]int{"1": 1}[on], w.a.env.Stat.Get(stat.TcpExtTCPAutoCorking))
	}
}

func TestTheLimitFollowsThePacingRate(t *testing.T) { // tcp_small_queue_check
	w := newWorld(t)
	c, _ := w.connect()
	for rate, want := range map[uint64]int{0: 4 << 20, 1: 2 * (1448 + pieceOverhead), 50 << 20: 50 << 10, 1 << 40: 4 << 20} {
		c.tx.CC.PacingRate = rate
		require.Equal(t, want, c.belowLimit(1448), "at %d octets a second", rate)
	}
}
