package netdev

import (
	"math/rand"
	"net"
	"sync"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/slankdev/ministack/skb"
)

var broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

func TestTheKernelAnswersARPAndPing(t *testing.T) {
	onEachWire(t, func(t *testing.T, w *wire) {
		w.sendARP(layers.ARPRequest, broadcast)
		reply := w.next(has(layers.LayerTypeARP))
		require.Equal(t, []byte(w.kernelMAC), reply.Bytes()[6:12])
		reply.Consume()
		for _, size := range []int{0, 1, 56, 1472} {
			payload := randomBytes(rand.New(rand.NewSource(int64(size))), size)
			w.send(w.buildIP(layers.IPProtocolICMPv4, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 1, Seq: uint16(size)}, gopacket.Payload(payload)))
			b := w.next(has(layers.LayerTypeICMPv4))
			p := gopacket.NewPacket(b.Bytes(), layers.LayerTypeEthernet, gopacket.DecodeOptions{})
			icmp := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
			require.Equal(t, uint16(size), icmp.Seq)
			require.Equal(t, payload, append([]byte{}, icmp.Payload...))
			b.Consume()
		}
	})
}

// The kernel leaves UDP checksums to the device where it can; where the device
// is a veth, even a socket without PACKET_VNET_HDR gets them unfinished.
func TestUDPChecksumsAreRightInBothDirections(t *testing.T) {
	onEachWire(t, func(t *testing.T, w *wire) {
		fd := kernelSocket(t, unix.SOCK_DGRAM, 7777)
		require.NoError(t, unix.Sendto(fd, []byte("from the kernel"), 0, stackAddr(5555)))
		b := w.next(has(layers.LayerTypeUDP))
		if w.Features().Has(TxCsum) {
			require.Equal(t, skb.CsumPartial, b.Csum)
		}
		for _, raw := range w.whole(b) {
			require.Equal(t, "from the kernel", string(decode(t, raw, false).payload))
		}
		for _, text := range []string{"whole", "open"} {
			b := w.buildIP(layers.IPProtocolUDP, &layers.UDP{SrcPort: 5555, DstPort: 7777}, gopacket.Payload(text))
			if text == "open" {
				leaveOpen(b)
			}
			w.send(b)
			var buf [100]byte
			n, from, err := unix.Recvfrom(fd, buf[:], 0)
			require.NoError(t, err)
			require.Equal(t, text, string(buf[:n]))
			require.Equal(t, stackAddr(5555), from)
		}
	})
}

// Large frames that wait are not read all in one batch: what the first ones
// left in the cache would be gone before it is used.
func TestABatchOfLargeFramesEndsAtItsBudget(t *testing.T) {
	const frames, size = 10, 60000
	w := openTAP(t, TAPOptions{MTU: 65000})
	fd := kernelSocket(t, unix.SOCK_DGRAM, 7777)
	require.NoError(t, unix.Sendto(fd, []byte("who are you"), 0, stackAddr(5555)))
	w.next(has(layers.LayerTypeUDP)).Consume()
	for range frames {
		require.NoError(t, unix.Sendto(fd, make([]byte, size), 0, stackAddr(5555)))
	}
	var batch [rxBatch]*skb.Buffer
	for got := 0; got < frames; {
		n, err := w.Read(w.pool, batch[:])
		require.NoError(t, err)
		octets := 0
		for _, b := range batch[:n] {
			require.Less(t, octets, rxBudget)
			octets += b.Len()
			if b.Len() > size {
				got++
			}
			b.Consume()
		}
	}
}

// tcpPeer is one connection of the kernel's, with the test as its peer.
type tcpPeer struct {
	*wire
	fd       int
	port     layers.TCPPort // the kernel's
	snd, rcv uint32
}

// connect has the kernel open a connection and answers its handshake, with an
// MSS of 1460 (RFC 9293 3.5).
func connect(t testing.TB, w *wire) *tcpPeer {
	c := &tcpPeer{wire: w, fd: kernelSocket(t, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0), snd: 5000}
	require.Equal(t, unix.EINPROGRESS, unix.Connect(c.fd, stackAddr(80)))
	b := w.next(has(layers.LayerTypeTCP))
	syn := decode(t, w.whole(b)[0], false).tcp
	require.True(t, syn.SYN)
	c.port, c.rcv = syn.SrcPort, syn.Seq+1
	h := c.header()
	h.SYN, h.Options = true, []layers.TCPOption{{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{1460 >> 8, 1460 & 0xff}}}
	w.send(w.buildIP(layers.IPProtocolTCP, h))
	c.snd++
	w.whole(w.next(has(layers.LayerTypeTCP)))
	return c
}

func (c *tcpPeer) header() *layers.TCP {
	return &layers.TCP{SrcPort: 80, DstPort: c.port, Seq: c.snd, Ack: c.rcv, ACK: true, Window: 65535}
}

func TestTheKernelsSuperSegmentsArriveWhole(t *testing.T) {
	onEachWire(t, func(t *testing.T, w *wire) {
		c := connect(t, w)
		data := randomBytes(rand.New(rand.NewSource(1)), 40000)
		n, err := unix.Write(c.fd, data)
		require.NoError(t, err)
		require.Equal(t, len(data), n)
		largest := 0
		var stream []byte
		for len(stream) < len(data) {
			b := w.next(has(layers.LayerTypeTCP))
			largest = max(largest, b.Len())
			if b.GSO != skb.GSONone {
				require.Equal(t, skb.GSOTCPv4, b.GSO)
				require.Equal(t, uint16(1460), b.GSOSize)
				require.Equal(t, (b.Len()-54+1459)/1460, int(b.GSOSegs))
			}
			for _, raw := range w.whole(b) {
				d := decode(t, raw, false)
				require.Equal(t, c.rcv, d.tcp.Seq)
				stream, c.rcv = append(stream, d.payload...), c.rcv+uint32(len(d.payload))
			}
			w.send(w.buildIP(layers.IPProtocolTCP, c.header()))
		}
		require.Equal(t, data, stream)
		if w.Features().Has(GRO) {
			require.Greater(t, largest, 1514, "segmentation was left to us")
		}
		if _, isTAP := w.Driver.(*tap); isTAP && !w.Features().Has(TSO4) {
			require.Equal(t, 1514, largest, "a plain TAP carries frames of the MTU")
		}
	})
}

func TestTheKernelTakesOurSuperSegments(t *testing.T) {
	onEachWire(t, func(t *testing.T, w *wire) {
		c := connect(t, w)
		data := randomBytes(rand.New(rand.NewSource(2)), 20000)
		b := w.buildIP(layers.IPProtocolTCP, c.header(), gopacket.Payload(data))
		leaveOpen(b)
		b.GSO, b.GSOSize = skb.GSOTCPv4, 1460
		w.send(b)
		require.NoError(t, unix.SetNonblock(c.fd, false))
		var got []byte
		for len(got) < len(data) {
			buf := make([]byte, len(data))
			n, err := unix.Read(c.fd, buf)
			require.NoError(t, err)
			got = append(got, buf[:n]...)
		}
		require.Equal(t, data, got)
	})
}

// A kernel socket with UDP_SEGMENT sends datagrams in one piece; a veth passes
// it on as it is, and a TAP that was asked for it.
func TestUDPSuperSegmentsOfTheKernelAreRecognised(t *testing.T) {
	onEachWire(t, func(t *testing.T, w *wire) {
		if _, isTAP := w.Driver.(*tap); !isTAP && !w.Features().Has(TSO4) {
			t.Skip("a packet socket without PACKET_VNET_HDR is not told of segments")
		}
		fd := kernelSocket(t, unix.SOCK_DGRAM, 7777)
		require.NoError(t, unix.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_SEGMENT, 1000))
		data := randomBytes(rand.New(rand.NewSource(3)), 3500)
		require.NoError(t, unix.Sendto(fd, data, 0, stackAddr(5555)))
		var stream []byte
		for len(stream) < len(data) {
			b := w.next(has(layers.LayerTypeUDP))
			if b.GSO != skb.GSONone {
				require.Equal(t, []uint16{1000, 4}, []uint16{b.GSOSize, b.GSOSegs})
			}
			if w.Features().Has(USO) {
				require.Equal(t, skb.GSOUDPv4, b.GSO, "segmentation was left to us")
			}
			for _, raw := range w.whole(b) {
				d := decode(t, raw, false)
				require.LessOrEqual(t, len(d.payload), 1000)
				stream = append(stream, d.payload...)
			}
		}
		require.Equal(t, data, stream)
	})
}

// The kernel cuts what we send joined into datagrams.
func TestTheKernelTakesOurUDPSuperSegments(t *testing.T) {
	onEachWire(t, func(t *testing.T, w *wire) {
		if !w.Features().Has(USO) {
			t.Skip("the driver does not offer USO")
		}
		fd := kernelSocket(t, unix.SOCK_DGRAM, 7777)
		knock(t, w, fd)
		data := randomBytes(rand.New(rand.NewSource(4)), 3500)
		b := w.buildIP(layers.IPProtocolUDP, &layers.UDP{SrcPort: 5555, DstPort: 7777}, gopacket.Payload(data))
		leaveOpen(b)
		b.GSO, b.GSOSize = skb.GSOUDPv4, 1000
		w.send(b)
		for off := 0; off < len(data); off += 1000 {
			buf := make([]byte, len(data))
			n, err := unix.Read(fd, buf)
			require.NoError(t, err)
			require.Equal(t, data[off:min(off+1000, len(data))], buf[:n])
		}
	})
}

func TestFramesThatWaitAreReadInOneBatch(t *testing.T) {
	onEachWire(t, func(t *testing.T, w *wire) {
		fd := kernelSocket(t, unix.SOCK_DGRAM, 7777)
		require.NoError(t, unix.Sendto(fd, []byte("first"), 0, stackAddr(5555)))
		w.next(has(layers.LayerTypeUDP)).Consume() // ARP is done
		for range 100 {
			require.NoError(t, unix.Sendto(fd, []byte("more"), 0, stackAddr(5555)))
		}
		reads, frames := 0, 0
		for frames < 100 {
			var batch [rxBatch]*skb.Buffer
			n, err := w.Read(w.pool, batch[:])
			require.NoError(t, err)
			dropAll(batch[:n])
			reads, frames = reads+1, frames+n
		}
		require.Equal(t, 100, frames)
		require.LessOrEqual(t, reads, 6) // a packet socket asks for more and more: 4 8 16 32 64
	})
}

func TestABatchIsWrittenInOrder(t *testing.T) {
	onEachWire(t, func(t *testing.T, w *wire) {
		fd := kernelSocket(t, unix.SOCK_DGRAM, 7777)
		knock(t, w, fd)
		var batch []*skb.Buffer
		for i := range 100 {
			batch = append(batch, w.buildIP(layers.IPProtocolUDP, &layers.UDP{SrcPort: 5555, DstPort: 7777}, gopacket.Payload{byte(i)}))
		}
		writeAll(t, w.Driver, batch...)
		for i := range 100 {
			require.Equal(t, byte(i), next(t, fd))
		}
	})
}

// Each of several writers sends in its order, also while the others do.
func TestSeveralWritersSendAtOnce(t *testing.T) {
	onEachWire(t, func(t *testing.T, w *wire) {
		multi := w.Driver.(MultiWriter)
		writers := []Writer{w.Driver, multi.NewWriter(), multi.NewWriter()}
		var sent sync.WaitGroup
		var fds []int
		for k, writer := range writers {
			port := 7777 + k
			fd := kernelSocket(t, unix.SOCK_DGRAM, port)
			if k == 0 {
				knock(t, w, fd)
			}
			var batch []*skb.Buffer
			for i := range 150 {
				batch = append(batch, w.buildIP(layers.IPProtocolUDP, &layers.UDP{SrcPort: 5555, DstPort: layers.UDPPort(port)}, gopacket.Payload{byte(i)}))
			}
			sent.Go(func() { writeAll(t, writer, batch...) })
			fds = append(fds, fd)
		}
		sent.Wait()
		for _, fd := range fds {
			for i := range 150 {
				require.Equal(t, byte(i), next(t, fd))
			}
		}
	})
}

// knocked marks datagrams that only ask whether the link passes any yet: the
// kernel gives a new link's first frames to a queue that throws them away.
const knocked = 200

func knock(t *testing.T, w *wire, fd int) {
	wait := func(tv unix.Timeval) {
		require.NoError(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
	}
	wait(unix.Timeval{Usec: 100_000})
	defer wait(unix.Timeval{Sec: 5})
	for range 50 {
		writeAll(t, w.Driver, w.buildIP(layers.IPProtocolUDP, &layers.UDP{SrcPort: 5555, DstPort: 7777}, gopacket.Payload{knocked}))
		if _, _, err := unix.Recvfrom(fd, make([]byte, 10), 0); err == nil {
			return
		}
	}
	t.Fatal("the link passes nothing")
}

// next is the first byte of the next datagram that did not only knock.
func next(t *testing.T, fd int) byte {
	for {
		var buf [10]byte
		_, _, err := unix.Recvfrom(fd, buf[:], 0)
		require.NoError(t, err)
		if buf[0] != knocked {
			return buf[0]
		}
	}
}

func TestCloseEndsAReadThatWaitsForTheKernel(t *testing.T) {
	onEachWire(t, func(t *testing.T, w *wire) {
		done := make(chan error)
		go func() {
			var batch [rxBatch]*skb.Buffer
			for {
				n, err := w.Read(w.pool, batch[:])
				dropAll(batch[:n])
				if err != nil {
					done <- err
					return
				}
			}
		}()
		require.NoError(t, w.Close())
		require.ErrorIs(t, <-done, net.ErrClosed)
		_, err := w.Write([]*skb.Buffer{nil})
		require.ErrorIs(t, err, net.ErrClosed)
		require.NoError(t, w.Close(), "a second Close does nothing")
	})
}

func TestAnInterfaceThatIsRemovedEndsTheRead(t *testing.T) {
	for ifname, want := range map[string]unix.Errno{"tap0": unix.EBADFD, "s0": unix.ENODEV} {
		t.Run(ifname, func(t *testing.T) {
			open := wires["packet"]
			if ifname == "tap0" {
				open = wires["tap"]
			}
			w := open(t)
			delLink(t, ifname)
			var err error
			for err == nil {
				var batch [rxBatch]*skb.Buffer
				var n int
				n, err = w.Read(w.pool, batch[:])
				dropAll(batch[:n])
			}
			require.ErrorIs(t, err, want)
			require.Contains(t, err.Error(), ifname)
		})
	}
}

// Taking the interface down and up again must not end a packet driver.
func TestAnInterfaceThatWasDownGoesOn(t *testing.T) {
	w := openVeth(t, PacketOptions{MAC: stackMAC})
	setLinkDown(t, "s0")
	b := w.buildIP(layers.IPProtocolUDP, &layers.UDP{SrcPort: 1, DstPort: 2})
	_, err := w.Write([]*skb.Buffer{b})
	require.ErrorIs(t, err, unix.ENETDOWN)
	b.Consume()
	require.NoError(t, setLinkUp("s0"))
	fd := kernelSocket(t, unix.SOCK_DGRAM, 7777)
	require.NoError(t, unix.Sendto(fd, []byte("back"), 0, stackAddr(5555)))
	w.next(has(layers.LayerTypeUDP)).Consume()
}

// The kernel takes the tag out of the frame; the driver puts it back.
func TestVLANTagsArePutBack(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(map[bool]string{false: "vnet", true: "plain"}[plain], func(t *testing.T) {
			w := openVeth(t, PacketOptions{MAC: stackMAC, Plain: plain})
			far, err := OpenPacket("k0", PacketOptions{})
			require.NoError(t, err)
			defer far.Close()
			tagged := w.build(&layers.Ethernet{SrcMAC: w.kernelMAC, DstMAC: stackMAC, EthernetType: layers.EthernetTypeDot1Q},
				&layers.Dot1Q{VLANIdentifier: 42, Priority: 3, Type: 0x88b5}, gopacket.Payload("experimental EtherType, long enough not to be padded by anyone"))
			want := append([]byte(nil), tagged.Bytes()...)
			writeAll(t, far, tagged)
			b := w.next(has(layers.LayerTypeDot1Q))
			require.Equal(t, want, b.Bytes())
			b.Consume()
		})
	}
}

// What the host itself sends by the shared interface is not ours to receive.
func TestThePacketDriverDoesNotSeeWhatItsHostSends(t *testing.T) {
	for _, named := range []bool{false, true} {
		w := openVeth(t, PacketOptions{MAC: stackMAC})
		if p := w.Driver.(*packet); named { // as on kernels before 4.20
			require.NoError(t, unix.SetsockoptInt(p.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 0))
			p.rx.named = true
		}
		other, err := OpenPacket("s0", PacketOptions{})
		require.NoError(t, err)
		own := w.buildIP(layers.IPProtocolUDP, &layers.UDP{SrcPort: 1, DstPort: 2}, gopacket.Payload("the host's"))
		writeAll(t, other, own)
		require.NoError(t, other.Close())
		fd := kernelSocket(t, unix.SOCK_DGRAM, 7777)
		require.NoError(t, unix.Sendto(fd, []byte("the peer's"), 0, stackAddr(5555)))
		for _, raw := range w.whole(w.next(has(layers.LayerTypeUDP))) {
			require.Equal(t, "the peer's", string(decode(t, raw, false).payload))
		}
	}
}
