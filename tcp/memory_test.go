package tcp

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/stretchr/testify/require"
)

func (h *host) get(id stat.ID) int { return int(h.env.Stat.Get(id)) }

// pour writes until the socket takes no more and the network is quiet.
func (w *world) pour(c *Conn, d time.Duration) (n int) {
	p := make([]byte, 64<<10)
	until := w.clk.Now().Add(d)
	for w.clk.Now() < until {
		k, err := c.Send(p, 0, hurried())
		if err != nil {
			require.ErrorIs(w.t, err, syscall.EAGAIN)
			w.clk.Run(10 * time.Millisecond)
		}
		n += k
	}
	return n
}

func (w *world) drain(c *Conn) (n int) {
	var buf [16 << 10]byte
	for {
		k, err := c.Recv(buf[:], 0, hurried())
		if err != nil || k == 0 {
			return n
		}
		n += k
	}
}

// What both ends hold is counted in pages, and nothing is left when it is read.
func TestMemoryOfAllConnectionsIsSummedUp(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	w.send(c, 60_000, 0)
	require.GreaterOrEqual(t, w.a.m.Memory().Pages, pagesFor(60_000), "the sender's")
	w.clk.Run(time.Second)
	require.Zero(t, w.a.m.Memory().Pages, "all is acknowledged")
	require.GreaterOrEqual(t, w.b.m.Memory().Pages, pagesFor(int(s.RmemAlloc.Load())), "the receiver's")
	require.Equal(t, 1, w.b.m.Memory().Sockets)
	w.drain(s)
	require.Zero(t, w.b.m.Memory().Pages)
	require.False(t, w.b.m.Memory().Pressure)
}

// tcp_mem: beyond the second number windows close to four segments and do not
// grow, until the first is reached again.
func TestWindowsCloseUnderPressure(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	w.transfer(c, s, 1<<20, time.Minute)
	require.Greater(t, s.rcv.ssthresh, 100*uint32(s.rcv.advMSS))
	require.NoError(t, w.b.env.Sysctl.Set("net.ipv4.tcp_mem", "10 20 100000"))
	w.pour(c, time.Second)
	require.True(t, w.b.m.Memory().Pressure)
	require.LessOrEqual(t, s.rcv.ssthresh, 4*uint32(s.rcv.advMSS))
	require.Equal(t, 1, w.b.get(stat.TcpExtTCPMemoryPressures))
	require.Zero(t, w.b.get(stat.TcpExtTCPMemoryPressuresChrono))
	for range 200 {
		w.drain(s)
		w.clk.Run(10 * time.Millisecond)
	}
	require.False(t, w.b.m.Memory().Pressure)
	require.Greater(t, w.b.get(stat.TcpExtTCPMemoryPressuresChrono), 900, "milliseconds")
}

// Twenty connections that nobody reads hold no more than the third number, and
// what each then needs on top; all that was sent arrives in the end.
func TestConnectionsShareWhatThereIs(t *testing.T) {
	const conns, high = 20, 600
	w := newWorld(t)
	require.NoError(t, w.b.env.Sysctl.Set("net.ipv4.tcp_mem", "300 450 600"))
	l := w.listen(conns)
	var clients, servers [conns]*Conn
	var sent, got [conns]int
	for i := range conns {
		clients[i], servers[i] = w.connectTo(l)
	}
	for range 10 {
		for i, c := range clients {
			sent[i] += w.pour(c, 10*time.Millisecond)
		}
		require.LessOrEqual(t, w.b.m.Memory().Pages, high+conns*(pageSlack+1))
	}
	require.True(t, w.b.m.Memory().Pressure)
	all := func() bool {
		done := true
		for i := range conns {
			got[i] += w.drain(servers[i])
			done = done && got[i] == sent[i]
		}
		return done
	}
	for i := range conns {
		require.Greater(t, sent[i], 20_000, "connection %d had its share", i)
	}
	for range 1000 {
		if all() {
			break
		}
		w.clk.Run(100 * time.Millisecond)
	}
	require.Equal(t, sent, got)
	require.NoError(t, l.Close(nil))
}

// Where memory is at its end a segment finds none, is dropped as PROTO_MEM, and
// the window is closed (RFC 9293 3.8.6, MUST-34 has the sender stand it); the
// stream is whole all the same.
func TestWithoutMemoryTheWindowIsZero(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.b.env.Sysctl.Set("net.ipv4.tcp_mem", "1 2 3"))
	c, s := w.connect()
	w.watch()
	w.send(c, 40_000, time.Second)
	require.NotZero(t, w.b.env.Stat.Get(stat.OfReason(skb.ProtoMem)))
	require.NotZero(t, w.b.get(stat.TcpExtTCPRcvQDrop))
	require.NotZero(t, w.b.get(stat.TcpExtPruneCalled))
	require.True(t, slices.ContainsFunc(w.segments(w.b), func(g *wireSegment) bool { return g.wnd == 0 }))
	got := 0
	for range 1000 {
		got += w.drain(s)
		w.clk.Run(100 * time.Millisecond)
	}
	require.Equal(t, 40_000, got)
}

// A writer that finds no memory is told so, or waits for it. Its buffer shrinks
// meanwhile, and grows no more.
func TestAWriterWaitsForMemory(t *testing.T) {
	w := newWorld(t)
	l := w.listen(2)
	hog, _ := w.connectTo(l)
	c, s := w.connectTo(l)
	w.lose = func(g *wireSegment) bool { return g.from == w.a && g.src.Port() == hog.Local.Port() }
	w.pour(hog, 100*time.Millisecond)
	require.NotZero(t, w.a.m.Memory().Pages)
	require.NoError(t, w.a.env.Sysctl.Set("net.ipv4.tcp_mem", "1 2 3"))
	size := c.SndBuf.Load()
	_, err := c.Send([]byte("hello"), 0, hurried())
	require.ErrorIs(t, err, syscall.EAGAIN)
	require.Less(t, c.SndBuf.Load(), size)
	w.clk.Post(func() {}) // the wait is a timer's, not a packet's
	done := make(chan struct{})
	later(w, 250*time.Millisecond, func() { hog.Abort(); close(done) })
	n, err := c.Send([]byte("hello"), 0, patient())
	require.NoError(t, err)
	require.Equal(t, 5, n)
	<-done
	w.clk.Run(time.Second)
	require.Equal(t, 5, w.drain(s))
	require.NoError(t, l.Close(nil))
}

func TestSendBuffersDoNotGrowUnderPressure(t *testing.T) {
	for limits, grows := range map[string]bool{"49152 65536 98304": true, "1 65536 98304": false} {
		w := newWorld(t)
		require.NoError(t, w.a.env.Sysctl.Set("net.ipv4.tcp_mem", limits))
		c, s := w.connect()
		w.delay = 20 * time.Millisecond
		size := c.SndBuf.Load()
		w.transfer(c, s, 4<<20, time.Minute)
		require.Equal(t, grows, c.SndBuf.Load() > 2*size, "tcp_mem = %s: %d", limits, c.SndBuf.Load())
	}
}
