package parity

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/socket"
)

var (
	loopback = netip.MustParseAddr("127.0.0.1")
	farAway  = netip.MustParseAddr("192.0.2.1") // no route leads there
)

func netipPort(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }

// B5: the stack builds the header, and fragments where it must and may.
func TestRawSendWithoutAHeader(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(experiment)
		require.NoError(t, s.Setsockopt(socket.SOL_IP, socket.IP_TTL, 9))
		require.NoError(t, s.Setsockopt(socket.SOL_IP, socket.IP_TOS, 0x28))
		h.mustSend(s, []byte("data"))
		ip := ipOf(h.expect(protocol(experiment)))
		require.Equal(t, [3]uint8{5, 9, 0x28}, [3]uint8{ip.IHL, ip.TTL, ip.TOS})
		require.Equal(t, layers.IPv4DontFragment, ip.Flags)
		require.Equal(t, "data", string(ip.Payload))

		h.mustSend(s, make([]byte, 4000))
		for _, want := range [][2]uint16{{0, 1480}, {185, 1480}, {370, 1040}} {
			ip = ipOf(h.expect(protocol(experiment)))
			require.Equal(t, want, [2]uint16{ip.FragOffset, ip.Length - 20})
			require.Equal(t, want[0] != 370, ip.Flags == layers.IPv4MoreFragments)
		}
		require.NoError(t, s.Setsockopt(socket.SOL_IP, socket.IP_MTU_DISCOVER, inet.PMTUDo))
		_, err := s.SendTo(make([]byte, 1481), 0, toPeer)
		require.Equal(t, error(syscall.EMSGSIZE), err)
		h.mustSend(s, make([]byte, 1480))
		require.EqualValues(t, 1500, ipOf(h.expect(protocol(experiment))).Length)
	})
}

// B5: 65535 bytes with the header are the most.
func TestTheLargestRawDatagram(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(experiment)
		_, err := s.SendTo(make([]byte, 65516), 0, toPeer)
		require.Equal(t, error(syscall.EMSGSIZE), err)
		h.mustSend(s, make([]byte, 65515))
		h.expect(protocol(experiment))
	})
}

// raw(7): the checksum of a message is the user's business.
func TestTheStackDoesNotTouchARawMessage(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(socket.IPPROTO_ICMP)
		message := []byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0}
		h.mustSend(s, message)
		require.Equal(t, message, []byte(ipOf(h.expect(protocol(layers.IPProtocolICMPv4))).Payload))
	})
}

// B12: where a raw socket may not be or send.
func TestRawAddressesThatAreRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(experiment)
		for to, want := range map[netip.Addr]syscall.Errno{broadcast: syscall.EACCES, farAway: syscall.ENETUNREACH} {
			_, err := s.SendTo([]byte("x"), 0, netipPort(to, 0))
			require.Equal(t, error(want), err, to)
			require.Equal(t, error(want), s.Connect(netipPort(to, 0)), to)
		}
		_, err := s.Send([]byte("x"), 0)
		require.Equal(t, error(syscall.EDESTADDRREQ), err)
		_, err = s.SendTo([]byte("x"), socket.MSG_OOB, toPeer)
		require.Equal(t, error(syscall.EOPNOTSUPP), err)
		_, err = s.Recv(make([]byte, 1), socket.MSG_OOB)
		require.Equal(t, error(syscall.EOPNOTSUPP), err)
		require.Equal(t, error(syscall.EADDRNOTAVAIL), s.Bind(toPeer))
		require.Equal(t, error(syscall.EOPNOTSUPP), s.Listen(1))
		require.NoError(t, s.Setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1))
		_, err = s.SendTo([]byte("x"), 0, netipPort(broadcast, 0))
		require.NoError(t, err)
		p := h.expect(protocol(experiment))
		require.Equal(t, layers.EthernetBroadcast, p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet).DstMAC)
	})
}

// B12: bound to a broadcast address or group a socket receives what is sent
// there, and sends from the device's address.
func TestARawSocketBoundToManySendsFromTheDevice(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(experiment)
		require.NoError(t, s.Bind(netipPort(broadcast, 0)))
		require.NoError(t, s.Setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1))
		h.mustSend(s, []byte("x"))
		require.Equal(t, hostAddr.String(), ipOf(h.expect(protocol(experiment))).SrcIP.String())
		h.tell(experiment, "one")
		h.nothing(s)
		ip := h.ipv4(experiment)
		ip.DstIP = broadcast.AsSlice()
		eth := h.ether(layers.EthernetTypeIPv4)
		eth.DstMAC = layers.EthernetBroadcast
		h.send(eth, ip)
		require.Len(t, h.receive(s), 20)
	})
}

// B8: names: the local port is the protocol, and the peer's is what was given.
func TestTheNamesOfARawSocket(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(experiment)
		requireName := func(want netip.AddrPort) {
			t.Helper()
			got, err := s.Getsockname()
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		requireName(netipPort(netip.IPv4Unspecified(), experiment))
		_, err := s.Getpeername()
		require.Equal(t, error(syscall.ENOTCONN), err)
		require.NoError(t, s.Bind(netipPort(loopback, 77)))
		requireName(netipPort(loopback, experiment))
		require.NoError(t, s.Bind(netipPort(hostAddr, 77)), "bind again")
		requireName(netipPort(hostAddr, experiment))
		require.NoError(t, s.Connect(netipPort(peerAddr, 78)))
		peer, err := s.Getpeername()
		require.NoError(t, err)
		require.Equal(t, netipPort(peerAddr, 78), peer)
		require.Equal(t, error(syscall.EINVAL), s.Bind(netipPort(hostAddr, 0)), "bind once connected")
		_, err = s.Send([]byte("to the peer"), 0)
		require.NoError(t, err)
		h.expect(protocol(experiment))
		require.NoError(t, s.Disconnect())
		_, err = s.Getpeername()
		require.Equal(t, error(syscall.ENOTCONN), err)
		_, err = s.Send([]byte("to nobody"), 0)
		require.Equal(t, error(syscall.EDESTADDRREQ), err)
		got, err := s.Getsockname()
		require.NoError(t, err)
		require.Equal(t, netip.IPv4Unspecified(), got.Addr(), "the bound address is gone, too")
	})
}

// recv(2): peeking, cutting, and what is waiting.
func TestRawReceiveFlags(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(experiment)
		_, err := s.Recv(make([]byte, 1), socket.MSG_DONTWAIT)
		require.Equal(t, error(syscall.EAGAIN), err)
		n, err := s.Ioctl(socket.SIOCINQ)
		require.NoError(t, err)
		require.Zero(t, n)
		require.Equal(t, socket.POLLOUT, s.Poll())
		h.tell(experiment, "first")
		h.tell(experiment, "second")
		h.settle()
		require.Equal(t, socket.POLLIN|socket.POLLOUT, s.Poll())
		n, err = s.Ioctl(socket.SIOCINQ)
		require.NoError(t, err)
		require.Equal(t, 25, n)
		m := socket.Message{Data: make([]byte, 22)}
		n, err = s.RecvMsg(&m, socket.MSG_PEEK|socket.MSG_TRUNC)
		require.NoError(t, err)
		require.Equal(t, 25, n)
		require.NotZero(t, m.Flags&socket.MSG_TRUNC)
		n, err = s.RecvMsg(&m, 0)
		require.NoError(t, err)
		require.Equal(t, 22, n)
		require.Equal(t, "fi", string(m.Data[20:]))
		require.Equal(t, "second", string(h.receive(s)[20:]), "the rest of the first is gone")
		n, err = s.Ioctl(socket.SIOCOUTQ)
		require.NoError(t, err)
		require.Zero(t, n)
		_, err = s.Ioctl(0x1234)
		require.Equal(t, error(syscall.ENOTTY), err)
	})
}

// shutdown(2): without a peer it is an error, and done all the same.
func TestRawShutdown(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		for _, connected := range []bool{false, true} {
			s := h.raw(experiment)
			var want error = syscall.ENOTCONN
			if connected {
				want = nil
				require.NoError(t, s.Connect(toPeer))
			}
			require.Equal(t, error(syscall.EINVAL), s.Shutdown(3))
			require.Equal(t, want, s.Shutdown(socket.SHUT_RD))
			require.Equal(t, socket.POLLIN|socket.POLLOUT|socket.POLLRDHUP, s.Poll())
			n, err := s.Recv(make([]byte, 10), 0)
			require.NoError(t, err)
			require.Zero(t, n)
			_, err = s.Recv(make([]byte, 10), socket.MSG_DONTWAIT)
			require.Equal(t, error(syscall.EAGAIN), err)
			h.mustSend(s, []byte("x"))
			h.expect(protocol(experiment))
			h.tell(experiment, "late")
			h.settle()
			require.Len(t, h.receive(s), 24, "what comes later is received")
			require.Equal(t, want, s.Shutdown(socket.SHUT_WR))
			require.NotZero(t, s.Poll()&socket.POLLHUP)
			_, err = s.SendTo([]byte("x"), 0, toPeer)
			require.NoError(t, err, "ip_append_data does not look")
			require.NoError(t, s.Setsockopt(socket.SOL_IP, socket.IP_HDRINCL, 1))
			_, err = s.SendTo(header(experiment, peerAddr), 0, toPeer)
			require.Equal(t, error(syscall.EPIPE), err)
		}
	})
}

// unreachables are what the user of a socket learns of an unreachable
// destination (B15): by the message's code, whether the socket is connected, and
// whether it asked for all errors.
var unreachables = []struct {
	name           string
	connected, all bool
	code           uint8
	want           syscall.Errno
}{
	{"nobody asked", false, false, 3, 0},
	{"connected", true, false, 3, syscall.ECONNREFUSED},
	{"connected, a passing one", true, false, 1, 0},
	{"all", false, true, 1, syscall.EHOSTUNREACH},
}

// B15: an ICMP error reaches who is connected, if it is a hard one, or who
// asked for all.
func TestRawICMPErrors(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		for _, c := range unreachables {
			s := h.raw(experiment)
			if c.connected {
				require.NoError(t, s.Connect(toPeer), c.name)
			}
			if c.all {
				require.NoError(t, s.Setsockopt(socket.SOL_IP, socket.IP_RECVERR, 1), c.name)
			}
			h.mustSend(s, []byte("eight..."))
			h.unreachable(h.expect(protocol(experiment)), c.code)
			h.settle()
			_, err := s.Recv(make([]byte, 1), socket.MSG_DONTWAIT)
			if c.want == 0 {
				require.Equal(t, error(syscall.EAGAIN), err, c.name)
			} else {
				require.Equal(t, error(c.want), err, c.name)
			}
			require.NoError(t, s.Close())
		}
	})
}

// B15: the queued error quotes what the user sent: with the header if he wrote
// it.
func TestRawErrorQueue(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		for _, withHeader := range []bool{false, true} {
			s := h.raw(experiment)
			require.NoError(t, s.Setsockopt(socket.SOL_IP, socket.IP_RECVERR, 1))
			sent := []byte("eight...")
			if withHeader {
				require.NoError(t, s.Setsockopt(socket.SOL_IP, socket.IP_HDRINCL, 1))
				sent = append(header(experiment, peerAddr), sent...)
			}
			h.mustSend(s, sent)
			p := h.expect(protocol(experiment))
			if withHeader {
				sent = p.Data()[14:]
			}
			h.unreachable(p, 13)
			h.settle()
			require.NotZero(t, s.Poll()&socket.POLLERR)
			m := socket.Message{Data: make([]byte, 100)}
			n, err := s.RecvMsg(&m, socket.MSG_ERRQUEUE)
			require.NoError(t, err)
			require.Equal(t, sent, m.Data[:n])
			require.Equal(t, peerAddr, m.Addr.Addr())
			require.Equal(t, inet.SockError{Errno: syscall.EHOSTUNREACH, Origin: inet.FromICMP, Type: 3, Code: 13,
				Offender: peerAddr, To: m.Addr}, *withoutData(m.Err))
			_, err = s.RecvMsg(&m, socket.MSG_ERRQUEUE)
			require.Equal(t, error(syscall.EAGAIN), err)
			require.NoError(t, s.Close())
		}
	})
}

func withoutData(e *inet.SockError) *inet.SockError {
	e.Data = nil
	return e
}

// B15, B4: what never left is in the queue as well, with the size that would
// have passed.
func TestRawLocalErrors(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		for _, withHeader := range []int{0, 1} {
			s := h.raw(experiment)
			require.NoError(t, s.Setsockopt(socket.SOL_IP, socket.IP_RECVERR, 1))
			require.NoError(t, s.Setsockopt(socket.SOL_IP, socket.IP_HDRINCL, withHeader))
			require.NoError(t, s.Setsockopt(socket.SOL_IP, socket.IP_MTU_DISCOVER, inet.PMTUDo))
			_, err := s.SendTo(append(header(experiment, peerAddr), make([]byte, 1481)...), 0, toPeer)
			require.Equal(t, error(syscall.EMSGSIZE), err)
			m := socket.Message{}
			_, err = s.RecvMsg(&m, socket.MSG_ERRQUEUE)
			require.NoError(t, err)
			require.Equal(t, inet.SockError{Errno: syscall.EMSGSIZE, Origin: inet.FromHere, Info: 1500, To: toPeer},
				*withoutData(m.Err))
		}
	})
}
