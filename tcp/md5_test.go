package tcp

import (
	"bytes"
	"crypto/md5"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/stretchr/testify/require"
)

var (
	toA = netip.MustParsePrefix("10.0.0.1/32")
	toB = netip.MustParsePrefix("10.0.0.2/32")
)

// md5Connect returns a connection whose segments are signed under key.
func (w *world) md5Connect(key string) (client, server, listener *Conn) {
	listener = w.listen(16)
	require.NoError(w.t, listener.SetMD5Key(toA, []byte(key)))
	client = w.a.m.NewSock()
	require.NoError(w.t, client.SetMD5Key(toB, []byte(key)))
	require.NoError(w.t, client.Connect(at(w.b, 80), patient()))
	server, err := listener.Accept(patient())
	require.NoError(w.t, err)
	return client, server, listener
}

// signature returns the option of a segment on the wire, nil without one.
func (s *wireSegment) signature(kind byte) []byte {
	if s.opts.auth.kind != kind {
		return nil
	}
	return s.opts.auth.body(Header(s.raw))
}

// expectedMD5 computes RFC 2385 2.0 from the wire.
func (s *wireSegment) expectedMD5(key string) []byte {
	h := Header(s.raw)
	p := pseudoHeader(nil, s.src.Addr(), s.dst.Addr(), len(s.raw))
	p = append(p, h[:HeaderLen]...)
	p[12+offChecksum], p[12+offChecksum+1] = 0, 0
	sum := md5.Sum(append(append(p, s.payload...), key...))
	return sum[:]
}

// RFC 2385 2.0, 3.0: every segment of a connection with a key is signed, the
// handshake's, data's and the close's alike, and the digest is the RFC's.
func TestEverySegmentIsSignedByMD5(t *testing.T) {
	w := newWorld(t)
	w.watch()
	c, s, l := w.md5Connect("secret")
	w.transfer(c, s, 100_000, time.Minute)
	w.transfer(s, c, 100_000, time.Minute)
	w.closeBoth(c, s)
	require.NoError(t, l.Close(nil))
	for _, seg := range w.seen {
		require.Equal(t, seg.expectedMD5("secret"), seg.signature(optMD5), "%v", seg.flags)
		require.LessOrEqual(t, len(seg.raw)+20, 1500)
	}
}

// tcp_syn_options: a signed SYN offers no timestamps, and the segment size
// makes room for the signature (RFC 2385 4.2).
func TestAnMD5SynOffersNoTimestamps(t *testing.T) {
	w := newWorld(t)
	w.watch()
	c, _, l := w.md5Connect("secret")
	syn := w.segments(w.a)[0]
	require.False(t, syn.opts.hasTS)
	require.True(t, syn.opts.sackPerm)
	require.Equal(t, uint16(1460), syn.opts.mss)
	require.Equal(t, 1460-md5Space, c.snd.mss)
	require.NoError(t, l.Close(nil))
}

// tcp_synack_options: where the SYN offered timestamps and SACK, SACK is kept.
func TestAnMD5SynAckGivesUpTimestampsForSACK(t *testing.T) {
	for _, sack := range []bool{true, false} {
		r := &request{signer: &md5Signer{}, ts: true, sackOK: sack}
		r.fitSignature()
		require.Equal(t, !sack, r.ts)
	}
}

// tcp_inbound_hash: what is not signed, signed wrongly or signed without need
// is dropped without an answer, and counted.
func TestSegmentsWithTheWrongMD5SignatureAreDropped(t *testing.T) {
	w := newWorld(t)
	c, _, l := w.md5Connect("secret")
	require.NoError(t, l.Close(nil))
	w.watch()
	unsigned := w.forge(c, c.rcv.nxt, c.snd.nxt, ACK, "evil")
	require.Equal(t, skb.TCPMD5NotFound, w.a.inject(c.Peer, c.Local, unsigned))
	require.Equal(t, skb.TCPMD5NotFound, w.a.inject(c.Peer, c.Local, w.forge(c, c.rcv.nxt, c.snd.nxt, RST, "")))
	wrong := w.forgeSigned(c, "other")
	require.Equal(t, skb.TCPMD5Failure, w.a.inject(c.Peer, c.Local, wrong))
	short := w.forgeOptions(c, []byte{optMD5, 4, 0, 0})
	require.Equal(t, skb.TCPAuthHdr, w.a.inject(c.Peer, c.Local, short))
	require.Empty(t, w.seen)
	require.Zero(t, c.readable())
	for id, n := range map[stat.ID]uint64{stat.TcpExtTCPMD5NotFound: 2, stat.TcpExtTCPMD5Failure: 1} {
		require.Equal(t, n, w.a.env.Stat.Get(id), "%v", id)
	}
	require.Equal(t, skb.NotDropped, w.a.inject(c.Peer, c.Local, w.forgeSigned(c, "secret")))
	require.Equal(t, 4, c.readable())
}

// tcp_md5_md5-only-on-client-ack.pkt: a signature on a socket without a key
// drops the segment, and the handshake goes on without.
func TestAnUnexpectedMD5SignatureIsDropped(t *testing.T) {
	w := newWorld(t)
	l := w.listen(16)
	w.lose = func(s *wireSegment) bool { return s.from == w.a && s.flags&SYN == 0 }
	w.watch()
	c := w.a.m.NewSock()
	require.NoError(t, c.Connect(at(w.b, 80), patient()))
	ack := w.segments(w.a)[1]
	raw := w.signed(ack.src, ack.dst, ack.seq.Uint32(), ack.ack.Uint32(), "key", "")
	require.Equal(t, skb.TCPMD5Unexpected, w.b.inject(ack.src, ack.dst, raw))
	require.Equal(t, uint64(1), w.b.env.Stat.Get(stat.TcpExtTCPMD5Unexpected))
	require.False(t, l.acceptReady())
	require.Equal(t, skb.NotDropped, w.b.inject(ack.src, ack.dst, ack.raw))
	require.True(t, l.acceptReady())
	require.NoError(t, l.Close(nil))
}

// A listener with a key for a prefix answers nobody there who does not know
// it; others need none.
func TestAListenersMD5KeyIsForThePeersOfItsPrefix(t *testing.T) {
	w := newWorld(t)
	l := w.listen(16)
	require.NoError(t, l.SetMD5Key(netip.MustParsePrefix("10.0.0.0/8"), []byte("wide")))
	c := w.a.m.NewSock()
	require.Equal(t, syscall.EINPROGRESS, c.Connect(at(w.b, 80), hurried()))
	w.clk.Run(10 * time.Second)
	require.Equal(t, SynSent, c.State())
	require.NotZero(t, w.b.env.Stat.Get(stat.TcpExtTCPMD5NotFound))
	c.Abort()
	require.NoError(t, l.SetMD5Key(toA, []byte("narrow")))
	c = w.a.m.NewSock()
	require.NoError(t, c.SetMD5Key(toB, []byte("narrow")))
	require.NoError(t, c.Connect(at(w.b, 80), patient()), "the longest prefix wins")
	s, err := l.Accept(patient())
	require.NoError(t, err)
	require.NoError(t, l.RemoveMD5Key(toA))
	require.NoError(t, l.RemoveMD5Key(netip.MustParsePrefix("10.0.0.0/8")))
	w.transfer(c, s, 1000, time.Minute) // the connection has its own copy
	w.connectTo(l)
	require.NoError(t, l.Close(nil))
}

// RFC 2385 4.1: a connection that the peer forgot ends by a signed reset only,
// for which a listener at the port has the key (tcp_v4_send_reset).
func TestAResetForAForgottenConnectionIsSignedOrNotSent(t *testing.T) {
	w := newWorld(t)
	w.watch()
	from, to := at(w.a, 179), at(w.b, 999)
	raw := w.signed(from, to, 1, 2, "bgp", "x")
	w.b.inject(from, to, raw)
	require.Empty(t, w.seen, "no key: no answer")
	l := w.b.m.NewSock()
	require.NoError(t, l.Bind(at(w.b, 179)))
	require.NoError(t, l.Listen(1))
	require.NoError(t, l.SetMD5Key(toA, []byte("bgp")))
	w.b.inject(from, to, w.signed(from, to, 1, 2, "guess", "x"))
	require.Empty(t, w.seen, "a wrong signature: no answer")
	w.b.inject(from, to, raw)
	require.Len(t, w.seen, 1)
	require.Equal(t, RST, w.seen[0].flags)
	require.Equal(t, w.seen[0].expectedMD5("bgp"), w.seen[0].signature(optMD5))
	require.NoError(t, l.Close(nil))
}

// A repeated FIN is acknowledged from TIME-WAIT, and a repeated SYN from the
// half-open entry, both signed.
func TestAnswersOfSmallEntriesAreSigned(t *testing.T) {
	w := newWorld(t)
	c, s, l := w.md5Connect("secret")
	require.NoError(t, c.Close(nil))
	w.clk.Run(time.Second)
	w.watch()
	w.lose = func(seg *wireSegment) bool { return seg.from == w.a }
	require.NoError(t, s.Close(nil))
	w.clk.Run(time.Second)
	answers := w.segments(w.a)
	require.NotEmpty(t, answers)
	for _, a := range answers {
		require.Equal(t, a.expectedMD5("secret"), a.signature(optMD5))
	}
	require.NoError(t, l.Close(nil))
}

// SYN cookies work with signatures.
func TestAnMD5ConnectionBySynCookie(t *testing.T) {
	w := newWorld(t, "net.ipv4.tcp_syncookies", "2")
	c, s, l := w.md5Connect("secret")
	w.transfer(c, s, 10_000, time.Minute)
	require.Equal(t, uint64(1), w.b.env.Stat.Get(stat.TcpExtSyncookiesRecv))
	require.NoError(t, l.Close(nil))
}

// tcp(7) TCP_MD5SIG: EINVAL and ENOENT; a socket whose last key is gone signs
// no more.
func TestMD5KeysAreChecked(t *testing.T) {
	w := newWorld(t)
	c := w.a.m.NewSock()
	require.ErrorIs(t, c.SetMD5Key(toB, nil), syscall.EINVAL)
	require.ErrorIs(t, c.SetMD5Key(toB, make([]byte, 81)), syscall.EINVAL)
	require.ErrorIs(t, c.SetMD5Key(netip.Prefix{}, []byte("x")), syscall.EINVAL)
	require.ErrorIs(t, c.SetMD5Key(netip.MustParsePrefix("2001:db8::/32"), []byte("x")), syscall.EINVAL)
	require.ErrorIs(t, c.RemoveMD5Key(toB), syscall.ENOENT)
	require.NoError(t, c.SetMD5Key(toB, make([]byte, 80)))
	require.ErrorIs(t, c.AddAOKey(AOKey{Peer: toB, Algorithm: AOHMACSHA1, Key: []byte("x")}), inet.EKEYREJECTED)
	require.NoError(t, c.SetMD5Key(toB, []byte("other")), "in the place of the first")
	require.NoError(t, c.RemoveMD5Key(toB))
	require.ErrorIs(t, c.RemoveMD5Key(toB), syscall.ENOENT)
	l := w.listen(1)
	require.NoError(t, c.Connect(at(w.b, 80), patient()))
	require.NoError(t, l.Close(nil))
}

// A key may change while the connection runs; what was signed under the old
// one is lost and sent again.
func TestAnMD5KeyIsChangedOnALivingConnection(t *testing.T) {
	w := newWorld(t)
	c, s, l := w.md5Connect("old")
	w.transfer(c, s, 50_000, time.Minute)
	require.NoError(t, c.SetMD5Key(toB, []byte("new")))
	w.send(c, 1000, time.Second)
	require.Zero(t, s.readable())
	require.NoError(t, s.SetMD5Key(toA, []byte("new")))
	w.clk.Run(10 * time.Second)
	require.Equal(t, 1000, s.readable())
	require.NoError(t, l.Close(nil))
}

func TestSigningAndCheckingMD5AllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has pools forget at random")
	}
	x := newSteady(t)
	require.NoError(t, x.c.SetMD5Key(hostPrefix(x.c.Peer.Addr()), []byte("secret")))
	k := x.c.auth.md5[0]
	b := x.w.a.env.Pool.New(0)
	b.Append(make([]byte, HeaderLen+1000))
	Header(b.Data())[offDataOff] = HeaderLen / 4 << 4
	require.Zero(t, testing.AllocsPerRun(100, func() { k.digest(x.c.Peer.Addr(), x.c.Local.Addr(), b, Header(b.Data())) }))
	b.Consume()
	var p inet.Patience
	p.NonBlock = true
	require.Zero(t, testing.AllocsPerRun(50, func() {
		_, _ = x.c.Send(x.buf[:100], 0, &p)
		x.c.sendAck()
	}))
}

// signed builds a segment with an MD5 signature.
func (w *world) signed(from, to netip.AddrPort, sq, ack uint32, key, payload string) []byte {
	raw := make([]byte, HeaderLen+md5Space, HeaderLen+md5Space+len(payload))
	h := Header(raw)
	h.encode(&fields{src: from.Port(), dst: to.Port(), flags: ACK, window: 1000})
	copy(h[offSeq:], []byte{byte(sq >> 24), byte(sq >> 16), byte(sq >> 8), byte(sq)})
	copy(h[offAck:], []byte{byte(ack >> 24), byte(ack >> 16), byte(ack >> 8), byte(ack)})
	copy(h[HeaderLen:], []byte{optNop, optNop, optMD5, 2 + md5Len})
	raw = append(raw, payload...)
	seg := &wireSegment{src: from, dst: to, raw: raw, payload: []byte(payload)}
	copy(raw[HeaderLen+4:], seg.expectedMD5(key))
	return seal(raw, &Conn{Sock: inet.Sock{Local: to, Peer: from}})
}

func (w *world) forgeSigned(c *Conn, key string) []byte {
	return w.signed(c.Peer, c.Local, c.rcv.nxt.Uint32(), c.snd.nxt.Uint32(), key, "good")
}

// forgeOptions builds an ACK from the peer of c with options.
func (w *world) forgeOptions(c *Conn, o []byte) []byte {
	raw := w.forge(c, c.rcv.nxt, c.snd.nxt, ACK, "")
	raw = append(raw, bytes.Clone(o)...)
	raw[offDataOff] = byte(len(raw)/4) << 4
	return seal(raw, c)
}
