package parity

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// wire is the other end of a host's link: it answers ARP for the peer, and
// keeps what else the host sends for the test to look at.
type wire struct {
	t      *testing.T
	host   *host
	driver netdev.Driver
	mu     sync.Mutex // one Write at a time: ARP is answered beside the test
	pool   *skb.Pool
	frames chan gopacket.Packet
}

// quiet is how long a host that should send nothing is listened to.
const quiet = 100 * time.Millisecond

func newWire(t *testing.T, h *host, d netdev.Driver) *wire {
	w := &wire{t: t, host: h, driver: d, pool: skb.NewPool(nil), frames: make(chan gopacket.Packet, 4096)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.listen()
	}()
	t.Cleanup(func() {
		_ = d.Close() // ends the reader
		<-done
	})
	return w
}

func (w *wire) listen() {
	batch := make([]*skb.Buffer, 16)
	for {
		n, err := w.driver.Read(w.pool, batch)
		if err != nil {
			return
		}
		for _, b := range batch[:n] {
			if b.Csum == skb.CsumPartial { // of a veth pair
				netdev.FinishChecksum(b)
			}
			frame := append([]byte(nil), b.Bytes()...)
			b.Consume()
			w.heard(gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default))
		}
	}
}

func (w *wire) heard(p gopacket.Packet) {
	if a, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP); ok && a.Operation == layers.ARPRequest &&
		net.IP(a.DstProtAddress).Equal(peerAddr.AsSlice()) {
		reply := w.build(true, w.ether(layers.EthernetTypeARP), &layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4,
			HwAddressSize: 6, ProtAddressSize: 4, Operation: layers.ARPReply,
			SourceHwAddress: peerMAC, SourceProtAddress: peerAddr.AsSlice(),
			DstHwAddress: a.SourceHwAddress, DstProtAddress: a.SourceProtAddress})
		_ = w.put(reply) // the host may have gone, at the end of its test
	}
	select {
	case w.frames <- p:
	default: // nobody looks at so many
	}
}

// send builds a frame, lengths and checksums filled in, and puts it on the link.
func (w *wire) send(parts ...gopacket.SerializableLayer) {
	w.inject(w.build(true, parts...))
}

// build returns the bytes of a frame; without fix its checksums stay as they
// are given.
func (w *wire) build(fix bool, parts ...gopacket.SerializableLayer) []byte {
	buf := gopacket.NewSerializeBuffer()
	require.NoError(w.t, gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: fix}, parts...))
	return append([]byte(nil), buf.Bytes()...)
}

// inject puts bytes on the link, which must take them.
func (w *wire) inject(frame []byte) { require.NoError(w.t, w.put(frame)) }

func (w *wire) put(frame []byte) error {
	b := w.pool.New(len(frame))
	defer b.Consume()
	b.Append(frame)
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.driver.Write([]*skb.Buffer{b})
	return err
}

// ether is a header from the peer to the host.
func (w *wire) ether(typ layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: peerMAC, DstMAC: w.host.mac, EthernetType: typ}
}

// ipv4 is a header from the peer to the host.
func (w *wire) ipv4(proto layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Id: 1, Protocol: proto, SrcIP: peerAddr.AsSlice(), DstIP: hostAddr.AsSlice()}
}

// is chooses frames.
type is func(p gopacket.Packet) bool

// protocol chooses IPv4 packets, fragments too, by protocol.
func protocol(proto layers.IPProtocol) is {
	return func(p gopacket.Packet) bool {
		ip, ok := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		return ok && ip.Protocol == proto
	}
}

// icmp chooses ICMP messages.
func icmp(typ, code uint8) is {
	return func(p gopacket.Packet) bool {
		m, ok := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
		return ok && m.TypeCode == layers.CreateICMPv4TypeCode(typ, code)
	}
}

// expect returns the next frame that fits, with its checksums verified; what
// comes before it is passed over.
func (w *wire) expect(fits is) gopacket.Packet {
	w.t.Helper()
	return world.Check(w.t, w.see(fits).Data())
}

// see is expect for what need not be right.
func (w *wire) see(fits is) gopacket.Packet {
	w.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case p := <-w.frames:
			if fits(p) {
				return p
			}
		case <-timeout:
			w.t.Fatalf("%s did not send it within %v", w.host.name, patience)
		}
	}
}

// silent demands that no frame fits for a while.
func (w *wire) silent(fits is, why ...any) {
	w.t.Helper()
	timeout := time.After(quiet)
	for {
		select {
		case p := <-w.frames:
			if fits(p) {
				require.Fail(w.t, "a frame that should not be: "+p.String(), why...)
			}
		case <-timeout:
			return
		}
	}
}

// refuse answers a packet of the host with port unreachable.
func (w *wire) refuse(p gopacket.Packet) { w.unreachable(p, 3) }

// unreachable answers a packet of the host with a code of destination
// unreachable.
func (w *wire) unreachable(p gopacket.Packet, code uint8) {
	ip := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	quoted := append(append([]byte(nil), ip.Contents...), ip.Payload[:8]...)
	w.send(w.ether(layers.EthernetTypeIPv4), w.ipv4(layers.IPProtocolICMPv4),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, code)}, gopacket.Payload(quoted))
}
