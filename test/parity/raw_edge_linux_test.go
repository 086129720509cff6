package parity

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/socket"
)

// __udp_disconnect takes a raw socket out of the table, for good.
func TestARawSocketIsDeafAfterDisconnect(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(experiment)
		require.NoError(t, s.Setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, h.index))
		require.NoError(t, s.Connect(toPeer))
		require.NoError(t, s.Disconnect())
		h.tell(experiment, "x")
		h.expect(icmp(3, 2))
		h.nothing(s)
		got, err := s.Getsockname()
		require.NoError(t, err)
		require.Equal(t, netipPort(netip.IPv4Unspecified(), 0), got)
		h.mustSend(s, []byte("still sends"))
		h.expect(protocol(experiment))
		require.NoError(t, s.Connect(toPeer))
		h.tell(experiment, "x")
		h.nothing(s)
	})
}

// B1: protocols that no header can name, but that a socket may have.
func TestRawProtocolsBeyond255(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		for _, protocol := range []int{256, 262} {
			s, err := h.open(socket.AF_INET, socket.SOCK_RAW, protocol)
			require.NoError(t, err)
			got, err := s.Getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL)
			require.NoError(t, err)
			require.Equal(t, protocol, got)
			require.NoError(t, s.Close())
		}
		_, err := h.open(socket.AF_INET, socket.SOCK_RAW, 263)
		require.Equal(t, error(syscall.EINVAL), err)
	})
}

// B4: the version is the user's to choose, a header length that is too small is
// not.
func TestVersionAndLengthOfAHeader(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(socket.IPPROTO_RAW)
		p := header(experiment, peerAddr)
		p[0] = 0x44
		_, err := s.SendTo(p, 0, toPeer)
		require.Equal(t, error(syscall.EINVAL), err)
		p[0] = 0x75
		h.mustSend(s, p)
		sent := func(p gopacket.Packet) bool { return len(p.Data()) >= 34 && p.Data()[14] == 0x75 }
		require.Equal(t, p[16:20], h.see(sent).Data()[30:34])
	})
}

// B3, B2: what is sent to the host itself arrives.
func TestRawPacketsToTheHostItself(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		out, in := h.raw(socket.IPPROTO_RAW), h.raw(experiment)
		for _, own := range []netip.Addr{loopback, hostAddr} {
			_, err := out.SendTo(append(header(experiment, own), "self"...), 0, netipPort(own, 0))
			require.NoError(t, err)
			got := h.receive(in)
			require.Equal(t, "self", string(got[20:]))
			require.Equal(t, own.AsSlice(), got[12:16], "from itself")
		}
		_, err := out.SendTo(header(experiment, loopback), 0, netipPort(netip.IPv4Unspecified(), 0))
		require.NoError(t, err, "0.0.0.0 is this host")
		require.Equal(t, loopback.AsSlice(), h.receive(in)[12:16])
	})
}

// ip(7): TTL, loop and device of what is sent to a group.
func TestRawMulticast(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		group := netip.MustParseAddr("224.0.0.1")
		s, in := h.raw(experiment), h.raw(experiment)
		require.NoError(t, s.Setsockopt(socket.SOL_IP, socket.IP_TTL, 77))
		require.NoError(t, s.Setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, h.index))
		for _, loop := range []int{1, 0} {
			require.NoError(t, s.Setsockopt(socket.SOL_IP, socket.IP_MULTICAST_LOOP, loop))
			_, err := s.SendTo([]byte("x"), 0, netipPort(group, 0))
			require.NoError(t, err)
			p := h.expect(protocol(experiment))
			require.EqualValues(t, 1, ipOf(p).TTL, "IP_TTL is for one host")
			require.Equal(t, "01:00:5e:00:00:01", p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet).DstMAC.String())
			if loop == 1 {
				require.Len(t, h.receive(in), 21)
			} else {
				h.nothing(in)
			}
		}
	})
}

// ip(7) IP_OPTIONS: options go into the header of what is sent, and make no
// sense where the user writes it.
func TestRawOptions(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(experiment)
		require.NoError(t, s.SetsockoptString(socket.SOL_IP, socket.IP_OPTIONS, "\x01\x07\x07\x04\x00\x00\x00\x00"))
		h.mustSend(s, []byte("x"))
		ip := ipOf(h.expect(protocol(experiment)))
		require.EqualValues(t, 7, ip.IHL)
		require.Equal(t, append([]byte{1, 7, 7, 8}, hostAddr.AsSlice()...), ip.Contents[20:28], "this host is the first on the route")
		require.NoError(t, s.Setsockopt(socket.SOL_IP, socket.IP_HDRINCL, 1))
		_, err := s.SendTo(header(experiment, peerAddr), 0, toPeer)
		require.Equal(t, error(syscall.EINVAL), err)
	})
}

// send(2) MSG_MORE: several calls make one datagram, with the address of the
// last; a packet that has its header waits for nothing.
func TestRawCorking(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(experiment)
		for _, part := range []string{"one ", "two "} {
			_, err := s.SendTo([]byte(part), socket.MSG_MORE, netipPort(peerAddr.Next(), 0))
			require.NoError(t, err)
		}
		h.silent(protocol(experiment))
		_, err := s.SendTo([]byte("three"), 0, toPeer)
		require.NoError(t, err)
		ip := ipOf(h.expect(protocol(experiment)))
		require.Equal(t, "one two three", string(ip.Payload))
		require.Equal(t, peerAddr.String(), ip.DstIP.String())

		_, err = s.SendTo(make([]byte, 65000), socket.MSG_MORE, toPeer)
		require.NoError(t, err)
		_, err = s.SendTo(make([]byte, 1000), 0, toPeer)
		require.Equal(t, error(syscall.EMSGSIZE), err)
		h.mustSend(s, []byte("anew"))
		require.Equal(t, "anew", string(ipOf(h.expect(protocol(experiment))).Payload))

		_, err = s.SendTo([]byte("never"), socket.MSG_MORE, toPeer)
		require.NoError(t, err)
		require.NoError(t, s.Close())
		h.silent(protocol(experiment))

		whole := h.raw(socket.IPPROTO_RAW)
		_, err = whole.SendTo(header(experiment, peerAddr), socket.MSG_MORE, toPeer)
		require.NoError(t, err)
		h.expect(protocol(experiment))
	})
}

// ip(7): ancillary data of what comes and of what goes.
func TestRawAncillaryData(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s, p := h.raw(experiment), h.pinger()
		require.NoError(t, p.Bind(netipPort(netip.IPv4Unspecified(), 500)))
		for _, k := range []calls{s, p} {
			for _, o := range []int{socket.IP_PKTINFO, socket.IP_RECVTTL, socket.IP_RECVTOS} {
				require.NoError(t, k.Setsockopt(socket.SOL_IP, o, 1))
			}
		}
		ip := h.ipv4(experiment)
		ip.TTL, ip.TOS = 5, 0x2e
		h.send(h.ether(layers.EthernetTypeIPv4), ip, gopacket.Payload("x"))
		ip.Protocol = layers.IPProtocolICMPv4
		h.send(h.ether(layers.EthernetTypeIPv4), ip, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(0, 0), Id: 500})
		for _, k := range []calls{s, p} {
			m := socket.Message{Data: make([]byte, 100)}
			_, err := k.RecvMsg(&m, 0)
			require.NoError(t, err)
			require.Equal(t, [2]uint8{5, 0x2e}, [2]uint8{m.TTL, m.TOS})
			require.Equal(t, hostAddr, m.To)
			require.Equal(t, h.index, m.IfIndex)
		}
		m := socket.Message{Data: []byte("x"), Addr: toPeer}
		m.Control.TTL, m.Control.TOS, m.Control.HasTOS = 9, 0x18, true
		_, err := s.SendMsg(&m, 0)
		require.NoError(t, err)
		got := ipOf(h.expect(protocol(experiment)))
		require.Equal(t, [2]uint8{9, 0x18}, [2]uint8{got.TTL, got.TOS})
		m.Data = request(1, "")
		_, err = p.SendMsg(&m, 0)
		require.NoError(t, err)
		got = ipOf(h.expect(echoes))
		require.Equal(t, [2]uint8{9, 0x18}, [2]uint8{got.TTL, got.TOS})
	})
}

// B15: who wrote another's source address learns of errors as well, unless
// what he bound or connected says that the packet was not his.
func TestRawErrorsAboutASpoofedSource(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		for _, c := range []struct {
			name  string
			bound bool
			want  error
		}{{"any", false, syscall.EHOSTUNREACH}, {"bound", true, syscall.EAGAIN}} {
			s := h.raw(experiment)
			require.NoError(t, s.Setsockopt(socket.SOL_IP, socket.IP_HDRINCL, 1))
			require.NoError(t, s.Setsockopt(socket.SOL_IP, socket.IP_RECVERR, 1))
			if c.bound {
				require.NoError(t, s.Bind(netipPort(hostAddr, 0)))
			}
			p := append(header(experiment, peerAddr), make([]byte, 8)...)
			copy(p[12:], []byte{192, 0, 2, 7})
			h.mustSend(s, p)
			h.unreachable(h.expect(protocol(experiment)), 1)
			h.settle()
			_, err := s.Recv(make([]byte, 1), socket.MSG_DONTWAIT)
			require.Equal(t, c.want, err, c.name)
		}
	})
}

// connect(2): another peer may be named, 0.0.0.0 is this host, and a local name
// that was chosen once stays; a peer without a port has no name to tell.
func TestRawConnectAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(experiment)
		names := func(local, peer netip.AddrPort) {
			t.Helper()
			got, err := s.Getsockname()
			require.NoError(t, err)
			require.Equal(t, local, got)
			got, err = s.Getpeername()
			require.NoError(t, err)
			require.Equal(t, peer, got)
		}
		require.NoError(t, s.Connect(toPeer))
		_, err := s.Getpeername()
		require.Equal(t, error(syscall.ENOTCONN), err)
		require.NoError(t, s.Connect(netipPort(peerAddr.Next(), 4)))
		names(netipPort(hostAddr, experiment), netipPort(peerAddr.Next(), 4))
		h.tell(experiment, "x")
		h.nothing(s, "the first peer is none any more")
		require.NoError(t, s.Connect(netipPort(hostAddr, 0)))
		_, err = s.Send([]byte("to myself"), 0)
		require.NoError(t, err)
		require.Equal(t, "to myself", string(h.receive(s)[20:]))

		s = h.raw(experiment)
		require.NoError(t, s.Connect(netipPort(netip.IPv4Unspecified(), 1)))
		names(netipPort(loopback, experiment), netipPort(loopback, 1))
	})
}

// What raw and ping sockets read back before anything is set.
func TestOptionsOfRawAndPingSockets(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		for _, s := range []calls{h.raw(experiment), h.pinger()} {
			for _, o := range []struct{ level, name, want int }{
				{socket.SOL_SOCKET, socket.SO_REUSEADDR, 1},
				{socket.SOL_SOCKET, socket.SO_BROADCAST, 0},
				{socket.SOL_IP, socket.IP_HDRINCL, 0},
				{socket.SOL_IP, socket.IP_TTL, 64},
				{socket.SOL_IP, socket.IP_TOS, 0},
				{socket.SOL_IP, socket.IP_RECVERR, 0},
				{socket.SOL_IP, socket.IP_MTU_DISCOVER, inet.PMTUWant},
				{socket.SOL_IP, socket.IP_MULTICAST_TTL, 1},
				{socket.SOL_IP, socket.IP_MULTICAST_LOOP, 1},
			} {
				got, err := s.Getsockopt(o.level, o.name)
				require.NoError(t, err, o)
				require.Equal(t, o.want, got, o)
			}
			for _, name := range []int{socket.SO_RCVBUF, socket.SO_SNDBUF} {
				got, err := s.Getsockopt(socket.SOL_SOCKET, name)
				require.NoError(t, err)
				require.Equal(t, 212992, got)
			}
		}
	})
}
