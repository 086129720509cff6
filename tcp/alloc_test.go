package tcp

import (
	"testing"
	"time"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/stretchr/testify/require"
)

// sink is a network layer that swallows what is sent.
type sink struct{ *host }

func (s sink) Output(b *skb.Buffer, _ *inet.Route, _ *inet.Header) error {
	b.Consume()
	return nil
}

func (s sink) Route(f *inet.Flow) (*inet.Route, error) { return s.host.Route(f) }

// steady is a connection in the middle of a transfer whose peer is the test.
type steady struct {
	w    *world
	c    *Conn
	buf  []byte
	data []byte // a full segment from the peer, and its acknowledgement
}

func newSteady(t testing.TB) *steady {
	w := newWorld(t)
	c, s := w.connect()
	w.transfer(c, s, 4<<20, time.Minute) // every queue and pool has its size
	w.transfer(s, c, 4<<20, time.Minute)
	w.clk.Run(time.Second)
	w.a.m.net = sink{w.a}
	c.route, _ = w.a.Route(&inet.Flow{Dst: c.Peer.Addr(), Src: c.Local.Addr()})
	x := &steady{w: w, c: c, buf: make([]byte, 1<<16)}
	x.data = make([]byte, HeaderLen+lenTSPad+1448)
	return x
}

// segment has a segment of n bytes arrive that acknowledges everything.
func (x *steady) segment(n int) {
	c, raw := x.c, x.data[:HeaderLen+lenTSPad+n]
	h := Header(raw[:HeaderLen+lenTSPad])
	h.encode(&fields{src: c.Peer.Port(), dst: c.Local.Port(), seq: c.rcv.nxt, ack: c.snd.nxt, flags: ACK, window: 60000})
	o := optionSpace{ts: true, tsval: c.ts.recent, tsecr: c.timestampNow(x.w.clk.Now())}
	o.put(raw[HeaderLen:])
	b := x.w.a.env.Pool.New(len(raw))
	b.Append(raw)
	b.Csum = skb.CsumUnnecessary
	b.Net = skb.Net{Src: c.Peer.Addr(), Dst: c.Local.Addr(), Proto: inet.ProtoTCP, TTL: 64}
	x.w.a.m.Input(b)
	x.w.a.m.EndBatch()
}

// receive is the hot path of a receiver: a full segment in, read by the user.
func (x *steady) receive() {
	x.segment(1448)
	var p inet.Patience
	p.NonBlock = true
	_, _ = x.c.Recv(x.buf, 0, &p)
}

// transmit is that of a sender: a full segment out, and its acknowledgement.
func (x *steady) transmit() {
	var p inet.Patience
	p.NonBlock = true
	_, _ = x.c.Send(x.buf[:1448], 0, &p)
	x.segment(0)
}

func TestReceivingAndSendingAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has pools forget at random")
	}
	x := newSteady(t)
	for range 100 {
		x.receive()
		x.transmit()
	}
	require.Zero(t, testing.AllocsPerRun(1000, x.receive), "receiving a full segment")
	require.Zero(t, testing.AllocsPerRun(1000, x.transmit), "sending a full segment")
}

func TestLookupAllocatesNothing(t *testing.T) {
	w := newWorld(t)
	c, _ := w.connect()
	names := tuple{c.Local, c.Peer}
	require.NotNil(t, w.a.m.demux.lookup(&names))
	require.Zero(t, testing.AllocsPerRun(100, func() { w.a.m.demux.lookup(&names) }))
}

func BenchmarkReceiveSegment(b *testing.B) { benchmarkPath(b, (*steady).receive) }

func BenchmarkSendSegment(b *testing.B) { benchmarkPath(b, (*steady).transmit) }

func benchmarkPath(b *testing.B, step func(*steady)) {
	x := newSteady(b)
	b.SetBytes(1448)
	b.ReportAllocs()
	for b.Loop() {
		step(x)
	}
}
