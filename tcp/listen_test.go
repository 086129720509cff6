package tcp

import (
	"net/netip"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/seq"
	"github.com/stretchr/testify/require"
)

func (w *world) dial(port uint16) *Conn {
	c := w.a.m.NewSock()
	require.ErrorIs(w.t, c.Connect(netip.AddrPortFrom(w.b.addr, port), hurried()), syscall.EINPROGRESS)
	return c
}

// B44: listen(1) completes two connections; others wait in vain, without RST.
func TestABacklogOfOneCompletesTwoConnections(t *testing.T) {
	w := newWorld(t)
	w.listen(1)
	var conns []*Conn
	for range 4 {
		conns = append(conns, w.dial(80))
		w.clk.Run(10 * time.Millisecond)
	}
	for i, want := range []State{Established, Established, SynSent, SynSent} {
		require.Equal(t, want, conns[i].State(), "connection %d", i)
	}
	w.clk.Run(5 * time.Minute)
	for _, c := range conns[2:] {
		require.ErrorIs(t, c.TakeError(), syscall.ETIMEDOUT)
	}
	require.NotZero(t, w.b.env.Stat.Get(stat.TcpExtListenOverflows))
}

// B38, B39: names that are taken, or not ours; a listener without a name gets
// one.
func TestBindAndListenFollowLinux(t *testing.T) {
	w := newWorld(t)
	at := netip.AddrPortFrom(w.a.addr, 80)
	one, two := w.a.m.NewSock(), w.a.m.NewSock()
	require.NoError(t, one.Bind(at))
	require.ErrorIs(t, one.Bind(at), syscall.EINVAL)
	require.ErrorIs(t, two.Bind(at), syscall.EADDRINUSE)
	require.ErrorIs(t, two.Bind(netip.MustParseAddrPort("10.7.7.7:80")), syscall.EADDRNOTAVAIL)
	three := w.a.m.NewSock()
	require.NoError(t, three.Listen(1))
	local, _ := three.Names()
	require.GreaterOrEqual(t, local.Port(), uint16(32768))
	require.LessOrEqual(t, local.Port(), uint16(60999))
	for _, c := range []*Conn{one, two, three} {
		require.NoError(t, c.Close(nil))
	}
}

// B45: a port in TIME-WAIT is taken, unless both uses allow sharing.
func TestBindOverTimeWait(t *testing.T) {
	for _, reuse := range []bool{false, true} {
		w := newWorld(t)
		l := w.b.m.NewSock()
		l.Options.ReuseAddr = reuse
		require.NoError(t, l.Bind(netip.AddrPortFrom(w.b.addr, 80)))
		require.NoError(t, l.Listen(1))
		c, s := w.connectTo(l)
		require.NoError(t, s.Close(nil)) // the server closes first: TIME-WAIT is its
		w.clk.Run(100 * time.Millisecond)
		require.NoError(t, c.Close(nil))
		require.NoError(t, l.Close(nil))
		w.clk.Run(100 * time.Millisecond)
		again := w.b.m.NewSock()
		again.Options.ReuseAddr = reuse
		err := again.Bind(netip.AddrPortFrom(w.b.addr, 80))
		if reuse {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, syscall.EADDRINUSE)
		w.clk.Run(time.Minute)
		require.NoError(t, again.Bind(netip.AddrPortFrom(w.b.addr, 80)), "after 60 s")
	}
}

// RFC 9293 3.6.1, RFC 6191: a SYN beyond the old connection's numbers reopens
// it out of TIME-WAIT.
func TestASynReopensAConnectionInTimeWait(t *testing.T) {
	w := newWorld(t)
	l := w.listen(4)
	c, s := w.connectTo(l)
	local, peer := c.Names()
	require.NoError(t, s.Close(nil))
	w.clk.Run(100 * time.Millisecond)
	require.NoError(t, c.Close(nil))
	w.clk.Run(2 * time.Second)
	again := w.a.m.NewSock()
	require.NoError(t, again.Bind(local))
	require.NoError(t, again.Connect(peer, patient()))
	require.Equal(t, Established, again.State())
	require.Zero(t, w.b.env.Stat.Get(stat.TcpExtTWRecycled), "that is for who opens actively")
}

// A repeated FIN in TIME-WAIT is acknowledged again (RFC 9293 3.10.7.4). RFC 9293 3.10.8.
func TestTimeWaitAcknowledgesARepeatedFin(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	w.keep = true
	require.NoError(t, c.Close(nil))
	w.clk.Run(100 * time.Millisecond)
	require.NoError(t, s.Close(nil))
	w.clk.Run(100 * time.Millisecond)
	var fin *wireSegment
	for _, seg := range w.segments(w.b) {
		if seg.flags&FIN != 0 {
			fin = seg
		}
	}
	w.watch()
	w.a.inject(fin.src, fin.dst, fin.raw)
	require.Len(t, w.segments(w.a), 1)
	require.Equal(t, ACK, w.segments(w.a)[0].flags)
	w.clk.Run(2 * time.Minute)
	w.watch()
	w.a.inject(fin.src, fin.dst, fin.raw)
	require.NotZero(t, w.segments(w.a)[0].flags&RST, "after 60 s nobody knows of it")
}

// RFC 6298 5.5, B46: a SYN-ACK is sent again five times, then forgotten.
func TestSynAckIsRetriedAndForgotten(t *testing.T) {
	w := newWorld(t)
	l := w.listen(4)
	w.lose = func(s *wireSegment) bool { return s.from == w.b }
	w.watch()
	c := w.dial(80)
	w.clk.Run(1100 * time.Millisecond)
	require.NoError(t, c.Close(nil)) // or its own SYNs would be answered as well
	w.clk.Run(3 * time.Minute)
	require.GreaterOrEqual(t, len(w.segments(w.b)), 6)
	require.LessOrEqual(t, len(w.segments(w.b)), 7)
	require.Empty(t, l.listener.requests)
}

// syn is a SYN of a host that does not exist.
func (w *world) syn(i int) (src, dst netip.AddrPort, raw []byte) {
	src = netip.AddrPortFrom(netip.AddrFrom4([4]byte{172, byte(i >> 16), byte(i >> 8), byte(i)}), uint16(1024+i%50000))
	dst = netip.AddrPortFrom(w.b.addr, 80)
	c := &Conn{}
	c.Local, c.Peer = dst, src
	o := optionSpace{mss: 1460, sackPerm: true}
	raw = make([]byte, HeaderLen+o.size())
	Header(raw).encode(&fields{src: src.Port(), dst: dst.Port(), seq: seq.New(uint32(i)), flags: SYN, window: 1000})
	o.put(raw[HeaderLen:])
	return src, dst, seal(raw, c)
}

// RFC 4987 3.6: a flood fills the SYN queue and no more; a real client still
// connects, with its window scale, SACK and timestamps. RFC 4987 3.
func TestASynFloodIsSurvivedByCookies(t *testing.T) {
	const flood = 20_000
	w := newWorld(t)
	l := w.listen(64)
	for i := range flood {
		w.b.inject(w.syn(i))
	}
	require.LessOrEqual(t, len(l.listener.requests), 64)
	require.Greater(t, w.b.env.Stat.Get(stat.TcpExtSyncookiesSent), uint64(flood-200))
	c, s := w.connectTo(l)
	require.Equal(t, uint64(1), w.b.env.Stat.Get(stat.TcpExtSyncookiesRecv))
	require.True(t, s.ts.on && s.ts.sackOK && s.ts.wscaleOK)
	require.Equal(t, c.rcv.wscale, s.snd.wscale)
	require.Equal(t, uint16(1460), s.snd.peerMSS)
	w.transfer(c, s, 1<<20, time.Minute)
	w.transfer(s, c, 1<<20, time.Minute)
}

// A cookie is good for two minutes at most, and only for who got it.
func TestAForgedCookieIsRefused(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_syncookies", "2")
	w.listen(4)
	w.keep = true
	src, dst, raw := w.syn(7)
	w.b.inject(src, dst, raw)
	cookie := w.segments(w.b)[0].seq
	ack := func(src netip.AddrPort, n seq.Num) skb.Reason {
		c := &Conn{}
		c.Local, c.Peer = dst, src
		p := make([]byte, HeaderLen)
		Header(p).encode(&fields{src: src.Port(), dst: dst.Port(), seq: seq.New(8), ack: n, flags: ACK, window: 1000})
		return w.b.inject(src, dst, seal(p, c))
	}
	require.Equal(t, skb.TCPFlags, ack(src, cookie.Add(2)), "another number")
	require.Equal(t, skb.TCPFlags, ack(netip.AddrPortFrom(src.Addr(), src.Port()+1), cookie.Add(1)), "another port")
	w.clk.Run(3 * time.Minute)
	require.Equal(t, skb.TCPFlags, ack(src, cookie.Add(1)), "too old")
	require.Equal(t, uint64(3), w.b.env.Stat.Get(stat.TcpExtSyncookiesFailed))
}

// Half-open and waiting entries are small.
func TestSmallEntriesAreSmall(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(request{}), uintptr(320))
	require.LessOrEqual(t, unsafe.Sizeof(timeWait{}), uintptr(128))
}

// While a user owns a listener, handshakes of as many peers as may wait to be
// accepted wait, too: none has to come again.
func TestAnOwnedListenerLosesNoHandshake(t *testing.T) {
	const peers = 500
	w := newWorld(t)
	l := w.listen(peers)
	l.Lock()
	for range peers {
		w.dial(80)
	}
	w.clk.Run(10 * time.Millisecond)
	l.Unlock()
	w.clk.Run(10 * time.Millisecond)
	require.Zero(t, w.b.env.Stat.Get(stat.TcpExtTCPBacklogDrop))
	for range peers {
		_, err := l.Accept(hurried())
		require.NoError(t, err)
	}
}

// Closing a listener resets whom nobody accepted.
func TestClosingAListenerResetsItsQueue(t *testing.T) {
	w := newWorld(t)
	l := w.listen(4)
	c := w.dial(80)
	w.clk.Run(10 * time.Millisecond)
	require.NoError(t, l.Close(nil))
	w.clk.Run(10 * time.Millisecond)
	require.ErrorIs(t, c.TakeError(), syscall.ECONNRESET)
}

// RFC 6528: initial sequence numbers differ by connection and grow with time.
func TestInitialSequenceNumbers(t *testing.T) {
	w := newWorld(t)
	a, b := netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:2")
	first := w.a.m.isn(a, b)
	require.NotEqual(t, first, w.a.m.isn(b, a))
	require.NotEqual(t, first, w.b.m.isn(a, b), "another secret")
	w.clk.Run(64 * time.Microsecond)
	require.Equal(t, 1000, w.a.m.isn(a, b).Sub(first), "one each 64 ns")
}

// The value is OpenSSL's: openssl mac -macopt size:8 SIPHASH over 40 bytes
// 00 01 .. 27 under the key 00 01 .. 0f.
func TestSipHashIsThatOfOpenSSL(t *testing.T) {
	var p [40]byte
	for i := range p {
		p[i] = byte(i)
	}
	k := sipKey{0x0706050403020100, 0x0f0e0d0c0b0a0908}
	require.Equal(t, uint64(0x0e3ea96b5304a7d0), sipHash(k, &p))
}
