package netdev

import (
	"bytes"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/skb"
)

// run is a run of in-order segments of one flow.
func run(n, size int) []frameSpec {
	list := make([]frameSpec, n)
	for i := range list {
		list[i] = frameSpec{seq: uint32(1000 + i*size), id: uint16(i), payload: bytes.Repeat([]byte{byte(i)}, size)}
	}
	return list
}

func received(t testing.TB, p *skb.Pool, list []frameSpec) []*skb.Buffer {
	var batch []*skb.Buffer
	for _, f := range list {
		batch = append(batch, f.buffer(t, p))
	}
	return batch
}

func TestARunOfSegmentsBecomesOneSuperSegment(t *testing.T) {
	p := skb.NewPool(nil)
	list := run(10, 1000)
	list[9].payload, list[9].psh = []byte("short, with PSH"), true
	got := joinSegments(received(t, p, list), etherLen)
	require.Len(t, got, 1)
	b := got[0]
	require.Equal(t, skb.CsumUnnecessary, b.Csum)
	require.Equal(t, skb.GSOTCPv4, b.GSO)
	require.Equal(t, uint16(1000), b.GSOSize)
	require.Equal(t, uint16(10), b.GSOSegs)
	ip := ipHeader(b.Data()[14:])
	require.Equal(t, b.Len()-14, ip.totalLen())
	require.Equal(t, byte(tcpACK|tcpPSH), tcpHeader(b.Data()[34:]).flags())
	dropAll(got)
	requireBalance(t, p)
}

func TestJoinedBatchLeavesNoStaleBuffersBehind(t *testing.T) {
	p := skb.NewPool(nil)
	batch := received(t, p, run(4, 100))
	got := joinSegments(batch, etherLen)
	require.Len(t, got, 1)
	require.Equal(t, []*skb.Buffer{nil, nil, nil}, batch[1:4])
	dropAll(got)
}

// Each difference that a super-segment could not keep must keep the second
// segment out of it.
func TestOnlySegmentsThatDifferInNothingElseAreJoined(t *testing.T) {
	cases := map[string]func(list []frameSpec){
		"gap":             func(l []frameSpec) { l[1].seq++ },
		"old":             func(l []frameSpec) { l[1].seq = l[0].seq },
		"ack":             func(l []frameSpec) { l[1].ack = 5 },
		"window":          func(l []frameSpec) { l[1].window = 5 },
		"timestamp":       func(l []frameSpec) { l[0].ts, l[1].ts = 7, 8 },
		"options":         func(l []frameSpec) { l[1].ts = 7 },
		"fin":             func(l []frameSpec) { l[1].fin = true },
		"first has fin":   func(l []frameSpec) { l[0].fin = true },
		"first has psh":   func(l []frameSpec) { l[0].psh = true },
		"cwr":             func(l []frameSpec) { l[1].cwr = true },
		"ece":             func(l []frameSpec) { l[0].ece, l[1].ece = true, true },
		"ttl":             func(l []frameSpec) { l[1].ttl = 63 },
		"ecn mark":        func(l []frameSpec) { l[1].tos = 3 },
		"df":              func(l []frameSpec) { l[1].df = true },
		"id":              func(l []frameSpec) { l[1].id = 77 },
		"port":            func(l []frameSpec) { l[1].srcPort = 99 },
		"longer":          func(l []frameSpec) { l[1].payload = make([]byte, 101) },
		"empty":           func(l []frameSpec) { l[1].payload = nil },
		"first is empty":  func(l []frameSpec) { l[0].payload = nil; l[1].seq = l[0].seq },
		"first was short": func(l []frameSpec) { l[0].payload = l[0].payload[:99]; l[1].seq-- },
	}
	for name, change := range cases {
		p := skb.NewPool(nil)
		list := run(2, 100)
		change(list)
		got := joinSegments(received(t, p, list), etherLen)
		require.Len(t, got, 2, name)
		dropAll(got)
		requireBalance(t, p)
	}
}

func TestOddFramesPassUntouched(t *testing.T) {
	cases := map[string]func(b *skb.Buffer){
		"other MAC":             func(b *skb.Buffer) { b.Data()[3] ^= 1 },
		"not IPv4":              func(b *skb.Buffer) { b.Data()[12] = 0x86 },
		"version":               func(b *skb.Buffer) { b.Data()[14] = 0x65 },
		"header length":         func(b *skb.Buffer) { b.Data()[14] = 0x42 },
		"header past the end":   func(b *skb.Buffer) { b.Data()[14] = 0x4f; b.Trim(60) },
		"UDP":                   func(b *skb.Buffer) { b.Data()[23] = protoUDP },
		"fragment":              func(b *skb.Buffer) { b.Data()[20] |= 0x20 },
		"IP checksum":           func(b *skb.Buffer) { b.Data()[24] ^= 1 },
		"TCP checksum":          func(b *skb.Buffer) { b.Data()[60] ^= 1 },
		"padded":                func(b *skb.Buffer) { b.Put(4) },
		"TCP offset":            func(b *skb.Buffer) { b.Data()[46] = 0x10 },
		"TCP offset past end":   func(b *skb.Buffer) { b.Data()[46] = 0xf0; b.Trim(60) },
		"short":                 func(b *skb.Buffer) { b.Trim(20) },
		"empty":                 func(b *skb.Buffer) { b.Trim(0) },
		"a super-segment today": func(b *skb.Buffer) { b.GSO = skb.GSOTCPv4 },
	}
	for name, change := range cases {
		for i := range 2 {
			p := skb.NewPool(nil)
			batch := received(t, p, run(2, 100))
			change(batch[i])
			before := [][]byte{bytes.Clone(batch[0].Bytes()), bytes.Clone(batch[1].Bytes())}
			got := joinSegments(batch, etherLen)
			require.Len(t, got, 2, "%s %d", name, i)
			for k, b := range got {
				require.Equal(t, before[k], b.Bytes(), name)
			}
			dropAll(got)
			requireBalance(t, p)
		}
	}
}

// RFC 6864 4.1: with DF set the id says nothing.
func TestIdsDoNotMatterWithDontFragment(t *testing.T) {
	p := skb.NewPool(nil)
	list := run(3, 100)
	for i := range list {
		list[i].df, list[i].id = true, 0
	}
	got := joinSegments(received(t, p, list), etherLen)
	require.Len(t, got, 1)
	dropAll(got)
}

func TestASegmentThatWasVerifiedIsNotVerifiedAgain(t *testing.T) {
	p := skb.NewPool(nil)
	batch := received(t, p, run(2, 100))
	for _, b := range batch {
		b.Data()[60] ^= 1
		b.Csum = skb.CsumUnnecessary
	}
	got := joinSegments(batch, etherLen)
	require.Len(t, got, 1, "the device's word is taken")
	dropAll(got)
}

func TestASharedFrameIsNotWrittenTo(t *testing.T) {
	p := skb.NewPool(nil)
	batch := received(t, p, run(3, 100))
	tap := batch[0].Clone()
	before := bytes.Clone(tap.Bytes())
	got := joinSegments(batch, etherLen)
	require.Len(t, got, 1)
	require.Equal(t, before, tap.Bytes())
	dropAll(append(got, tap))
	requireBalance(t, p)
}

func TestASuperSegmentHoldsWhatABufferAndAnIPLengthCan(t *testing.T) {
	p := skb.NewPool(nil)
	got := joinSegments(received(t, p, run(64, 1448)), etherLen)
	require.Len(t, got, 4, "a head and 17 references each")
	for _, b := range got {
		require.LessOrEqual(t, len(b.Frags()), skb.MaxFrags)
	}
	dropAll(got)
	got = joinSegments(received(t, p, run(10, 8948)), etherLen)
	require.Len(t, got, 2)
	require.Equal(t, 7*8948+40, ipHeader(got[0].Data()[14:]).totalLen())
	dropAll(got)
	requireBalance(t, p)
}

// GSO after GRO gives back the frames bit for bit, whatever the mix of flows,
// sizes and flags was; and each flow's bytes keep their order.
func TestSegmentUndoesJoining(t *testing.T) {
	r := rand.New(rand.NewSource(5))
	for range 200 {
		p := skb.NewPool(nil)
		noLink := r.Intn(2) == 0
		link := etherLen
		if noLink {
			link = 0
		}
		list := randomFlows(r, 64, noLink)
		var want, got [][]byte
		for _, f := range list {
			want = append(want, f.bytes(t))
		}
		for _, b := range joinSegments(received(t, p, list), link) {
			got = append(got, undo(t, b, link)...)
		}
		require.Equal(t, byFlow(want, link), byFlow(got, link))
		requireBalance(t, p)
	}
}

// randomFlows makes a batch of interleaved flows with random breaks.
func randomFlows(r *rand.Rand, n int, noLink bool) []frameSpec {
	flows := make([]frameSpec, 1+r.Intn(12))
	for i := range flows {
		flows[i] = frameSpec{seq: r.Uint32(), id: uint16(r.Uint32()), srcPort: uint16(1000 + i), noLink: noLink, ts: 1, df: i%2 == 0}
	}
	var list []frameSpec
	i := 0
	for range n {
		if r.Intn(3) == 0 {
			i = r.Intn(len(flows))
		}
		f := &flows[i]
		f.payload = randomBytes(r, 1000)
		if r.Intn(6) == 0 {
			f.payload = randomBytes(r, r.Intn(1001))
		}
		f.psh, f.fin = r.Intn(10) == 0, r.Intn(20) == 0
		list = append(list, *f)
		f.seq, f.id = f.seq+uint32(len(f.payload)), f.id+1
		switch r.Intn(12) {
		case 0:
			f.ack++
		case 1:
			f.ts++
		case 2:
			f.seq += 10
		}
	}
	return list
}

// undo cuts b again and returns the frames' bytes.
func undo(t testing.TB, b *skb.Buffer, link int) (frames [][]byte) {
	if b.GSO == skb.GSONone {
		defer b.Consume()
		return [][]byte{bytes.Clone(b.Bytes())}
	}
	parts, r := cutReceived(b, link)
	require.Equal(t, skb.NotDropped, r)
	for _, s := range drain(&parts) {
		raw := finish(t, s)
		decode(t, raw, link == 0)
		frames = append(frames, bytes.Clone(raw))
		s.Consume()
	}
	return frames
}

func byFlow(frames [][]byte, link int) map[uint32][][]byte {
	m := map[uint32][][]byte{}
	for _, f := range frames {
		k := tcpHeader(f[link+ipMinLen:]).ports()
		m[k] = append(m[k], f)
	}
	return m
}

func TestWhatIsNotJoinedAllocatesNothingAndCopiesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector sync.Pool drops items at random")
	}
	p := skb.NewPool(nil)
	batch := received(t, p, []frameSpec{{seq: 1}, {seq: 1}, {seq: 9, payload: []byte("x")}, {seq: 5, payload: []byte("y")}})
	n := 0
	require.Zero(t, testing.AllocsPerRun(100, func() { n = len(joinSegments(batch, etherLen)) }))
	require.Equal(t, 4, n)
	dropAll(batch)
}

func benchmarkJoin(b *testing.B, list []frameSpec, want int) {
	p := skb.NewPool(nil)
	frames := received(b, p, list)
	batch := make([]*skb.Buffer, len(frames))
	b.ReportAllocs()
	b.SetBytes(int64(len(list) * frames[0].Len()))
	for b.Loop() {
		for i, f := range frames {
			batch[i] = p.Share(f)
			batch[i].Csum = skb.CsumUnnecessary
		}
		got := joinSegments(batch, etherLen)
		if len(got) != want {
			b.Fatal(len(got))
		}
		for _, s := range got {
			s.Consume()
		}
	}
}

func BenchmarkJoin(b *testing.B) { benchmarkJoin(b, run(64, 1448), 4) }

func BenchmarkJoinNothing(b *testing.B) {
	benchmarkJoin(b, make([]frameSpec, 64), 64) // 64 pure acknowledgements
}
