package parity

import (
	"syscall"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/socket"
)

// tell sends the host a datagram of a protocol, from the peer.
func (h *host) tell(protocol layers.IPProtocol, what string) {
	h.send(h.ether(layers.EthernetTypeIPv4), h.ipv4(protocol), gopacket.Payload(what))
}

// ping sends the host an echo request with n bytes of data.
func (h *host) ping(n int) {
	h.send(h.ether(layers.EthernetTypeIPv4), h.ipv4(layers.IPProtocolICMPv4),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 7}, gopacket.Payload(make([]byte, n)))
}

// fragments sends an IPv4 payload in pieces of at most size bytes.
func (h *host) fragments(proto layers.IPProtocol, payload []byte, size int) {
	for off := 0; off < len(payload); off += size {
		ip := h.ipv4(proto)
		ip.Id, ip.FragOffset = 99, uint16(off/8)
		end := min(off+size, len(payload))
		if end < len(payload) {
			ip.Flags = layers.IPv4MoreFragments
		}
		h.send(h.ether(layers.EthernetTypeIPv4), ip, gopacket.Payload(payload[off:end]))
	}
}

// B6: a datagram begins at its IP header, and its sender has no port.
func TestRawRecvBeginsAtTheHeader(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(experiment)
		h.tell(experiment, "data")
		m := socket.Message{Data: make([]byte, 100)}
		n, err := s.RecvMsg(&m, 0)
		require.NoError(t, err)
		require.Equal(t, 24, n)
		require.Equal(t, toPeer, m.Addr)
		require.Equal(t, byte(0x45), m.Data[0])
		require.Equal(t, "data", string(m.Data[20:n]))
	})
}

// B7: each raw socket gets its own, and the protocol acts as well.
func TestRawSocketsAreServedBeforeTheProtocol(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		a, b := h.raw(socket.IPPROTO_ICMP), h.raw(socket.IPPROTO_ICMP)
		h.ping(56)
		h.expect(icmp(0, 0))
		require.Len(t, h.receive(a), 84)
		require.Len(t, h.receive(b), 84)

		c := h.raw(socket.IPPROTO_TCP)
		ip, tcp := h.ipv4(layers.IPProtocolTCP), &layers.TCP{SrcPort: 1000, DstPort: 81, SYN: true, Seq: 7}
		require.NoError(t, tcp.SetNetworkLayerForChecksum(ip))
		h.send(h.ether(layers.EthernetTypeIPv4), ip, tcp)
		r := h.expect(protocol(layers.IPProtocolTCP)).Layer(layers.LayerTypeTCP).(*layers.TCP)
		require.True(t, r.RST && r.ACK && r.Ack == 8)
		require.Len(t, h.receive(c), 40)
	})
}

// B8: protocol, peer, local address and device must match where they are set.
func TestRawSocketsMatchByFourFields(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		match := map[string]calls{}
		for _, name := range []string{"any", "peer", "local", "device"} {
			match[name] = h.raw(experiment)
		}
		require.NoError(t, match["peer"].Connect(toPeer))
		require.NoError(t, match["local"].Bind(netipPort(hostAddr, 0)))
		require.NoError(t, match["device"].Setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, h.index))
		miss := map[string]calls{}
		for _, name := range []string{"peer", "local", "device", "protocol"} {
			miss[name] = h.raw(experiment)
		}
		require.NoError(t, miss["peer"].Connect(netipPort(peerAddr.Next(), 0)))
		require.NoError(t, miss["local"].Bind(netipPort(loopback, 0)))
		require.NoError(t, miss["device"].Setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 1))
		miss["protocol"] = h.raw(unheard)
		h.tell(experiment, "x")
		for name, s := range match {
			require.Len(t, h.receive(s), 21, name)
		}
		for name, s := range miss {
			h.nothing(s, name)
		}
	})
}

// B9: a listener suppresses protocol unreachable.
func TestRawListenersAndProtocolUnreachable(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		h.tell(experiment, "x")
		require.EqualValues(t, 0xc0, ipOf(h.expect(icmp(3, 2))).TOS)
		s := h.raw(experiment)
		h.tell(experiment, "x")
		h.silent(icmp(3, 2))
		require.NoError(t, s.Close())
	})
}

// B9: not for who is connected to somebody else.
func TestAListenerThatDoesNotMatchSuppressesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(experiment)
		require.NoError(t, s.Connect(netipPort(peerAddr.Next(), 0)))
		h.tell(experiment, "x")
		h.expect(icmp(3, 2))
	})
}

// B10: what IP cannot trust raw sockets do not see; what ICMP cannot they do.
func TestBadChecksumsAndRawSockets(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(socket.IPPROTO_ICMP)
		frame := h.build(true, h.ether(layers.EthernetTypeIPv4), h.ipv4(layers.IPProtocolICMPv4),
			&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 1})
		bad := append([]byte(nil), frame...)
		bad[24] ^= 1 // the IP header's checksum
		h.inject(bad)
		bad = append([]byte(nil), frame...)
		bad[36] ^= 1 // the ICMP message's
		h.inject(bad)
		require.Equal(t, bad[14:42], h.receive(s), "the first was not seen, nor is the padding")
		h.silent(icmp(0, 0))
	})
}

// B11: a bit of ICMP_FILTER blocks a type; the stack answers all the same.
func TestICMPFilter(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s, all := h.raw(socket.IPPROTO_ICMP), h.raw(socket.IPPROTO_ICMP)
		require.NoError(t, s.Setsockopt(socket.SOL_RAW, socket.ICMP_FILTER, 1<<8|1<<31))
		got, err := s.Getsockopt(socket.SOL_RAW, socket.ICMP_FILTER)
		require.NoError(t, err)
		require.EqualValues(t, uint32(1<<8|1<<31), uint32(got))
		h.ping(0)
		h.expect(icmp(0, 0))
		require.Len(t, h.receive(all), 28)
		h.nothing(s, "echo requests are blocked")
		for _, typ := range []uint8{31, 40, 13} { // blocked, too large for a bit, not blocked
			h.send(h.ether(layers.EthernetTypeIPv4), h.ipv4(layers.IPProtocolICMPv4),
				&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(typ, 0)}, gopacket.Payload(make([]byte, 12)))
		}
		require.EqualValues(t, 40, h.receive(s)[20])
		require.EqualValues(t, 13, h.receive(s)[20])

		h.tell(layers.IPProtocolICMPv4, "short")
		h.nothing(s, "no message")
	})
}

// B11: who has no messages has no filter.
func TestICMPFilterIsForICMP(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(experiment)
		require.Equal(t, error(syscall.EOPNOTSUPP), s.Setsockopt(socket.SOL_RAW, socket.ICMP_FILTER, 1))
		_, err := s.Getsockopt(socket.SOL_RAW, socket.ICMP_FILTER)
		require.Equal(t, error(syscall.EOPNOTSUPP), err)
		require.Equal(t, error(syscall.ENOPROTOOPT), s.Setsockopt(socket.SOL_RAW, 2, 1))
		require.Equal(t, error(syscall.ENOPROTOOPT), h.raw(socket.IPPROTO_ICMP).Setsockopt(socket.SOL_RAW, 2, 1))
		u := h.socket(socket.AF_INET, socket.SOCK_DGRAM, 0)
		require.Equal(t, error(syscall.ENOPROTOOPT), u.Setsockopt(socket.SOL_RAW, socket.ICMP_FILTER, 1))
		require.Equal(t, error(syscall.ENOPROTOOPT), u.Setsockopt(socket.SOL_IP, socket.IP_HDRINCL, 1))
	})
}

// B5: a raw socket sees one datagram, however many fragments it came in.
func TestRawSocketsSeeWholeDatagrams(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(experiment)
		payload := make([]byte, 4000)
		payload[3999] = 9
		h.fragments(experiment, payload, 1480)
		got := h.receive(s)
		require.Equal(t, payload, got[20:])
		require.Equal(t, []byte{0x0f, 0xb4}, got[2:4], "total length")
		require.Equal(t, []byte{0, 0}, got[6:8], "it is no fragment")
		h.nothing(s)
	})
}

// B13: frames for other stations are not seen, broadcast ones with a unicast
// packet are.
func TestRawSocketsAndOtherStationsFrames(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(experiment)
		eth := h.ether(layers.EthernetTypeIPv4)
		eth.DstMAC = []byte{2, 0, 0, 0, 0, 77}
		h.send(eth, h.ipv4(experiment), gopacket.Payload("other"))
		eth.DstMAC = layers.EthernetBroadcast
		h.send(eth, h.ipv4(experiment), gopacket.Payload("everybody"))
		require.Equal(t, "everybody", string(h.receive(s)[20:]))
		h.nothing(s)
	})
}

// B14: a full buffer drops without a word.
func TestAFullRawBufferIsNoError(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(experiment)
		require.NoError(t, s.Setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0))
		for range 50 {
			h.tell(experiment, "x")
		}
		h.settle()
		got := 0
		for ; ; got++ {
			if _, err := s.Recv(make([]byte, 100), socket.MSG_DONTWAIT); err != nil {
				require.Equal(t, error(syscall.EAGAIN), err)
				break
			}
		}
		require.Greater(t, got, 0)
		require.Less(t, got, 50)
		e, err := s.Getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
		require.NoError(t, err)
		require.Zero(t, e)
	})
}

// B14, B9: who has no room counts as nobody.
func TestAFullRawBufferDoesNotSuppressProtocolUnreachable(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(experiment)
		require.NoError(t, s.Setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0))
		for range 10 {
			h.tell(experiment, "x")
		}
		h.expect(icmp(3, 2))
	})
}
