package tcp

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/seq"
	"github.com/stretchr/testify/require"
)

// aoListen returns a listener with one key for a, which signs with 84 and
// expects 61, as in RFC 9235.
func (w *world) aoListen(alg string) *Conn {
	l := w.listen(16)
	require.NoError(w.t, l.AddAOKey(AOKey{Peer: toA, Algorithm: alg, Key: []byte("testvector"), SendID: 84, RecvID: 61}))
	return l
}

func (w *world) aoClient(alg string) *Conn {
	c := w.a.m.NewSock()
	require.NoError(w.t, c.AddAOKey(AOKey{Peer: toB, Algorithm: alg, Key: []byte("testvector"), SendID: 61, RecvID: 84}))
	return c
}

func (w *world) aoConnect(alg string) (client, server *Conn) {
	l := w.aoListen(alg)
	client = w.aoClient(alg)
	require.NoError(w.t, client.Connect(at(w.b, 80), patient()))
	server, err := l.Accept(patient())
	require.NoError(w.t, err)
	require.NoError(w.t, l.Close(nil))
	return client, server
}

// RFC 5925 7, 7.4, 7.5: every segment is signed and says which key signed it and
// which is wanted next, under either algorithm.
func TestEverySegmentIsSignedByAO(t *testing.T) {
	for _, alg := range []string{AOHMACSHA1, AOCMACAES} {
		w := newWorld(t)
		w.watch()
		c, s := w.aoConnect(alg)
		w.transfer(c, s, 100_000, time.Minute)
		w.transfer(s, c, 100_000, time.Minute)
		w.closeBoth(c, s)
		for _, seg := range w.seen {
			sig := seg.signature(optAO)
			require.Len(t, sig, 2+12)
			ids := []byte{61, 84}
			if seg.from == w.b {
				ids = []byte{84, 61}
			}
			require.Equal(t, ids, sig[:2])
		}
		require.NotZero(t, w.a.env.Stat.Get(stat.TcpExtTCPAOGood))
		require.Zero(t, w.a.env.Stat.Get(stat.TcpExtTCPAOBad)+w.b.env.Stat.Get(stat.TcpExtTCPAOBad))
	}
}

// RFC 5925 3.1: a MAC need not cover the other options, and may have another
// length where both sides agree.
func TestAOOverOtherOptionsAndLengths(t *testing.T) {
	for _, length := range []int{10, 12, 16} {
		w := newWorld(t)
		l, c := w.listen(16), w.a.m.NewSock()
		k := AOKey{Peer: toA, Algorithm: AOHMACSHA1, Key: []byte("k"), MACLen: length, ExcludeOptions: true}
		require.NoError(t, l.AddAOKey(k))
		k.Peer = toB
		require.NoError(t, c.AddAOKey(k))
		require.NoError(t, c.Connect(at(w.b, 80), patient()))
		s, err := l.Accept(patient())
		require.NoError(t, err)
		w.transfer(c, s, 30_000, time.Minute)
		require.NoError(t, l.Close(nil))
	}
}

// RFC 5925 2.2, 7.3, 7.5: segments without the option, with two of them, with a
// wrong MAC, or with an unknown key are dropped without an answer, and counted.
func TestSegmentsWithTheWrongAOSignatureAreDropped(t *testing.T) {
	w := newWorld(t)
	c, s := w.aoConnect(AOHMACSHA1)
	w.lose = func(seg *wireSegment) bool { return true }
	w.watch()
	w.send(s, 100, 0)
	raw := w.segments(w.b)[0].raw
	w.watch()
	inject := func(change func(raw []byte)) skb.Reason {
		p := append([]byte(nil), raw...)
		change(p)
		return w.a.inject(c.Peer, c.Local, seal(p, c))
	}
	require.Equal(t, skb.TCPAONotFound, w.a.inject(c.Peer, c.Local, w.forge(c, c.rcv.nxt, c.snd.nxt, RST, "")))
	require.Equal(t, skb.TCPAOFailure, inject(func(p []byte) { p[len(p)-1]++ }), "the payload")
	require.Equal(t, skb.TCPAOFailure, inject(func(p []byte) { p[offWindow]++ }), "the header")
	require.Equal(t, skb.TCPAOFailure, inject(func(p []byte) { p[HeaderLen+3]++ }), "RNextKeyID")
	require.Equal(t, skb.TCPAOKeyNotFound, inject(func(p []byte) { p[HeaderLen+2]++ }), "KeyID")
	twice := w.forgeOptions(c, []byte{optAO, 6, 84, 61, 0, 0, optAO, 6, 84, 61, 0, 0})
	require.Equal(t, skb.TCPAuthHdr, w.a.inject(c.Peer, c.Local, twice))
	require.Empty(t, w.seen)
	require.Zero(t, c.readable())
	info, err := c.AOInfo()
	require.NoError(t, err)
	require.Equal(t, [3]uint64{3, 1, 1}, [3]uint64{info.Bad, info.KeyNotFound, info.RequiredDrops})
	require.Equal(t, skb.NotDropped, inject(func([]byte) {}))
	require.Equal(t, 100, c.readable())
}

// RFC 5925 7.3: a peer with another secret, or with none, gets no answer.
func TestAListenerWithAOKeysAnswersOnlyWhoKnowsThem(t *testing.T) {
	w := newWorld(t)
	l := w.aoListen(AOHMACSHA1)
	plain, liar, odd := w.a.m.NewSock(), w.a.m.NewSock(), w.a.m.NewSock()
	require.NoError(t, liar.AddAOKey(AOKey{Peer: toB, Algorithm: AOHMACSHA1, Key: []byte("guess"), SendID: 61, RecvID: 84}))
	require.NoError(t, odd.AddAOKey(AOKey{Peer: toB, Algorithm: AOHMACSHA1, Key: []byte("testvector"), SendID: 61, RecvID: 99}))
	w.watch()
	for _, c := range []*Conn{plain, liar, odd} {
		require.Equal(t, syscall.EINPROGRESS, c.Connect(at(w.b, 80), hurried()))
	}
	w.clk.Run(100 * time.Millisecond)
	require.Empty(t, w.segments(w.b))
	for _, id := range []stat.ID{stat.TcpExtTCPAORequired, stat.TcpExtTCPAOBad, stat.TcpExtTCPAOKeyNotFound} {
		require.Equal(t, uint64(1), w.b.env.Stat.Get(id), "%v", id)
	}
	require.NoError(t, l.Close(nil))
}

// A signed segment for a socket without keys is dropped.
func TestAnUnexpectedAOSignatureIsDropped(t *testing.T) {
	w := newWorld(t)
	l := w.listen(1)
	require.Equal(t, syscall.EINPROGRESS, w.aoClient(AOHMACSHA1).Connect(at(w.b, 80), hurried()))
	w.clk.Run(100 * time.Millisecond)
	require.Equal(t, uint64(1), w.b.env.Stat.Get(stat.OfReason(skb.TCPAOUnexpected)))
	require.NoError(t, l.Close(nil))
}

// RFC 5925 6.1, 7.2, 7.5: one side asks for another key by RNextKeyID, and the other
// signs with it from then on; no data is lost meanwhile.
func TestAOKeysRollOver(t *testing.T) {
	w := newWorld(t)
	c, s := w.aoConnect(AOHMACSHA1)
	second := AOKey{Peer: toB, Algorithm: AOCMACAES, Key: []byte("fresh"), SendID: 1, RecvID: 2}
	require.NoError(t, c.AddAOKey(second))
	second.Peer, second.SendID, second.RecvID = toA, 2, 1
	require.NoError(t, s.AddAOKey(second))
	w.transfer(c, s, 50_000, time.Minute)
	require.NoError(t, c.SetAOInfo(AOInfo{SetRNext: true, RNext: 2}))
	w.watch()
	w.transfer(c, s, 50_000, time.Minute)
	w.transfer(s, c, 50_000, time.Minute)
	sig := func(h *host) []byte { all := w.segments(h); return all[len(all)-1].signature(optAO)[:2] }
	require.Equal(t, []byte{2, 61}, sig(w.b), "as it was asked")
	require.Equal(t, []byte{61, 2}, sig(w.a), "nobody asked it for another")
	require.NoError(t, s.SetAOInfo(AOInfo{SetRNext: true, RNext: 1, SetCurrent: true, Current: 2}))
	w.transfer(s, c, 50_000, time.Minute)
	require.Equal(t, []byte{1, 2}, sig(w.a))
	require.NoError(t, c.DelAOKey(toB, 61, 84), "out of use")
	require.ErrorIs(t, c.DelAOKey(toB, 1, 2), syscall.EBUSY)
	w.transfer(c, s, 50_000, time.Minute)
	info, err := c.AOInfo()
	require.NoError(t, err)
	require.Equal(t, [2]uint8{1, 2}, [2]uint8{info.Current, info.RNext})
}

// RFC 5925 6.2: the extension counts the turns of the sequence space, back for
// what is sent again.
func TestTheSequenceNumberExtensionFollowsTheNumbers(t *testing.T) {
	s := sne{ref: seq.New(0xfffffff0)}
	require.Equal(t, uint32(0), s.of(seq.New(0xffffffff)))
	require.Equal(t, uint32(1), s.of(seq.New(3)))
	s.advance(seq.New(0x10))
	require.Equal(t, uint32(1), s.of(seq.New(0x10)))
	require.Equal(t, uint32(1), s.of(seq.New(3)))
	require.Equal(t, uint32(0), s.of(seq.New(0xfffffff8)), "a retransmission")
	s.advance(seq.New(0xfffffff8))
	require.Equal(t, seq.New(0x10), s.ref, "never back")
	s.advance(seq.New(0x70000000))
	s.advance(seq.New(0xe0000000))
	require.Equal(t, uint32(2), s.of(seq.New(5)))
}

// A transfer whose sequence numbers wrap, with losses on both sides of it.
func TestAOAcrossTheEndOfTheSequenceSpace(t *testing.T) {
	w := newWorld(t)
	l := w.aoListen(AOHMACSHA1)
	c := w.aoClient(AOHMACSHA1)
	local := netip.AddrPortFrom(w.a.addr, 5000)
	require.NoError(t, c.Bind(local))
	left := -w.a.m.isn(local, at(w.b, 80)).Uint32()
	w.clk.Run(time.Duration(left)*isnTick - 10*time.Millisecond)
	n := 0
	w.lose = func(s *wireSegment) bool { n++; return n%20 == 19 && len(s.payload) > 0 }
	require.NoError(t, c.Connect(at(w.b, 80), patient()))
	require.Greater(t, c.snd.iss.Uint32(), uint32(1<<32-1_000_000))
	s, err := l.Accept(patient())
	require.NoError(t, err)
	w.transfer(c, s, 2_000_000, time.Minute)
	require.Less(t, c.snd.una.Uint32(), uint32(1<<31))
	require.Equal(t, uint32(1), c.auth.ao.conn.snd.high)
	require.Equal(t, uint32(1), s.auth.ao.conn.rcv.high)
	require.Zero(t, w.b.env.Stat.Get(stat.TcpExtTCPAOBad))
	require.NoError(t, l.Close(nil))
}

// What small entries send is signed, too: SYN-ACKs that are sent again, the
// answers of TIME-WAIT, SYN cookies.
func TestAOBeyondTheConnection(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_syncookies", "2")
	c, s := w.aoConnect(AOHMACSHA1)
	require.Equal(t, uint64(1), w.b.env.Stat.Get(stat.TcpExtSyncookiesRecv))
	require.NoError(t, c.Close(nil))
	w.clk.Run(time.Second)
	lost := 0
	w.lose = func(seg *wireSegment) bool {
		if seg.from == w.a && lost == 0 {
			lost++
			return true
		}
		return false
	}
	require.NoError(t, s.Close(nil))
	w.clk.Run(5 * time.Second)
	require.Equal(t, Closed, s.State(), "TIME-WAIT acknowledged the FIN that came again")
}

// A SYN-ACK that was lost comes again, as the client's SYN does.
func TestAOHandshakeSurvivesLoss(t *testing.T) {
	w := newWorld(t)
	n := 0
	w.lose = func(*wireSegment) bool { n++; return n == 1 || n == 3 || n == 5 }
	c, s := w.aoConnect(AOCMACAES)
	w.transfer(c, s, 1000, time.Minute)
}

// Both sides open at once.
func TestAOCrossedOpen(t *testing.T) {
	w := newWorld(t)
	ends := [2]*Conn{}
	for i, h := range []*host{w.a, w.b} {
		c := h.m.NewSock()
		require.NoError(t, c.Bind(at(h, 5000)))
		require.NoError(t, c.AddAOKey(AOKey{Peer: hostPrefix(h.peer.addr), Algorithm: AOHMACSHA1, Key: []byte("k"), SendID: 1, RecvID: 1}))
		require.Equal(t, syscall.EINPROGRESS, c.Connect(at(h.peer, 5000), hurried()))
		ends[i] = c
	}
	w.clk.Run(100 * time.Millisecond)
	require.Equal(t, Established, ends[0].State())
	w.transfer(ends[0], ends[1], 10_000, time.Minute)
}

// RFC 5925 7.8: hard ICMP errors about a signed connection are not believed,
// unless the user says so.
func TestICMPErrorsDoNotTouchASignedConnection(t *testing.T) {
	w := newWorld(t)
	c, _ := w.aoConnect(AOHMACSHA1)
	w.send(c, 1000, 0)
	before := c.snd.mss
	c.icmpError(c.snd.una, tooBig(600), nil)
	require.Equal(t, before, c.snd.mss)
	require.Equal(t, uint64(1), w.a.env.Stat.Get(stat.TcpExtTCPAODroppedIcmps))
	require.NoError(t, c.SetAOInfo(AOInfo{AcceptICMP: true}))
	c.icmpError(c.snd.una, tooBig(600), nil)
	require.Less(t, c.snd.mss, before)
}

// TCP_AO_ADD_KEY, TCP_AO_DEL_KEY, TCP_AO_INFO: errors.
func TestAOKeysAreChecked(t *testing.T) {
	w := newWorld(t)
	c := w.a.m.NewSock()
	_, err := c.AOInfo()
	require.ErrorIs(t, err, syscall.ENOENT)
	require.ErrorIs(t, c.DelAOKey(toB, 1, 1), syscall.ENOENT)
	good := AOKey{Peer: toB, Algorithm: AOHMACSHA1, Key: []byte("k"), SendID: 1, RecvID: 2, SetCurrent: true, SetRNext: true}
	for want, change := range map[syscall.Errno]func(k *AOKey){
		syscall.EINVAL:   func(k *AOKey) { k.Key = nil },
		syscall.ENOENT:   func(k *AOKey) { k.Algorithm = "rot13" },
		syscall.EMSGSIZE: func(k *AOKey) { k.MACLen = 20 },
	} {
		bad := good
		change(&bad)
		require.ErrorIs(t, c.AddAOKey(bad), want)
	}
	require.NoError(t, c.AddAOKey(good))
	require.ErrorIs(t, c.AddAOKey(good), syscall.EEXIST)
	require.ErrorIs(t, c.SetMD5Key(toB, []byte("x")), inet.EKEYREJECTED)
	require.ErrorIs(t, c.SetAOInfo(AOInfo{SetCurrent: true, Current: 9}), syscall.ENOENT)
	require.NoError(t, c.DelAOKey(toB, 1, 2))
	require.ErrorIs(t, c.DelAOKey(toB, 1, 2), syscall.ENOENT)
	plain, _ := w.connect()
	require.ErrorIs(t, plain.AddAOKey(good), syscall.EINVAL, "a connection is signed from its SYN on or never")
}

func TestSigningAndCheckingAOAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has pools forget at random")
	}
	for _, alg := range []string{AOHMACSHA1, AOCMACAES} {
		w := newWorld(t)
		c, _ := w.aoConnect(alg)
		w.a.m.net = sink{w.a}
		c.route, _ = w.a.Route(&inet.Flow{Dst: c.Peer.Addr(), Src: c.Local.Addr()})
		send := func() { c.sendAck() }
		send()
		require.Zero(t, testing.AllocsPerRun(100, send), alg)
	}
}
