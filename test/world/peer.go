package world

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/stretchr/testify/require"
)

// Peer is the other end of a stack's link in the hands of a test: it sends any
// frame, and sees each that the stack sends. gopacket, which shares no code
// with the stack, builds and reads them; a frame that it cannot read, or whose
// checksums it would compute otherwise, fails the test.
type Peer struct {
	*World
	S    *ministack.Stack
	MAC  net.HardwareAddr // the peer's
	IP   net.IP
	mine netdev.Poller
	pool *skb.Pool
}

// PeerIP and StackIP are the addresses of the two ends.
var (
	PeerIP  = net.IPv4(10, 0, 0, 9).To4()
	StackIP = net.IPv4(10, 0, 0, 1).To4()
)

// NewPeer returns a stack with the address 10.0.0.1/24 on eth0, and the other
// end of its link. What the stack announced is taken off the link already.
func NewPeer(t testing.TB) *Peer {
	w := &World{T: t, Clock: clock.NewVirtual()}
	a, b := netdev.Pipe(1500)
	p := &Peer{World: w, S: w.Stack(), MAC: net.HardwareAddr{2, 0, 0, 0, 0, 9}, IP: PeerIP, mine: b.(netdev.Poller), pool: skb.NewPool(nil)}
	_, err := p.S.Attach(a, "eth0")
	require.NoError(t, err)
	require.NoError(t, p.S.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24")))
	p.Take()
	return p
}

// StackMAC is the address of the stack's device.
func (p *Peer) StackMAC() net.HardwareAddr {
	for _, d := range p.S.Devices() {
		if d.Name == "eth0" {
			return net.HardwareAddr(d.MAC[:])
		}
	}
	return nil
}

// SendRaw puts bytes on the link and lets the stack act on them.
func (p *Peer) SendRaw(frame []byte) {
	b := p.pool.New(len(frame))
	b.Append(frame)
	_, err := p.mine.Write([]*skb.Buffer{b})
	require.NoError(p.T, err)
	b.Consume()
	p.Clock.Run(0)
}

// Send builds a frame and puts it on the link; lengths and checksums are
// filled in.
func (p *Peer) Send(parts ...gopacket.SerializableLayer) { p.SendRaw(p.Build(parts...)) }

// Build returns the bytes of a frame.
func (p *Peer) Build(parts ...gopacket.SerializableLayer) []byte {
	buf := gopacket.NewSerializeBuffer()
	require.NoError(p.T, gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, parts...))
	return append([]byte(nil), buf.Bytes()...)
}

// Ether is an Ethernet header from the peer to the stack.
func (p *Peer) Ether(typ layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: p.MAC, DstMAC: p.StackMAC(), EthernetType: typ}
}

// IPv4 is a header from the peer to the stack.
func (p *Peer) IPv4(proto layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Id: 1, Protocol: proto, SrcIP: PeerIP, DstIP: StackIP}
}

// Introduce has the stack learn the peer's address, as a request for its own
// does.
func (p *Peer) Introduce() {
	p.Send(p.Ether(layers.EthernetTypeARP), p.ARP(layers.ARPRequest))
	p.Take()
}

// ARP is a packet that asks for, or answers with respect to, the stack's
// address.
func (p *Peer) ARP(op uint16) *layers.ARP {
	a := &layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: op, SourceHwAddress: p.MAC, SourceProtAddress: PeerIP, DstHwAddress: make([]byte, 6), DstProtAddress: StackIP}
	if op == layers.ARPReply {
		a.DstHwAddress = p.StackMAC()
	}
	return a
}

// Take returns what the stack sent since the last call, each frame checked.
func (p *Peer) Take() []gopacket.Packet {
	p.Clock.Run(0)
	var out []gopacket.Packet
	batch := make([]*skb.Buffer, 64)
	for n := p.mine.Poll(p.pool, batch); n > 0; n = p.mine.Poll(p.pool, batch) {
		for _, b := range batch[:n] {
			frame := append([]byte(nil), b.Bytes()...)
			b.Consume()
			out = append(out, Check(p.T, frame))
		}
	}
	return out
}

// One returns the only frame that the stack sent since the last call.
func (p *Peer) One() gopacket.Packet {
	out := p.Take()
	require.Len(p.T, out, 1)
	return out[0]
}

// Silent demands that the stack sent nothing.
func (p *Peer) Silent(why ...any) { require.Empty(p.T, p.Take(), why...) }

// Check reads a frame with gopacket and verifies its lengths and checksums.
func Check(t testing.TB, frame []byte) gopacket.Packet {
	pkt := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	ip, _ := pkt.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if ip == nil {
		if e := pkt.ErrorLayer(); e != nil {
			t.Fatalf("gopacket cannot read a frame of the stack: %v\n% x", e.Error(), frame)
		}
		return pkt
	}
	require.Equal(t, len(frame), 14+int(ip.Length), "total length")
	head := ip.Contents
	require.Equal(t, uint16(0xffff), sum(0, head), "IP header checksum")
	if ip.FragOffset != 0 || ip.Flags&layers.IPv4MoreFragments != 0 {
		return pkt
	}
	if e := pkt.ErrorLayer(); e != nil && ip.Protocol.LayerType() != gopacket.LayerTypeZero {
		t.Fatalf("gopacket cannot read a frame of the stack: %v\n% x", e.Error(), frame)
	}
	checkTransport(t, ip)
	return pkt
}

func checkTransport(t testing.TB, ip *layers.IPv4) {
	pseudo := append(append(append([]byte(nil), ip.SrcIP.To4()...), ip.DstIP.To4()...), 0, byte(ip.Protocol), byte(len(ip.Payload)>>8), byte(len(ip.Payload)))
	switch ip.Protocol {
	case layers.IPProtocolICMPv4:
		require.Equal(t, uint16(0xffff), sum(0, ip.Payload), "ICMP checksum")
	case layers.IPProtocolTCP, layers.IPProtocolUDP:
		require.Equal(t, uint16(0xffff), sum(sum(0, pseudo), ip.Payload), "%v checksum", ip.Protocol)
	}
}

// sum is RFC 1071's, a word at a time.
func sum(initial uint16, p []byte) uint16 {
	s := uint32(initial)
	for ; len(p) > 1; p = p[2:] {
		s += uint32(binary.BigEndian.Uint16(p))
	}
	if len(p) == 1 {
		s += uint32(p[0]) << 8
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// Wait lets time pass.
func (p *Peer) Wait(d time.Duration) { p.Clock.Run(d) }
