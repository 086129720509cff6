package parity

import (
	"bytes"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/socket"
)

// Datagram sockets: corking, many messages a call, segments, checksums, and
// who receives what.

var udpPacket = protocol(layers.IPProtocolUDP)

// UDP_CORK and MSG_MORE: several calls make one datagram, which goes where the
// first said.
func TestCorkedDatagrams(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s, to := h.dgram(), netip.AddrPortFrom(peerAddr, 9)
		send := func(text string, flags int, to netip.AddrPort) error {
			n, err := s.SendTo([]byte(text), flags, to)
			if err == nil {
				require.Equal(t, len(text), n)
			}
			return err
		}
		sent := func() string {
			u := udpOf(h.expect(udpPacket))
			return fmt.Sprint(uint16(u.DstPort), " ", string(u.Payload))
		}
		require.NoError(t, send("a", socket.MSG_MORE, to))
		require.NoError(t, send("b", socket.MSG_MORE, netip.AddrPortFrom(peerAddr, 10)))
		h.silent(udpPacket)
		require.NoError(t, send("c", 0, netip.AddrPort{}))
		require.Equal(t, "9 abc", sent())
		h.set(s, socket.SOL_UDP, socket.UDP_CORK, 1)
		require.NoError(t, send("d", 0, to))
		require.NoError(t, send("", 0, to))
		require.NoError(t, send("e", 0, to))
		h.silent(udpPacket)
		h.set(s, socket.SOL_UDP, socket.UDP_CORK, 0)
		require.Equal(t, "9 de", sent())
		require.NoError(t, send("f", 0, to))
		require.Equal(t, "9 f", sent())
		h.set(s, socket.SOL_UDP, socket.UDP_CORK, 1)
		require.NoError(t, send(string(make([]byte, 65000)), 0, to))
		require.Equal(t, error(syscall.EMSGSIZE), send(string(make([]byte, 508)), 0, to), "and all of it is lost")
		h.set(s, socket.SOL_UDP, socket.UDP_CORK, 0)
		h.silent(udpPacket)
		require.NoError(t, send("", socket.MSG_MORE, to))
		h.set(s, socket.SOL_UDP, socket.UDP_CORK, 0)
		require.NoError(t, send("g", 0, to))
		require.Equal(t, "9 ", sent(), "an empty datagram was begun")
		require.Equal(t, "9 g", sent())
		require.NoError(t, send("lost", socket.MSG_MORE, to))
		require.NoError(t, s.Close())
		h.silent(udpPacket)
	})
}

// SO_NO_CHECK sends without a checksum; who receives takes that as it is.
func TestDatagramsWithoutChecksums(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.bound(9)
		h.set(s, socket.SOL_SOCKET, socket.SO_NO_CHECK, 1)
		_, err := s.SendTo([]byte("x"), 0, netip.AddrPortFrom(peerAddr, 9))
		require.NoError(t, err)
		for p := range h.frames { // gopacket would miss the checksum
			if udpPacket(p) {
				require.Zero(t, udpOf(p).Checksum)
				break
			}
		}
		udp := &layers.UDP{SrcPort: 9, DstPort: 9, Length: 8}
		h.inject(h.build(false, h.ether(layers.EthernetTypeIPv4), checked(h.ipv4(layers.IPProtocolUDP), 8), udp))
		_, err = s.Recv(make([]byte, 1), 0)
		require.NoError(t, err)
	})
}

// checked fills in what is left to serialization otherwise.
func checked(ip *layers.IPv4, payload int) *layers.IPv4 {
	ip.Length = uint16(20 + payload)
	ip.Checksum = 0
	words := []uint16{0x4500, ip.Length, ip.Id, 0, uint16(ip.TTL)<<8 | uint16(ip.Protocol)}
	for _, a := range [][]byte{ip.SrcIP.To4(), ip.DstIP.To4()} {
		words = append(words, uint16(a[0])<<8|uint16(a[1]), uint16(a[2])<<8|uint16(a[3]))
	}
	sum := uint32(0)
	for _, w := range words {
		sum += uint32(w)
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	ip.Checksum = ^uint16(sum)
	return ip
}

// UDP_SEGMENT: one send, many datagrams.
func TestSegmentsOfADatagram(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s, to := h.dgram(), netip.AddrPortFrom(peerAddr, 9)
		h.set(s, socket.SOL_UDP, socket.UDP_SEGMENT, 1000)
		lengths := func(n int) (list []int) {
			for range n {
				list = append(list, len(udpOf(h.expect(udpPacket)).Payload))
			}
			h.silent(udpPacket)
			return list
		}
		n, err := s.SendTo(make([]byte, 2500), 0, to)
		require.NoError(t, err)
		require.Equal(t, 2500, n)
		require.Equal(t, []int{1000, 1000, 500}, lengths(3))
		_, err = s.SendMsg(&socket.Message{Data: make([]byte, 10), Addr: to, Control: inet.Control{SegmentSize: 4}}, 0)
		require.NoError(t, err)
		require.Equal(t, []int{4, 4, 2}, lengths(3))
		_, err = s.SendTo(make([]byte, 900), 0, to)
		require.NoError(t, err)
		require.Equal(t, []int{900}, lengths(1))
		send := func(n, size int) error {
			_, err := s.SendMsg(&socket.Message{Data: make([]byte, n), Addr: to, Control: inet.Control{SegmentSize: size}}, 0)
			return err
		}
		require.Equal(t, error(syscall.EINVAL), send(129, 1), "too many")
		require.Equal(t, error(syscall.EMSGSIZE), send(4000, 1473), "a segment is no fragment")
		h.set(s, socket.SOL_SOCKET, socket.SO_NO_CHECK, 1)
		require.Equal(t, error(syscall.EINVAL), send(10, 4))
	})
}

// sendmmsg(2) and recvmmsg(2): how many, how much of each, and which error.
func TestManyMessagesACall(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s, r := h.dgram(), h.dgram()
		require.NoError(t, r.Bind(netip.MustParseAddrPort("127.0.0.1:0")))
		to, err := r.Getsockname()
		require.NoError(t, err)
		message := func(text string, to netip.AddrPort) socket.Message {
			return socket.Message{Data: []byte(text), Addr: to}
		}
		out := []socket.Message{message("one", to), message("", to), message("three", to)}
		n, err := s.SendMMsg(out, 0)
		require.NoError(t, err)
		require.Equal(t, 3, n)
		require.Equal(t, 5, out[2].N)
		in := func() []socket.Message {
			list := make([]socket.Message, 5)
			for i := range list {
				list[i].Data = make([]byte, 4)
			}
			return list
		}
		h.arrive()
		ms := in()
		n, err = r.RecvMMsg(ms, socket.MSG_WAITFORONE, 0)
		require.NoError(t, err)
		require.Equal(t, 3, n)
		require.Equal(t, []int{3, 0, 4}, []int{ms[0].N, ms[1].N, ms[2].N})
		require.Equal(t, []int{0, 0, socket.MSG_TRUNC}, []int{ms[0].Flags, ms[1].Flags, ms[2].Flags})
		from, err := s.Getsockname()
		require.NoError(t, err)
		require.Equal(t, from.Port(), ms[0].Addr.Port())

		_, err = r.RecvMMsg(in(), socket.MSG_DONTWAIT, 0)
		require.Equal(t, error(syscall.EAGAIN), err)
		n, err = s.SendMMsg([]socket.Message{message("x", to), message("x", netip.AddrPortFrom(broadcast, 9)), message("x", to)}, 0)
		require.NoError(t, err)
		require.Equal(t, 1, n, "the others are not tried")
		_, err = s.SendMMsg([]socket.Message{message("x", netip.AddrPortFrom(broadcast, 9)), message("x", to)}, 0)
		require.Equal(t, error(syscall.EACCES), err)
		h.set(r, socket.SOL_SOCKET, socket.SO_RCVTIMEO, 50_000)
		n, err = r.RecvMMsg(in(), 0, 0)
		require.NoError(t, err)
		require.Equal(t, 1, n, "what there is when the time is over")
		for range 3 {
			_, err = s.SendMMsg([]socket.Message{message("x", to)}, 0)
			require.NoError(t, err)
		}
		h.arrive()
		n, err = r.RecvMMsg(in()[:2], 0, 0)
		require.NoError(t, err)
		require.Equal(t, 2, n)
	})
}

// B47: an error of ICMP ends a recvmmsg, and is left to the next call if
// something was received.
func TestAnErrorAmongManyMessages(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.dgram()
		require.NoError(t, s.Connect(netip.AddrPortFrom(peerAddr, 9)))
		_, err := s.Send([]byte("x"), 0)
		require.NoError(t, err)
		h.refuse(h.expect(udpPacket))
		require.Eventually(t, func() bool { return s.Poll()&socket.POLLERR != 0 }, patience, time.Millisecond)
		ms := []socket.Message{{Data: make([]byte, 1)}}
		_, err = s.RecvMMsg(ms, socket.MSG_DONTWAIT, 0)
		require.Equal(t, error(syscall.ECONNREFUSED), err)
		_, err = s.RecvMMsg(ms, socket.MSG_DONTWAIT, 0)
		require.Equal(t, error(syscall.EAGAIN), err)
	})
}

// SO_REUSEPORT: the datagrams of one 4-tuple go to one socket of the group, and
// many 4-tuples to all of them.
func TestSocketsShareAPort(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		var group []calls
		for range 4 {
			s := h.dgram()
			h.set(s, socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
			require.NoError(t, s.Bind(netip.MustParseAddrPort("127.0.0.1:7000")))
			group = append(group, s)
		}
		alone := h.dgram()
		require.Equal(t, error(syscall.EADDRINUSE), alone.Bind(netip.MustParseAddrPort("127.0.0.1:7000")))
		of := map[uint16]int{}
		for range 3 {
			for n := range 64 {
				from := h.dgram()
				require.NoError(t, from.Bind(netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(8000+n))))
				_, err := from.SendTo([]byte("x"), 0, netip.MustParseAddrPort("127.0.0.1:7000"))
				require.NoError(t, err)
				require.NoError(t, from.Close())
			}
		}
		h.arrive()
		used := 0
		for i, s := range group {
			some := 0
			for ; ; some = 1 {
				_, from, err := s.RecvFrom(make([]byte, 1), socket.MSG_DONTWAIT)
				if err != nil {
					break
				}
				if other, ok := of[from.Port()]; ok {
					require.Equal(t, other, i, "port %d", from.Port())
				}
				of[from.Port()] = i
			}
			used += some
		}
		require.Len(t, of, 64)
		require.Equal(t, 4, used)
	})
}

// SO_REUSEADDR: a multicast or broadcast reaches all who share the port, a
// unicast the last.
func TestWhoSharesAPortHearsMulticasts(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		var all []calls
		for range 3 {
			s := h.dgram()
			h.set(s, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
			require.NoError(t, s.Bind(netip.AddrPortFrom(netip.IPv4Unspecified(), 9)))
			all = append(all, s)
		}
		require.NoError(t, all[0].Membership(socket.IP_ADD_MEMBERSHIP, allSystems.Next().Next().Next(), h.index))
		count := func() (list []int) {
			h.arrive()
			for _, s := range all {
				n := 0
				for {
					if _, err := s.Recv(make([]byte, 10), socket.MSG_DONTWAIT); err != nil {
						break
					}
					n++
				}
				list = append(list, n)
			}
			return list
		}
		h.datagram(9, "x", func(ip *layers.IPv4) { ip.DstIP = broadcast.AsSlice() })
		require.Equal(t, []int{1, 1, 1}, count())
		h.datagram(9, "x", nil)
		require.Equal(t, []int{0, 0, 1}, count())
	})
}

// A datagram socket's names: connected, disconnected, and what each undoes.
func TestNamesOfADatagramSocket(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s, to := h.dgram(), netip.AddrPortFrom(peerAddr, 9)
		names := func() (netip.Addr, bool, error) {
			local, err := s.Getsockname()
			require.NoError(t, err)
			_, err = s.Getpeername()
			return local.Addr(), local.Port() != 0, err
		}
		expect := func(addr netip.Addr, port bool, peer error) {
			t.Helper()
			a, p, e := names()
			require.Equal(t, []any{addr, port, peer}, []any{a, p, e})
		}
		any := netip.IPv4Unspecified()
		expect(any, false, syscall.ENOTCONN)
		require.NoError(t, s.Connect(to))
		expect(hostAddr, true, nil)
		require.NoError(t, s.Connect(netip.MustParseAddrPort("127.0.0.1:9")))
		require.NoError(t, s.Disconnect())
		expect(any, false, syscall.ENOTCONN)
		require.NoError(t, s.Bind(netip.AddrPortFrom(any, 700)))
		require.NoError(t, s.Connect(to))
		expect(hostAddr, true, nil)
		require.NoError(t, s.Disconnect())
		expect(any, true, syscall.ENOTCONN)
		require.Equal(t, error(syscall.EINVAL), s.Bind(netip.AddrPortFrom(any, 701)))
		_, err := s.Send([]byte("x"), 0)
		require.Equal(t, error(syscall.EDESTADDRREQ), err)
		_, err = s.SendTo([]byte("x"), 0, netip.AddrPortFrom(peerAddr, 0))
		require.Equal(t, error(syscall.EINVAL), err)
		_, err = s.SendTo([]byte("x"), socket.MSG_OOB, to)
		require.Equal(t, error(syscall.EOPNOTSUPP), err)
		require.Equal(t, error(syscall.EOPNOTSUPP), s.Listen(1))
		require.Equal(t, error(syscall.EACCES), s.Connect(netip.AddrPortFrom(broadcast, 9)))
		require.Equal(t, error(syscall.ENETUNREACH), s.Connect(netip.MustParseAddrPort("192.0.2.1:9")))
	})
}

// B47: what does not fit is lost, zero bytes is a datagram, and MSG_TRUNC and
// MSG_PEEK say how long it was.
func TestBoundsOfDatagrams(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.bound(9)
		for _, text := range []string{"first", "", "third"} {
			h.datagram(9, text, nil)
		}
		m := socket.Message{Data: make([]byte, 2)}
		receive := func(flags int) (int, int) {
			n, err := s.RecvMsg(&m, flags)
			require.NoError(t, err)
			return n, m.Flags
		}
		n, f := receive(socket.MSG_PEEK)
		require.Equal(t, []int{2, socket.MSG_TRUNC}, []int{n, f})
		inq, err := s.Ioctl(socket.SIOCINQ)
		require.NoError(t, err)
		require.Equal(t, 5, inq)
		n, f = receive(socket.MSG_TRUNC)
		require.Equal(t, []int{5, socket.MSG_TRUNC}, []int{n, f})
		n, f = receive(0)
		require.Equal(t, []int{0, 0}, []int{n, f})
		n, _ = receive(socket.MSG_PEEK | socket.MSG_TRUNC)
		require.Equal(t, 5, n)
	})
}

// SO_BINDTODEVICE: what comes by another device is not heard, what goes to
// this host goes by the device all the same.
func TestBoundToADevice(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.bound(9)
		require.NoError(t, s.SetsockoptString(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, "lo"))
		require.Equal(t, error(syscall.ENODEV), s.SetsockoptString(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, "none0"))
		h.set(s, socket.SOL_SOCKET, socket.SO_RCVTIMEO, 50_000)
		h.datagram(9, "x", nil)
		_, err := s.Recv(make([]byte, 1), 0)
		require.Equal(t, error(syscall.EAGAIN), err)
		h.expect(icmp(3, 3))
		h.set(s, socket.SOL_SOCKET, socket.SO_BINDTOIFINDEX, h.index)
		h.datagram(9, "x", nil)
		_, err = s.Recv(make([]byte, 1), 0)
		require.NoError(t, err)
		_, err = s.SendTo([]byte("x"), 0, netip.MustParseAddrPort("192.0.2.1:9"))
		require.NoError(t, err, "everything is on the device's link")
		other := h.dgram()
		h.set(other, socket.SOL_SOCKET, socket.SO_BINDTOIFINDEX, 1)
		require.NoError(t, other.Bind(netip.AddrPortFrom(netip.IPv4Unspecified(), 9)), "another device's port")
	})
}

// SO_REUSEADDR counts as it is when another binds.
func TestReuseIsReadWhenAnotherBinds(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		a, b := h.bound(9), h.dgram()
		h.set(b, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		at := netip.AddrPortFrom(netip.IPv4Unspecified(), 9)
		require.Equal(t, error(syscall.EADDRINUSE), b.Bind(at))
		h.set(a, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		require.NoError(t, b.Bind(at))
	})
}

// SO_SNDBUF bounds what a socket has under way: here, behind a neighbour that
// does not answer.
func TestDatagramsUnderWayFillTheSendBuffer(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s, nobody := h.dgram(), netip.MustParseAddrPort("10.8.0.77:9")
		h.set(s, socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
		require.NotZero(t, s.Poll()&inet.PollOut)
		var err error
		sent := 0
		for ; err == nil && sent < 100; sent++ {
			_, err = s.SendTo([]byte("x"), socket.MSG_DONTWAIT, nobody)
		}
		require.Equal(t, error(syscall.EAGAIN), err)
		require.Greater(t, sent, 1)
		queued, err := s.Ioctl(socket.SIOCOUTQ)
		require.NoError(t, err)
		require.NotZero(t, queued)
		require.Zero(t, s.Poll()&inet.PollOut)
		require.Equal(t, error(syscall.EMSGSIZE), func() error { _, err := s.SendTo(make([]byte, 65508), socket.MSG_DONTWAIT, nobody); return err }())
	})
}

// UDP_GRO: who asks for it reads what one UDP_SEGMENT send made in one call,
// and is told the size; others read datagrams.
func TestWhatWasSentInSegmentsIsReadWholeByWhoAsks(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		for _, gro := range []int{0, 1} {
			s, r := h.dgram(), h.dgram()
			require.NoError(t, r.Bind(netip.MustParseAddrPort("127.0.0.1:0")))
			to, err := r.Getsockname()
			require.NoError(t, err)
			h.set(r, socket.SOL_UDP, socket.UDP_GRO, gro)
			is, err := r.Getsockopt(socket.SOL_UDP, socket.UDP_GRO)
			require.NoError(t, err)
			require.Equal(t, gro, is)
			h.set(s, socket.SOL_UDP, socket.UDP_SEGMENT, 1000)
			data := bytes.Repeat([]byte("0123456789"), 250)
			_, err = s.SendTo(data, 0, to)
			require.NoError(t, err)
			_, err = s.SendTo([]byte("alone"), 0, to)
			require.NoError(t, err)
			want := [][]int{{1000, 0}, {1000, 0}, {500, 0}, {5, 0}}
			if gro == 1 {
				want = [][]int{{2500, 1000}, {5, 0}}
			}
			var all []byte
			for _, w := range want {
				m := socket.Message{Data: make([]byte, 4000)}
				n, err := r.RecvMsg(&m, 0)
				require.NoError(t, err)
				require.Equal(t, w, []int{n, m.SegmentSize})
				all = append(all, m.Data[:n]...)
			}
			require.Equal(t, string(data)+"alone", string(all))
		}
	})
}
