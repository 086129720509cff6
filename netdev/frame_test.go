package netdev

import (
	"encoding/binary"
	"math/rand"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/checksum"
	"github.com/slankdev/ministack/skb"
)

// Frames for the tests, built by gopacket, and read back by gopacket: an
// opinion of its own on every header and checksum.

type frameSpec struct {
	seq, ack uint32
	window   uint16
	psh, fin bool
	cwr, ece bool
	ts       uint32 // a timestamp option, 0: none
	id       uint16
	df       bool
	ttl, tos uint8
	srcPort  uint16
	payload  []byte
	noLink   bool
}

var (
	testSrc = netip.MustParseAddr("10.0.0.1")
	testDst = netip.MustParseAddr("10.0.0.2")
)

func (f frameSpec) ip() *layers.IPv4 {
	ip := &layers.IPv4{Version: 4, Id: f.id, TTL: 64, TOS: f.tos, Protocol: layers.IPProtocolTCP, SrcIP: testSrc.AsSlice(), DstIP: testDst.AsSlice()}
	if f.ttl != 0 {
		ip.TTL = f.ttl
	}
	if f.df {
		ip.Flags = layers.IPv4DontFragment
	}
	return ip
}

func (f frameSpec) tcp() *layers.TCP {
	th := &layers.TCP{SrcPort: 1234, DstPort: 80, Seq: f.seq, Ack: f.ack, ACK: true, Window: 1000 + f.window, PSH: f.psh, FIN: f.fin, CWR: f.cwr, ECE: f.ece}
	if f.srcPort != 0 {
		th.SrcPort = layers.TCPPort(f.srcPort)
	}
	if f.ts != 0 {
		opt := make([]byte, 8)
		binary.BigEndian.PutUint32(opt, f.ts)
		nop := layers.TCPOption{OptionType: layers.TCPOptionKindNop}
		th.Options = []layers.TCPOption{nop, nop, {OptionType: layers.TCPOptionKindTimestamps, OptionLength: 10, OptionData: opt}}
	}
	return th
}

// bytes returns the frame with right checksums, without padding.
func (f frameSpec) bytes(t testing.TB) []byte {
	ip, th := f.ip(), f.tcp()
	require.NoError(t, th.SetNetworkLayerForChecksum(ip))
	stack := []gopacket.SerializableLayer{ip, th, gopacket.Payload(f.payload)}
	if !f.noLink {
		stack = append([]gopacket.SerializableLayer{testEther}, stack...)
	}
	buf := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...))
	link := 14
	if f.noLink {
		link = 0
	}
	raw := buf.Bytes()
	return raw[:link+ipHeader(raw[link:]).totalLen()]
}

var testEther = &layers.Ethernet{
	SrcMAC: []byte{2, 0, 0, 0, 0, 1}, DstMAC: []byte{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4,
}

// buffer returns the frame as a driver would deliver it.
func (f frameSpec) buffer(t testing.TB, p *skb.Pool) *skb.Buffer {
	raw := f.bytes(t)
	b := p.New(len(raw))
	b.Append(raw)
	return b
}

// frameFrom returns a frame of the layers with lengths and checksums filled in.
func frameFrom(t testing.TB, p *skb.Pool, stack ...gopacket.SerializableLayer) *skb.Buffer {
	buf := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...))
	b := p.New(len(buf.Bytes()))
	b.Append(buf.Bytes())
	return b
}

// super returns a frame as the layers above would hand it to a device: headers
// marked, checksum partial, the payload by reference in pieces of at most
// piece bytes.
func (f frameSpec) super(t testing.TB, p *skb.Pool, size uint16, piece int) *skb.Buffer {
	raw := f.bytes(t)
	hdr := len(raw) - len(f.payload)
	b := p.New(hdr)
	b.Append(raw[:hdr])
	for rest := f.payload; len(rest) > 0; {
		n := min(piece, len(rest), skb.MediumSize)
		c := p.Chunk(n)
		copy(c.Bytes(), rest[:n])
		require.True(t, b.AddFrag(c, 0, n))
		c.Release()
		rest = rest[n:]
	}
	net := 14
	if f.noLink {
		net = 0
	}
	markHeaders(b, net, net+20)
	setPartial(b, net+20, protoTCP, ipHeader(b.Data()[net:]).pseudo())
	b.GSO, b.GSOSize = skb.GSOTCPv4, size
	return b
}

// decoded is what gopacket reads.
type decoded struct {
	ip      *layers.IPv4
	tcp     *layers.TCP
	udp     *layers.UDP
	payload []byte
}

// decode reads a frame and verifies lengths and checksums.
func decode(t testing.TB, raw []byte, noLink bool) decoded {
	first := gopacket.LayerType(layers.LayerTypeEthernet)
	if noLink {
		first = layers.LayerTypeIPv4
	}
	pkt := gopacket.NewPacket(raw, first, gopacket.DecodeOptions{})
	require.Nil(t, pkt.ErrorLayer())
	var d decoded
	d.ip, _ = pkt.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	d.tcp, _ = pkt.Layer(layers.LayerTypeTCP).(*layers.TCP)
	d.udp, _ = pkt.Layer(layers.LayerTypeUDP).(*layers.UDP)
	require.NotNil(t, d.ip)
	require.Equal(t, int(d.ip.Length), len(d.ip.Contents)+len(d.ip.Payload), "IP total length")
	d.verify(t, pkt)
	return d
}

func (d *decoded) verify(t testing.TB, pkt gopacket.Packet) {
	require.True(t, checksum.Valid(checksum.Sum(0, d.ip.Contents)), "IP checksum")
	var l gopacket.SerializableLayer
	var want uint16
	switch {
	case d.tcp != nil:
		d.payload, want, l = d.tcp.Payload, d.tcp.Checksum, d.tcp
		require.NoError(t, d.tcp.SetNetworkLayerForChecksum(d.ip))
	case d.udp != nil:
		d.payload, want, l = d.udp.Payload, d.udp.Checksum, d.udp
		require.NoError(t, d.udp.SetNetworkLayerForChecksum(d.ip))
	default:
		return
	}
	buf := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(buf, gopacket.SerializeOptions{ComputeChecksums: true}, l, gopacket.Payload(d.payload)))
	require.Equal(t, sum16(l), want, "transport checksum as gopacket computes it")
}

func sum16(l gopacket.SerializableLayer) uint16 {
	if th, ok := l.(*layers.TCP); ok {
		return th.Checksum
	}
	return l.(*layers.UDP).Checksum
}

func randomBytes(r *rand.Rand, n int) []byte {
	p := make([]byte, n)
	r.Read(p)
	return p
}

func drain(q *skb.Queue) (list []*skb.Buffer) {
	for b := q.PopFront(); b != nil; b = q.PopFront() {
		list = append(list, b)
	}
	return list
}

func dropAll(list []*skb.Buffer) {
	for _, b := range list {
		b.Drop(skb.QueuePurge)
	}
}

func requireBalance(t testing.TB, p *skb.Pool) {
	c := p.Count()
	require.Zero(t, c.Live, "buffers are still held")
	require.Zero(t, c.Twice, "a buffer died twice")
}
