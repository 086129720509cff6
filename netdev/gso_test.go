package netdev

import (
	"encoding/binary"
	"math/rand"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/skb"
)

// finish completes the checksum and returns the frame's bytes.
func finish(t testing.TB, b *skb.Buffer) []byte {
	require.Equal(t, skb.CsumPartial, b.Csum)
	require.Equal(t, skb.NotDropped, FinishChecksum(b))
	require.Equal(t, skb.CsumNone, b.Csum)
	return b.Bytes()
}

func segmentAll(t testing.TB, b *skb.Buffer) []*skb.Buffer {
	var q skb.Queue
	require.Equal(t, skb.NotDropped, Segment(b, &q))
	return drain(&q)
}

// RFC 9293 3.1, RFC 3168 6.1.2.
func TestSegmentsCarryTheStreamWithHeadersOfTheirOwn(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	p := skb.NewPool(nil)
	for range 200 {
		size := 1 + r.Intn(3000)
		f := frameSpec{seq: r.Uint32(), ack: r.Uint32(), id: uint16(r.Uint32()), psh: true, fin: r.Intn(2) == 0, cwr: true,
			ts: r.Uint32() | 1, noLink: r.Intn(2) == 0, payload: randomBytes(r, 1+r.Intn(min(60000, 40*size)))}
		parts := segmentAll(t, f.super(t, p, uint16(size), 1+len(f.payload)/(1+r.Intn(skb.MaxFrags-4))))
		want := (len(f.payload) + size - 1) / size
		require.Len(t, parts, want)
		var stream []byte
		for i, s := range parts {
			d := decode(t, finish(t, s), f.noLink)
			require.Equal(t, f.seq+uint32(len(stream)), d.tcp.Seq)
			require.Equal(t, f.id+uint16(i), d.ip.Id)
			require.Equal(t, f.ack, d.tcp.Ack)
			require.Equal(t, i == 0, d.tcp.CWR)
			require.Equal(t, i == want-1, d.tcp.PSH)
			require.Equal(t, i == want-1 && f.fin, d.tcp.FIN)
			require.Len(t, d.tcp.Options, 3)
			require.LessOrEqual(t, len(d.payload), size)
			stream = append(stream, d.payload...)
		}
		require.Equal(t, f.payload, stream)
		dropAll(parts)
	}
	requireBalance(t, p)
}

func TestSegmentReferencesThePayloadWithoutCopying(t *testing.T) {
	p := skb.NewPool(nil)
	f := frameSpec{payload: make([]byte, 10000)}
	b := f.super(t, p, 1000, 10000)
	original := b.Frags()[0].Bytes()
	parts := segmentAll(t, b)
	for i, s := range parts {
		require.Equal(t, 54, s.HeadLen(), "only headers are linear")
		require.Len(t, s.Frags(), 1)
		require.Same(t, &original[i*1000], &s.Frags()[0].Bytes()[0])
	}
	dropAll(parts)
	requireBalance(t, p)
}

func TestSegmentCopiesAPayloadInCrumbs(t *testing.T) {
	p := skb.NewPool(nil)
	f := frameSpec{payload: randomBytes(rand.New(rand.NewSource(2)), 1+skb.MaxFrags)}
	b := f.super(t, p, 100, 1000)
	require.True(t, b.MayPull(55)) // one byte of payload beside the headers
	rest := b.Clone()
	b.Trim(55)
	for i := range skb.MaxFrags {
		c := p.Chunk(1)
		rest.CopyOut(55+i, c.Bytes()[:1])
		require.True(t, b.AddFrag(c, 0, 1))
		c.Release()
	}
	rest.Consume()
	parts := segmentAll(t, b)
	require.Len(t, parts, 1)
	require.Empty(t, parts[0].Frags(), "18 pieces are more references than a buffer carries")
	require.Equal(t, f.payload, decode(t, finish(t, parts[0]), false).payload)
	dropAll(parts)
	requireBalance(t, p)
}

func TestSegmentsInheritWhatIsKnownOfTheSuperSegment(t *testing.T) {
	p := skb.NewPool(nil)
	b := frameSpec{payload: make([]byte, 3000)}.super(t, p, 1000, 3000)
	b.Cause, b.Traced, b.Time = 5, true, 77
	id := b.ID
	for i, s := range segmentAll(t, b) {
		require.Equal(t, uint64(5), s.Cause)
		require.True(t, s.Traced)
		require.Equal(t, id+uint64(i)+1, s.ID)
		require.Equal(t, skb.GSONone, s.GSO)
		require.NotNil(t, s.Link())
		require.Equal(t, byte(0x45), s.Network()[0])
		require.Len(t, s.Transport(), 20)
		s.Consume()
	}
	requireBalance(t, p)
}

func udpSuper(t testing.TB, p *skb.Pool, payload []byte, size uint16, sum bool) *skb.Buffer {
	ip := frameSpec{id: 9}.ip()
	ip.Protocol = layers.IPProtocolUDP
	udp := &layers.UDP{SrcPort: 5, DstPort: 4444}
	require.NoError(t, udp.SetNetworkLayerForChecksum(ip))
	buf := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, testEther, ip, udp, gopacket.Payload(payload)))
	b := p.New(len(buf.Bytes()))
	b.Append(buf.Bytes())
	if !sum {
		binary.BigEndian.PutUint16(b.Data()[40:], 0)
	}
	markHeaders(b, 14, 34)
	b.GSO, b.GSOSize = skb.GSOUDPv4, size
	return b
}

func TestUDPSuperSegmentsBecomeDatagrams(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	p := skb.NewPool(nil)
	payload := randomBytes(r, 3500)
	var stream []byte
	parts := segmentAll(t, udpSuper(t, p, payload, 1000, true))
	require.Len(t, parts, 4)
	for i, s := range parts {
		d := decode(t, finish(t, s), false)
		require.Equal(t, uint16(9+i), d.ip.Id)
		require.Equal(t, len(d.payload)+8, int(d.udp.Length))
		stream = append(stream, d.payload...)
	}
	require.Equal(t, payload, stream)
	dropAll(parts)
	requireBalance(t, p)
}

// RFC 768: a checksum of zero means that the sender computed none.
func TestUDPWithoutChecksumStaysWithout(t *testing.T) {
	p := skb.NewPool(nil)
	for _, s := range segmentAll(t, udpSuper(t, p, make([]byte, 20), 10, false)) {
		require.Equal(t, skb.CsumNone, s.Csum)
		require.Zero(t, binary.BigEndian.Uint16(s.Data()[40:]))
		s.Consume()
	}
	requireBalance(t, p)
}

func TestWhatCannotBeCutIsDroppedWithItsReason(t *testing.T) {
	p := skb.NewPool(nil)
	whole := func() *skb.Buffer { return frameSpec{payload: make([]byte, 5000)}.super(t, p, 1000, 5000) }
	damage := map[string]func(b *skb.Buffer){
		"no size":               func(b *skb.Buffer) { b.GSOSize = 0 },
		"too many segments":     func(b *skb.Buffer) { b.GSOSize = 1 },
		"unknown type":          func(b *skb.Buffer) { b.GSO = 99 },
		"wrong protocol":        func(b *skb.Buffer) { b.Data()[23] = protoUDP },
		"UDP that is TCP":       func(b *skb.Buffer) { b.GSO = skb.GSOUDPv4 },
		"no IPv4":               func(b *skb.Buffer) { b.Data()[14] = 0x65 },
		"IP header too short":   func(b *skb.Buffer) { b.Data()[14] = 0x44 },
		"TCP header too short":  func(b *skb.Buffer) { b.Data()[46] = 0x40 },
		"cut inside TCP header": func(b *skb.Buffer) { b.Trim(40) },
		"cut inside IP header":  func(b *skb.Buffer) { b.Trim(20) },
		"TCP options missing":   func(b *skb.Buffer) { b.Data()[46] = 0xf0; b.Trim(60) },
	}
	for name, hurt := range damage {
		b := whole()
		hurt(b)
		var q skb.Queue
		require.Equal(t, skb.GSOFailed, Segment(b, &q), name)
		require.Zero(t, q.Len(), name)
	}
	unmarked := frameSpec{payload: []byte("x")}.buffer(t, p)
	unmarked.GSO, unmarked.GSOSize = skb.GSOTCPv4, 10
	require.Equal(t, skb.GSOFailed, Segment(unmarked, new(skb.Queue)))
	require.Equal(t, int64(len(damage)+1), p.Drops(skb.GSOFailed))
	requireBalance(t, p)
}

func TestFinishedChecksumsAreWhatGopacketComputes(t *testing.T) {
	r := rand.New(rand.NewSource(4))
	p := skb.NewPool(nil)
	for n := range 300 {
		f := frameSpec{seq: r.Uint32(), payload: randomBytes(r, n)}
		b := f.super(t, p, 1, 1+n/5)
		other := b.Clone()
		require.Equal(t, f.bytes(t), finish(t, b))
		require.NotEqual(t, f.bytes(t), other.Bytes(), "a clone's bytes are left alone")
		b.Consume()
		other.Consume()
	}
	requireBalance(t, p)
}

// RFC 768: "If the computed checksum is zero, it is transmitted as all ones".
func TestAComputedUDPChecksumIsNeverZero(t *testing.T) {
	p := skb.NewPool(nil)
	b := udpSuper(t, p, []byte{0, 0}, 100, true)
	setPartial(b, 34, protoUDP, ipHeader(b.Data()[14:]).pseudo())
	copy(b.Data()[42:], []byte{0, 0})
	sum := sumFrom(b, 34)
	binary.BigEndian.PutUint16(b.Data()[42:], ^sum) // now everything sums to all ones
	require.Equal(t, skb.NotDropped, FinishChecksum(b))
	require.Equal(t, uint16(0xffff), binary.BigEndian.Uint16(b.Data()[40:]))
	b.Consume()
}

func TestAChecksumFieldOutsideTheFrameIsRefused(t *testing.T) {
	p := skb.NewPool(nil)
	b := p.New(40)
	b.Put(40)
	b.Csum, b.CsumStart, b.CsumOffset = skb.CsumPartial, 30, 9
	require.Equal(t, skb.HdrTrunc, FinishChecksum(b))
	b.CsumOffset = 8
	require.Equal(t, skb.NotDropped, FinishChecksum(b))
	b.Consume()
}

func BenchmarkSegment(b *testing.B) {
	p := skb.NewPool(nil)
	f := frameSpec{payload: make([]byte, 60000), ts: 1}
	super := f.super(b, p, 1448, 16000)
	var q skb.Queue
	b.SetBytes(60000)
	b.ReportAllocs()
	for b.Loop() {
		Segment(super.Clone(), &q)
		for s := q.PopFront(); s != nil; s = q.PopFront() {
			s.Consume()
		}
	}
}
