package tcp

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/slankdev/ministack/checksum"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/sysctl"
	"github.com/slankdev/ministack/tcp/seq"
	"github.com/slankdev/ministack/trace"
	"github.com/stretchr/testify/require"
)

// A world is two hosts with a TCP module each, joined by a wire that delays,
// loses and shows every segment, on one virtual clock. There is no IP: the
// wire is each module's network layer.
type world struct {
	t     testing.TB
	clk   *clock.VirtualClock
	a, b  *host
	delay time.Duration
	rate  int64 // bits a second, 0: no limit
	// lose is asked of every segment on the wire; nil loses none.
	lose func(s *wireSegment) bool
	// late adds to a segment's delay.
	late func(s *wireSegment) time.Duration
	seen []*wireSegment
	keep bool  // remember segments in seen
	tos  uint8 // of all that arrives
}

// wireSegment is one segment on the wire, cut to size.
type wireSegment struct {
	at       clock.Time
	from     *host
	src, dst netip.AddrPort
	seq, ack seq.Num
	flags    Flags
	wnd      uint16
	opts     options
	payload  []byte
	raw      []byte
}

type host struct {
	w    *world
	m    *Module
	env  *inet.Env
	addr netip.Addr
	peer *host
	mtu  int
	gen  uint64
	free clock.Time // when the sending side of the link is idle again
	seed *rand.PCG
	err  error // what Output returns, if set

	confirmed int // how often TCP said that the next hop works
}

func newWorld(t testing.TB, sysctls ...string) *world {
	w := &world{t: t, clk: clock.NewVirtual(), delay: time.Millisecond}
	w.a, w.b = w.host("10.0.0.1", 1), w.host("10.0.0.2", 2)
	w.a.peer, w.b.peer = w.b, w.a
	for i := 0; i+1 < len(sysctls); i += 2 {
		require.NoError(t, w.a.env.Sysctl.Set(sysctls[i], sysctls[i+1]))
		require.NoError(t, w.b.env.Sysctl.Set(sysctls[i], sysctls[i+1]))
	}
	t.Cleanup(w.check)
	return w
}

// check is the conservation law at the end of every test.
func (w *world) check() {
	for _, h := range []*host{w.a, w.b} {
		h.m.Close()
	}
	w.clk.Run(5 * time.Minute)
	for _, h := range []*host{w.a, w.b} {
		n := h.env.Pool.Count()
		require.Zero(w.t, n.Live, "%v: buffers that met no fate: %+v", h.addr, n)
		require.Zero(w.t, n.Twice, "%v: buffers that died twice", h.addr)
		require.Equal(w.t, Memory{}, h.m.Memory(), "%v: charged to nobody", h.addr)
		require.Zero(w.t, h.m.shared.seldom, "%v: what all share was changed", h.addr)
	}
}

func (w *world) host(addr string, seed uint64) *host {
	tr := trace.New(w.clk)
	h := &host{w: w, addr: netip.MustParseAddr(addr), mtu: 1500, gen: 1, seed: rand.NewPCG(seed, seed)}
	h.env = &inet.Env{Clock: w.clk, Rand: rand.New(h.seed), Stat: new(stat.Counters), Trace: tr, Sysctl: sysctl.New()}
	h.env.Pool = skb.NewPool(func(b *skb.Buffer, r skb.Reason, site uintptr) {
		h.env.Stat.Dropped(r)
		tr.Dropped(b, r, site)
	})
	h.env.Dev = netdev.NewTable(netdev.Config{Clock: w.clk, Rand: h.env.Rand, Pool: h.env.Pool, Trace: tr,
		Rx:       func(_ *netdev.Device, b *skb.Buffer) skb.Reason { return b.Drop(skb.UnhandledProto) },
		BatchEnd: func() {}})
	near, _ := netdev.Pipe(1500)
	if _, err := h.env.Dev.Attach(near, "eth0"); err != nil {
		w.t.Fatal(err)
	}
	h.m = New(h.env, h)
	return h
}

// The host is its module's inet.Network.

func (h *host) Route(f *inet.Flow) (*inet.Route, error) {
	if f.Dst == netip.MustParseAddr("10.9.9.9") {
		return nil, syscall.ENETUNREACH
	}
	src := h.addr
	if f.Src.IsValid() {
		src = f.Src
	}
	return &inet.Route{Dst: f.Dst, Src: src, NextHop: f.Dst, Dev: h.env.Dev.ByIndex(1), MTU: h.mtu, Generation: h.gen, Table: h}, nil
}

func (h *host) Generation() uint64                      { return h.gen }
func (h *host) IsLocal(a netip.Addr) bool               { return a == h.addr }
func (h *host) Kind(a netip.Addr) inet.RouteType        { return inet.Unicast }
func (h *host) SendError(b *skb.Buffer, e *inet.Error)  {}
func (h *host) Confirm(*inet.Route)                     { h.confirmed++ }
func (h *host) HeaderLen() int                          { return 20 }
func (h *host) Options(*skb.Buffer) (_, _ []byte)       { return nil, nil }
func (h *host) CompileOptions(p []byte) ([]byte, error) { return p, nil }
func (h *host) MayBind(a netip.Addr, _ int) bool        { return a == h.addr }
func (h *host) Borrowed(*skb.Buffer) int                { return 0 }

func (h *host) UpdatePMTU(_ netip.Addr, mtu int) {
	h.mtu = max(mtu, 552)
	h.gen++
}

// Output cuts a super-segment and puts the pieces on the wire.
func (h *host) Output(b *skb.Buffer, r *inet.Route, hd *inet.Header) error {
	defer b.Consume()
	if h.err != nil {
		return h.err
	}
	th := Header(b.Bytes())
	if !th.Valid() {
		return errors.New("an invalid header was sent")
	}
	size := len(th) - th.Len()
	if b.GSO != skb.GSONone {
		size = int(b.GSOSize)
	}
	payload := th[th.Len():]
	for off := 0; ; off += size {
		end := min(off+size, len(payload))
		h.wire(th, payload[off:end], off, end == len(payload), r)
		if end == len(payload) {
			return nil
		}
	}
}

func (h *host) wire(th Header, payload []byte, off int, last bool, r *inet.Route) {
	raw := append(append([]byte(nil), th[:th.Len()]...), payload...)
	c := Header(raw)
	c.encodeSeq(th.Seq().Add(off))
	if !last {
		raw[offFlags] &^= byte(FIN | PSH)
	}
	raw[offChecksum], raw[offChecksum+1] = 0, 0
	sum := checksum.Sum(checksum.PseudoHeader(r.Src, r.Dst, inet.ProtoTCP, len(raw)), raw)
	sum = checksum.Finish(sum)
	raw[offChecksum], raw[offChecksum+1] = byte(sum>>8), byte(sum)
	s := &wireSegment{at: h.w.clk.Now(), from: h, src: netip.AddrPortFrom(r.Src, c.SrcPort()), dst: netip.AddrPortFrom(r.Dst, c.DstPort()),
		seq: c.Seq(), ack: c.Ack(), flags: c.Flags(), wnd: c.Window(), payload: payload, raw: raw}
	s.opts.parse(c)
	h.w.carry(s)
}

func (h Header) encodeSeq(n seq.Num) {
	v := n.Uint32()
	h[offSeq], h[offSeq+1], h[offSeq+2], h[offSeq+3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
}

// carry takes a segment over the wire.
func (w *world) carry(s *wireSegment) {
	if w.keep {
		w.seen = append(w.seen, s)
	}
	wait := w.delay
	if w.rate > 0 {
		start := max(s.from.free, s.at)
		s.from.free = start.Add(time.Duration(int64(len(s.raw)+34) * 8 * int64(time.Second) / w.rate))
		wait += s.from.free.Sub(s.at)
	}
	if w.lose != nil && w.lose(s) {
		return
	}
	if w.late != nil {
		wait += w.late(s)
	}
	t := new(clock.Timer)
	t.Init(w.clk, func(any) { s.from.peer.arrive(s) }, nil)
	t.Reset(s.at.Add(wait))
}

// arrive gives a segment to the module, as a batch of one.
func (h *host) arrive(s *wireSegment) {
	h.inject(s.src, s.dst, s.raw)
}

func (h *host) inject(src, dst netip.AddrPort, raw []byte) skb.Reason {
	b := h.env.Pool.New(len(raw))
	b.Append(raw)
	b.Time = h.w.clk.Now()
	b.Net = skb.Net{Src: src.Addr(), Dst: dst.Addr(), Proto: inet.ProtoTCP, TTL: 64, TOS: h.w.tos}
	h.env.Trace.Mark(b)
	r := h.m.Input(b)
	h.m.EndBatch()
	return r
}

// patient lets a call block: the virtual clock goes on while it waits.
func patient() *inet.Patience { return new(inet.Patience) }

func hurried() *inet.Patience { return &inet.Patience{NonBlock: true} }

// listen returns a listening socket on b's port 80.
func (w *world) listen(backlog int) *Conn {
	l := w.b.m.NewSock()
	require.NoError(w.t, l.Bind(netip.AddrPortFrom(w.b.addr, 80)))
	require.NoError(w.t, l.Listen(backlog))
	return l
}

// connect returns both ends of a connection from a to b's port 80.
func (w *world) connect() (client, server *Conn) {
	l := w.listen(16)
	client, server = w.connectTo(l)
	require.NoError(w.t, l.Close(nil))
	return client, server
}

func (w *world) connectTo(l *Conn) (client, server *Conn) {
	client = w.a.m.NewSock()
	require.NoError(w.t, client.Connect(netip.AddrPortFrom(w.b.addr, 80), patient()))
	server, err := l.Accept(patient())
	require.NoError(w.t, err)
	return client, server
}

// transfer sends n bytes of a pattern from one end to the other, checks them,
// and returns how long it took on the virtual clock, until all was read.
func (w *world) transfer(from, to *Conn, n int, limit time.Duration) time.Duration {
	began := w.clk.Now()
	sent, got := 0, 0
	buf := make([]byte, 64<<10)
	step := func() bool {
		for sent < n {
			k := min(n-sent, len(buf))
			fill(buf[:k], sent)
			m, err := from.Send(buf[:k], 0, hurried())
			if errors.Is(err, syscall.EAGAIN) {
				break
			}
			require.NoError(w.t, err)
			sent += m
		}
		for {
			m, err := to.Recv(buf, 0, hurried())
			if errors.Is(err, syscall.EAGAIN) {
				break
			}
			require.NoError(w.t, err)
			require.NotZero(w.t, m, "end of stream after %d of %d bytes", got, n)
			require.True(w.t, bytes.Equal(pieceOf(got, m), buf[:m]), "bytes %d to %d", got, got+m)
			got += m
		}
		return got == n
	}
	require.True(w.t, w.clk.RunUntil(step, limit), "%d of %d bytes arrived within %v", got, n, limit)
	return w.clk.Now().Sub(began)
}

// pattern is a byte of the stream that transfers carry. It repeats after
// 65536, so a table of twice that holds any piece.
func pattern(i int) byte { return byte(i>>8 ^ i*7) }

var patterns = func() (t [1 << 17]byte) {
	for i := range t {
		t[i] = pattern(i)
	}
	return t
}()

// pieceOf returns n bytes of the pattern, at most 65536.
func pieceOf(from, n int) []byte { return patterns[from&0xffff:][:n] }

func fill(p []byte, from int) {
	for len(p) > 0 {
		n := copy(p, patterns[from&0xffff:][:1<<16])
		p, from = p[n:], from+n
	}
}

// seal completes the checksum of a forged segment for c.
func seal(raw []byte, c *Conn) []byte {
	raw[offChecksum], raw[offChecksum+1] = 0, 0
	sum := checksum.Finish(checksum.Sum(checksum.PseudoHeader(c.Peer.Addr(), c.Local.Addr(), inet.ProtoTCP, len(raw)), raw))
	raw[offChecksum], raw[offChecksum+1] = byte(sum>>8), byte(sum)
	return raw
}

func at(h *host, port uint16) netip.AddrPort { return netip.AddrPortFrom(h.addr, port) }
