package tcp

import (
	"syscall"
	"testing"
	"time"

	"github.com/slankdev/ministack/inet"
	"github.com/stretchr/testify/require"
)

// RFC 9293 3.8.4, B46: keepalive probes after keepIdle, each keepIntvl, and
// gives up after keepCount.
func TestKeepaliveFindsADeadPeer(t *testing.T) {
	w := newWorld(t)
	c, _ := w.connect()
	require.NoError(t, c.SetOption(OptKeepIdle, 10))
	require.NoError(t, c.SetOption(OptKeepIntvl, 5))
	require.NoError(t, c.SetOption(OptKeepCnt, 3))
	c.SetKeepAlive(true)
	w.watch()
	w.clk.Run(35 * time.Second)
	require.Equal(t, Established, c.State())
	require.Len(t, w.segments(w.a), 3, "a living peer is asked each idle time")
	require.Equal(t, c.snd.una.Add(-1), w.segments(w.a)[0].seq, "with an old sequence number")
	w.lose = func(s *wireSegment) bool { return true }
	w.clk.Run(30 * time.Second)
	require.Equal(t, Closed, c.State())
	require.ErrorIs(t, c.TakeError(), syscall.ETIMEDOUT)
}

// B46: the defaults.
func TestKeepaliveDefaultsAreLinuxs(t *testing.T) {
	w := newWorld(t)
	c := w.a.m.NewSock()
	for name, want := range map[int]int{OptKeepIdle: 7200, OptKeepIntvl: 75, OptKeepCnt: 9, OptSynCnt: 6, OptLinger2: 60} {
		got, err := c.Option(name)
		require.NoError(t, err)
		require.Equal(t, want, got, "option %d", name)
	}
	_, err := c.Option(999)
	require.ErrorIs(t, err, syscall.ENOPROTOOPT)
}

// RFC 5482: TCP_USER_TIMEOUT bounds how long data stays unacknowledged.
func TestUserTimeoutEndsAConnectionWithoutAnswers(t *testing.T) {
	w := newWorld(t)
	c, _ := w.connect()
	require.NoError(t, c.SetOption(OptUserTimeout, 3000))
	w.lose = func(*wireSegment) bool { return true }
	began := w.clk.Now()
	w.send(c, 100, 0)
	require.True(t, w.clk.RunUntil(func() bool { return c.State() == Closed }, time.Hour))
	require.InDelta(t, 4, w.clk.Now().Sub(began).Seconds(), 3)
	require.ErrorIs(t, c.TakeError(), syscall.ETIMEDOUT)
}

// RFC 1122 4.2.3.5, B46: R2 is tcp_retries2, 15, which takes 924.6 s from the
// first retransmission on. RFC 9293 3.8.3.
func TestDataIsGivenUpAfterRetries2(t *testing.T) {
	w := newWorld(t)
	c, _ := w.connect()
	w.lose = func(*wireSegment) bool { return true }
	began := w.clk.Now()
	w.send(c, 100, 0)
	require.True(t, w.clk.RunUntil(func() bool { return c.State() == Closed }, time.Hour))
	require.InDelta(t, 924.6, w.clk.Now().Sub(began).Seconds(), 125)
	require.ErrorIs(t, c.TakeError(), syscall.ETIMEDOUT)
}

// An idle connection holds no storage and arms no timer.
func TestAnIdleConnectionHoldsNothing(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	w.transfer(c, s, 1<<20, time.Minute)
	w.clk.Run(time.Second)
	for _, x := range []*Conn{c, s} {
		require.Zero(t, x.sendq.held())
		require.Nil(t, x.ofo)
		require.Zero(t, x.RmemAlloc.Load())
		require.Nil(t, x.timers.timer, "a timer is armed")
	}
}

// B49: the urgent byte is out of line, marked, and readable once. RFC 6093 2.1.
func TestUrgentDataIsOutOfLine(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	_, err := c.Send([]byte("abcX"), inet.MsgOOB, hurried())
	require.NoError(t, err)
	w.send(c, 3, 100*time.Millisecond)
	require.NotZero(t, s.Poll()&inet.PollPri)
	var buf [10]byte
	n, err := s.Recv(buf[:], 0, hurried())
	require.NoError(t, err)
	require.Equal(t, "abc", string(buf[:n]), "a read stops at the mark")
	require.True(t, s.AtMark())
	n, err = s.Recv(buf[:1], inet.MsgOOB, hurried())
	require.NoError(t, err)
	require.Equal(t, "X", string(buf[:n]))
	_, err = s.Recv(buf[:1], inet.MsgOOB, hurried())
	require.ErrorIs(t, err, syscall.EINVAL)
	n, err = s.Recv(buf[:], 0, hurried())
	require.NoError(t, err)
	require.Equal(t, 3, n, "the urgent byte is passed over")
}

// B49: SO_OOBINLINE leaves it in its place.
func TestUrgentDataInline(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	s.Options.OOBInline = true
	_, err := c.Send([]byte("abcX"), inet.MsgOOB, hurried())
	require.NoError(t, err)
	w.clk.Run(100 * time.Millisecond)
	var buf [10]byte
	n, _ := s.Recv(buf[:], 0, hurried())
	require.Equal(t, "abc", string(buf[:n]))
	n, _ = s.Recv(buf[:], 0, hurried())
	require.Equal(t, "X", string(buf[:n]))
	_, err = s.Recv(buf[:], inet.MsgOOB, hurried())
	require.ErrorIs(t, err, syscall.EINVAL)
}

// B46: MSG_PEEK leaves the bytes, SIOCINQ and SIOCOUTQ count them.
func TestPeekAndQueueLengths(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	w.send(c, 10, 0)
	require.Equal(t, 10, c.OutQueue())
	w.clk.Run(100 * time.Millisecond)
	require.Zero(t, c.OutQueue())
	require.Equal(t, 10, s.InQueue())
	var buf [20]byte
	n, err := s.Recv(buf[:], inet.MsgPeek, hurried())
	require.NoError(t, err)
	require.Equal(t, 10, n)
	require.Equal(t, 10, s.InQueue())
	n, err = s.Recv(buf[:], 0, hurried())
	require.NoError(t, err)
	require.Equal(t, 10, n)
}
