package parity

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/packet"
	"github.com/slankdev/ministack/socket"
)

const (
	raw, dgram = socket.SOCK_RAW, socket.SOCK_DGRAM
	testProto  = 0x88b5 // an EtherType that nobody handles (IEEE 802, for experiments)
)

// packet makes a packet socket that is bound to the host's device.
func (h *host) packet(typ int, protocol uint16) calls {
	h.t.Helper()
	s := h.socket(socket.AF_PACKET, typ, 0)
	require.NoError(h.t, s.BindLink(h.link(protocol)))
	return s
}

// link is the host's device as the address of a packet socket.
func (h *host) link(protocol uint16) socket.LinkAddr {
	return socket.LinkAddr{Protocol: protocol, IfIndex: h.index}
}

// to is where SOCK_DGRAM sends.
func (h *host) to(protocol uint16, mac []byte) socket.LinkAddr {
	a := h.link(protocol)
	a.HaLen = uint8(copy(a.Addr[:], mac))
	return a
}

// frame is one of the test's own from the peer.
func (h *host) frame(dst []byte, n int) []byte {
	return h.build(true, &layers.Ethernet{SrcMAC: peerMAC, DstMAC: dst, EthernetType: testProto}, gopacket.Payload(make([]byte, n)))
}

// receive returns the next frame that a packet socket gets.
func receive(t *testing.T, s calls) ([]byte, socket.Message) {
	t.Helper()
	m := socket.Message{Data: make([]byte, 2000)}
	n, err := s.RecvMsg(&m, 0)
	require.NoError(t, err)
	return m.Data[:n], m
}

// nothing demands that the socket has nothing to read; what is on its way has
// arrived at another socket already.
func nothing(t *testing.T, s calls) {
	t.Helper()
	_, err := s.Recv(make([]byte, 1), socket.MSG_DONTWAIT)
	require.Equal(t, error(syscall.EAGAIN), err)
}

func ofType(typ layers.EthernetType) is {
	return func(p gopacket.Packet) bool {
		return p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet).EthernetType == typ
	}
}

func ofLength(n int) is {
	return func(p gopacket.Packet) bool { return len(p.Data()) == n }
}

// B16: SOCK_RAW has the link header, SOCK_DGRAM does not; both are told of the
// sender.
func TestPacketSocketsGetWholeFrames(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		for typ, want := range map[int]int{raw: 1514, dgram: 1500} {
			s := h.packet(typ, testProto)
			sent := h.frame(h.mac, 1500)
			h.inject(sent)
			got, m := receive(t, s)
			require.Equal(t, sent[1514-want:], got)
			require.Equal(t, socket.LinkAddr{Protocol: testProto, IfIndex: h.index, HaType: 1, PktType: socket.PACKET_HOST,
				HaLen: 6, Addr: [8]byte{2, 0, 0, 0, 0, 2}}, m.Link)
		}
	})
}

// B13, B16: whom a frame was for.
func TestPacketTypes(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.packet(raw, testProto)
		for typ, dst := range map[uint8][]byte{
			socket.PACKET_HOST:      h.mac,
			socket.PACKET_BROADCAST: {255, 255, 255, 255, 255, 255},
			socket.PACKET_MULTICAST: {1, 0, 0x5e, 1, 2, 3},
			socket.PACKET_OTHERHOST: {2, 9, 9, 9, 9, 9},
		} {
			h.inject(h.frame(dst, 46))
			_, m := receive(t, s)
			require.Equal(t, typ, m.Link.PktType, "% x", dst)
		}
	})
}

// IEEE 802.3 frames have a length for a type, and are told apart by what
// follows.
func TestFramesWithALengthHaveProtocolsOfTheirOwn(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		all, llc := h.packet(raw, socket.ETH_P_ALL), h.packet(raw, 0x0004)
		for want, payload := range map[uint16][]byte{0x0004: {0x42, 0x42, 3}, 0x0001: {0xff, 0xff, 3}} {
			frame := append(h.frame(h.mac, 0)[:14], append(payload, make([]byte, 43)...)...)
			frame[12], frame[13] = 0, 38
			h.inject(frame)
			_, m := receive(t, all)
			require.Equal(t, want, m.Link.Protocol)
		}
		receive(t, llc)
		nothing(t, llc)
	})
}

// B17: SOCK_DGRAM asks nobody for the destination, and learns nothing.
func TestSendingByLinkAddressDoesNoARP(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.socket(socket.AF_PACKET, dgram, 0)
		stranger := []byte{2, 7, 7, 7, 7, 7}
		ip := h.build(true, &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: 253, SrcIP: hostAddr.AsSlice(), DstIP: peerAddr.AsSlice()})
		n, err := s.SendMsg(&socket.Message{Data: ip, Link: h.to(socket.ETH_P_IP, stranger)}, 0)
		require.NoError(t, err)
		require.Equal(t, len(ip), n)
		e := h.expect(protocol(253)).Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
		require.Equal(t, stranger, []byte(e.DstMAC))
		require.Equal(t, h.mac, e.SrcMAC)
		require.Empty(t, h.neighbours())
		h.silent(ofType(layers.EthernetTypeARP))
	})
}

// B18: fragments come one by one: 3000 bytes of payload are 1500, 1500 and 60
// with headers.
func TestPacketSocketsSeeFragments(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.packet(dgram, socket.ETH_P_IP)
		for off := 0; off < 3000; off += 1480 {
			ip := h.ipv4(253)
			ip.FragOffset = uint16(off / 8)
			if off+1480 < 3000 {
				ip.Flags = layers.IPv4MoreFragments
			}
			h.send(h.ether(layers.EthernetTypeIPv4), ip, gopacket.Payload(make([]byte, min(1480, 3000-off))))
		}
		for _, want := range []int{1500, 1500, 60} {
			got, _ := receive(t, s)
			require.Len(t, got, want)
		}
	})
}

// B19: without a protocol nothing comes.
func TestAPacketSocketWithoutProtocolReceivesNothingUntilBound(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		all, s := h.packet(raw, testProto), h.socket(socket.AF_PACKET, raw, 0)
		h.inject(h.frame(h.mac, 46))
		receive(t, all)
		nothing(t, s)
		require.NoError(t, s.BindLink(h.link(0)), "a device alone is no protocol")
		h.inject(h.frame(h.mac, 46))
		receive(t, all)
		nothing(t, s)
		require.NoError(t, s.BindLink(h.link(testProto)))
		h.inject(h.frame(h.mac, 46))
		receive(t, s)
	})
}

// B20: what leaves is seen by sockets of all protocols only, as PACKET_OUTGOING,
// and not by those that do not want to.
func TestOnlySocketsOfAllProtocolsSeeOutgoingFrames(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		all, ip, deaf := h.packet(raw, socket.ETH_P_ALL), h.packet(raw, socket.ETH_P_IP), h.packet(raw, socket.ETH_P_ALL)
		require.NoError(t, deaf.Setsockopt(socket.SOL_PACKET, socket.PACKET_IGNORE_OUTGOING, 1))
		u := h.socket(socket.AF_INET, socket.SOCK_DGRAM, 0)
		_, err := u.SendTo([]byte("x"), 0, netip.AddrPortFrom(peerAddr, 9))
		require.NoError(t, err)
		h.expect(protocol(layers.IPProtocolUDP))
		types := map[uint16]uint8{}
		for range 3 { // ARP's two, and then the datagram
			_, m := receive(t, all)
			types[m.Link.Protocol] = m.Link.PktType
			if m.Link.Protocol == socket.ETH_P_IP {
				require.Equal(t, []byte(h.mac), m.Link.Addr[:6], "the sender is the host")
			}
		}
		require.Equal(t, socket.PACKET_OUTGOING, types[socket.ETH_P_IP])
		nothing(t, ip)
		_, m := receive(t, deaf)
		require.EqualValues(t, socket.ETH_P_ARP, m.Link.Protocol)
		require.Equal(t, socket.PACKET_HOST, m.Link.PktType)
		nothing(t, deaf)
	})
}

// B20: a socket does not see what it sent itself; others do.
func TestASocketDoesNotSeeWhatItSent(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		a, b := h.packet(raw, socket.ETH_P_ALL), h.packet(raw, socket.ETH_P_ALL)
		frame := h.frame(peerMAC, 46)
		_, err := a.Send(frame, 0)
		require.NoError(t, err)
		got, m := receive(t, b)
		require.Equal(t, frame, got)
		require.Equal(t, socket.PACKET_OUTGOING, m.Link.PktType)
		nothing(t, a)
	})
}

// B21: the lengths that a frame may have.
func TestTheLengthsOfFrames(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		frame := append(h.frame(peerMAC, 1500), make([]byte, 10)...)
		tagged := append([]byte(nil), frame...)
		tagged[12], tagged[13] = 0x81, 0
		s, d := h.packet(raw, testProto), h.packet(dgram, testProto)
		for _, c := range []struct {
			s    calls
			data []byte
			want error
		}{
			{s, nil, syscall.EINVAL},
			{s, frame[:10], syscall.EINVAL},
			{s, frame[:13], syscall.EINVAL},
			{s, frame[:14], nil},
			{s, frame[:1514], nil},
			{s, frame[:1515], syscall.EMSGSIZE},
			{s, tagged[:1518], nil},
			{s, tagged[:1519], syscall.EMSGSIZE},
			{d, nil, nil},
			{d, frame[:1500], nil},
			{d, frame[:1501], syscall.EMSGSIZE},
		} {
			n, err := c.s.SendMsg(&socket.Message{Data: c.data, Link: h.to(testProto, peerMAC)}, 0)
			require.Equal(t, c.want, err, "%d bytes", len(c.data))
			if err == nil {
				require.Equal(t, len(c.data), n)
				h.see(ofLength(len(c.data) + map[calls]int{d: 14}[c.s]))
			}
		}
	})
}

// B21: devices that cannot send.
func TestDevicesThatCannotSend(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		frame := h.frame(peerMAC, 46)
		unbound, bound, d := h.socket(socket.AF_PACKET, raw, 0), h.packet(raw, testProto), h.packet(dgram, testProto)
		_, err := unbound.Send(frame, 0)
		require.Equal(t, error(syscall.ENXIO), err, "no device")
		_, err = unbound.SendMsg(&socket.Message{Data: frame, Link: socket.LinkAddr{Protocol: testProto, IfIndex: 999}}, 0)
		require.Equal(t, error(syscall.ENXIO), err, "no such device")
		_, err = d.Send(frame, 0)
		require.Equal(t, error(syscall.EINVAL), err, "no destination")
		require.Equal(t, error(syscall.ENODEV), unbound.BindLink(socket.LinkAddr{Protocol: testProto, IfIndex: 999}))
		h.setUp(false)
		_, err = bound.Send(frame, 0)
		require.Equal(t, error(syscall.ENETDOWN), err, "down")
	})
}

// A device that goes down is reported once, and the socket goes on when it is
// up again.
func TestADeviceThatGoesDownIsReportedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s, everywhere := h.packet(raw, testProto), h.socket(socket.AF_PACKET, raw, testProto)
		h.setUp(false)
		require.NotZero(t, s.Poll()&socket.POLLERR)
		_, err := s.Recv(make([]byte, 1), 0)
		require.Equal(t, error(syscall.ENETDOWN), err)
		nothing(t, s)
		nothing(t, everywhere)
		late := h.socket(socket.AF_PACKET, raw, 0)
		require.NoError(t, late.BindLink(h.link(testProto)))
		value, err := late.Getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
		require.NoError(t, err)
		require.Equal(t, int(syscall.ENETDOWN), value)
		h.setUp(true)
		h.inject(h.frame(h.mac, 46))
		for _, k := range []calls{s, everywhere, late} {
			receive(t, k)
		}
	})
}

// B22: promiscuous mode is counted, and ends with the socket.
func TestPromiscuousModeEndsWithTheSocket(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		before := h.promiscuity()
		promisc := socket.PacketMreq{IfIndex: h.index, Type: socket.PACKET_MR_PROMISC}
		a, b := h.socket(socket.AF_PACKET, raw, 0), h.socket(socket.AF_PACKET, dgram, 0)
		for _, s := range []calls{a, a, b} {
			require.NoError(t, s.PacketMembership(socket.PACKET_ADD_MEMBERSHIP, promisc))
		}
		require.Equal(t, before+2, h.promiscuity())
		require.NoError(t, a.PacketMembership(socket.PACKET_DROP_MEMBERSHIP, promisc))
		require.Equal(t, before+2, h.promiscuity(), "it was asked for twice")
		require.NoError(t, a.PacketMembership(socket.PACKET_DROP_MEMBERSHIP, promisc))
		require.Equal(t, before+1, h.promiscuity())
		require.NoError(t, a.PacketMembership(socket.PACKET_DROP_MEMBERSHIP, promisc), "what is not there is no error")
		require.NoError(t, b.Close())
		require.Equal(t, before, h.promiscuity())
	})
}

// B22: what the other memberships want.
func TestPacketMembershipsThatCannotBe(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.socket(socket.AF_PACKET, raw, 0)
		group := [8]byte{1, 0, 0x5e, 1, 2, 3}
		for _, c := range []struct {
			r    socket.PacketMreq
			want error
		}{
			{socket.PacketMreq{IfIndex: 999, Type: socket.PACKET_MR_PROMISC}, syscall.ENODEV},
			{socket.PacketMreq{IfIndex: h.index, Type: socket.PACKET_MR_MULTICAST, ALen: 6, Addr: group}, nil},
			{socket.PacketMreq{IfIndex: h.index, Type: socket.PACKET_MR_MULTICAST, ALen: 5, Addr: group}, syscall.EINVAL},
			{socket.PacketMreq{IfIndex: h.index, Type: socket.PACKET_MR_MULTICAST, ALen: 7, Addr: group}, syscall.EINVAL},
			{socket.PacketMreq{IfIndex: h.index, Type: socket.PACKET_MR_ALLMULTI}, nil},
			{socket.PacketMreq{IfIndex: h.index, Type: socket.PACKET_MR_UNICAST, ALen: 6, Addr: [8]byte{2, 3, 4, 5, 6, 7}}, nil},
		} {
			require.Equal(t, c.want, s.PacketMembership(socket.PACKET_ADD_MEMBERSHIP, c.r), "%+v", c.r)
		}
		u := h.socket(socket.AF_INET, socket.SOCK_DGRAM, 0)
		require.Equal(t, error(syscall.ENOPROTOOPT),
			u.PacketMembership(socket.PACKET_ADD_MEMBERSHIP, socket.PacketMreq{IfIndex: h.index, Type: socket.PACKET_MR_PROMISC}))
	})
}

// B23: what does not fit is lost, and MSG_TRUNC tells how long it was.
func TestTruncation(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.packet(raw, testProto)
		buf := make([]byte, 100)
		for range 3 {
			h.inject(h.frame(h.mac, 500))
		}
		n, err := s.Recv(buf, socket.MSG_PEEK|socket.MSG_TRUNC)
		require.NoError(t, err)
		require.Equal(t, 514, n)
		m := socket.Message{Data: buf}
		n, err = s.RecvMsg(&m, socket.MSG_TRUNC)
		require.NoError(t, err)
		require.Equal(t, 514, n)
		require.Equal(t, socket.MSG_TRUNC, m.Flags)
		n, err = s.RecvMsg(&m, 0)
		require.NoError(t, err)
		require.Equal(t, 100, n)
		require.Equal(t, socket.MSG_TRUNC, m.Flags)
		receive(t, s)
		nothing(t, s)
		_, err = s.Recv(buf, socket.MSG_OOB)
		require.Equal(t, error(syscall.EINVAL), err)
	})
}

// B23: calls that make no sense.
func TestCallsThatPacketSocketsRefuse(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.packet(raw, testProto)
		require.Equal(t, error(syscall.EOPNOTSUPP), s.Connect(netip.AddrPortFrom(peerAddr, 9)))
		require.Equal(t, error(syscall.EOPNOTSUPP), s.Disconnect())
		require.Equal(t, error(syscall.EOPNOTSUPP), s.Listen(1))
		require.Equal(t, error(syscall.EOPNOTSUPP), s.Shutdown(socket.SHUT_RDWR))
		_, _, err := s.accept()
		require.Equal(t, error(syscall.EOPNOTSUPP), err)
		_, err = s.Getpeername()
		require.Equal(t, error(syscall.EOPNOTSUPP), err)
		require.Equal(t, error(syscall.EINVAL), s.Bind(netip.AddrPortFrom(hostAddr, 9)))
		_, err = s.SendTo(h.frame(peerMAC, 46), 0, netip.AddrPortFrom(peerAddr, 9))
		require.Equal(t, error(syscall.EINVAL), err)
		_, err = s.PacketStatistics()
		require.NoError(t, err)
		require.Equal(t, error(syscall.ENOPROTOOPT), s.Setsockopt(socket.SOL_IP, socket.IP_TTL, 1))
		require.Equal(t, error(syscall.ENOPROTOOPT), s.Setsockopt(socket.SOL_PACKET, 99, 1))
		require.Equal(t, error(syscall.EINVAL), s.Setsockopt(socket.SOL_PACKET, socket.PACKET_IGNORE_OUTGOING, 2))
		_, err = h.open(socket.AF_PACKET, socket.SOCK_STREAM, 0)
		require.Equal(t, error(syscall.ESOCKTNOSUPPORT), err)
	})
}

// packet(7): the name is what the socket is bound to, with the device's own
// address.
func TestTheNameOfAPacketSocket(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.socket(socket.AF_PACKET, raw, testProto)
		name, err := s.GetsocknameLink()
		require.NoError(t, err)
		require.Equal(t, socket.LinkAddr{Protocol: testProto}, name)
		require.NoError(t, s.BindLink(h.link(0)))
		name, err = s.GetsocknameLink()
		require.NoError(t, err)
		want := h.to(testProto, h.mac)
		want.HaType = 1
		require.Equal(t, want, name)
		for name, want := range map[int]int{socket.SO_DOMAIN: socket.AF_PACKET, socket.SO_TYPE: raw, socket.SO_PROTOCOL: 0} {
			got, err := s.Getsockopt(socket.SOL_SOCKET, name)
			require.NoError(t, err)
			require.Equal(t, want, got, "option %d", name)
		}
	})
}

// B14, B23: what a full buffer loses is counted; the counts begin anew when
// they are read.
func TestPacketStatistics(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s, all := h.packet(raw, testProto), h.packet(raw, testProto)
		require.NoError(t, s.Setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1))
		const sent = 20
		for range sent {
			h.inject(h.frame(h.mac, 1000))
			receive(t, all)
		}
		waiting, err := s.Ioctl(socket.SIOCINQ)
		require.NoError(t, err)
		require.Equal(t, 1014, waiting)
		got := uint32(0)
		for s.Poll()&socket.POLLIN != 0 {
			receive(t, s)
			got++
		}
		st, err := s.PacketStatistics()
		require.NoError(t, err)
		require.NotZero(t, got)
		require.Equal(t, packet.Statistics{Packets: sent, Drops: sent - got}, st)
		st, err = s.PacketStatistics()
		require.NoError(t, err)
		require.Zero(t, st)
	})
}

// B10: frames are shown before anybody judges them.
func TestPacketSocketsSeeFramesOfBadChecksum(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.packet(raw, socket.ETH_P_IP)
		frame := h.build(true, h.ether(layers.EthernetTypeIPv4), h.ipv4(253), gopacket.Payload("bad"))
		frame[14+10] ^= 0xff
		h.inject(frame)
		got, _ := receive(t, s)
		require.Equal(t, frame, got[:len(frame)])
	})
}

// PACKET_AUXDATA: lengths and where the network header is.
func TestAuxData(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		for typ, link := range map[int]int{raw: 14, dgram: 0} {
			s := h.packet(typ, testProto)
			require.NoError(t, s.Setsockopt(socket.SOL_PACKET, socket.PACKET_AUXDATA, 1))
			h.inject(h.frame(h.mac, 500))
			_, m := receive(t, s)
			require.NotZero(t, m.Aux.Status&packet.StatusUser)
			m.Aux.Status = 0
			require.Equal(t, inet.AuxData{Len: 500 + link, SnapLen: 500 + link, Net: link}, m.Aux)
		}
	})
}

// SO_RCVTIMEO, MSG_DONTWAIT and O_NONBLOCK: a call that finds nothing.
func TestAPacketSocketThatFindsNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.packet(raw, testProto)
		require.Equal(t, socket.POLLOUT, s.Poll())
		nothing(t, s)
		require.NoError(t, s.Setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, int(10*time.Millisecond/time.Microsecond)))
		_, err := s.Recv(make([]byte, 1), 0)
		require.Equal(t, error(syscall.EAGAIN), err)
		s.SetNonblock(true)
		_, err = s.Recv(make([]byte, 1), 0)
		require.Equal(t, error(syscall.EAGAIN), err)
	})
}
