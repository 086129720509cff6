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

func (h *host) pinger() calls {
	h.t.Helper()
	return h.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
}

// request is an echo request of the user's, whose checksum and identifier are
// the stack's to fill in.
func request(id byte, data string) []byte {
	return append([]byte{8, 0, 0xde, 0xad, 0, id, 0, 5}, data...)
}

// echoes chooses the host's echo requests.
func echoes(p gopacket.Packet) bool { return icmp(8, 0)(p) }

func icmpOf(p gopacket.Packet) *layers.ICMPv4 {
	return p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
}

// reply sends the host an echo reply.
func (h *host) reply(id uint16, data string) {
	h.send(h.ether(layers.EthernetTypeIPv4), h.ipv4(layers.IPProtocolICMPv4),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(0, 0), Id: id, Seq: 5}, gopacket.Payload(data))
}

// B48: requests go out under the socket's identifier, and only its replies come
// back, without the IP header.
func TestPingSocketsHaveTheirOwnReplies(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		a, b := h.pinger(), h.pinger()
		require.NoError(t, a.Bind(netipPort(netip.IPv4Unspecified(), 700)))
		h.mustSend(a, request(1, "data"))
		p := h.expect(echoes)
		require.Equal(t, layers.IPv4DontFragment, ipOf(p).Flags)
		m := icmpOf(p) // its checksum is verified
		require.EqualValues(t, 700, m.Id)
		require.EqualValues(t, 5, m.Seq)
		require.Equal(t, "data", string(m.Payload))
		h.mustSend(b, request(1, ""))
		other := icmpOf(h.expect(echoes)).Id
		require.NotEqual(t, m.Id, other)
		name, err := b.Getsockname()
		require.NoError(t, err)
		require.Equal(t, netipPort(netip.IPv4Unspecified(), other), name)

		h.reply(700, "back")
		msg := socket.Message{Data: make([]byte, 100)}
		n, err := a.RecvMsg(&msg, 0)
		require.NoError(t, err)
		require.Equal(t, append([]byte{0, 0}, "back"...), append(msg.Data[:2:2], msg.Data[8:n]...))
		require.Equal(t, []byte{0x02, 0xbc, 0, 5}, msg.Data[4:8])
		require.Equal(t, toPeer, msg.Addr)
		h.nothing(b)
	})
}

// B48: what a ping socket refuses to send.
func TestWhatPingSocketsRefuse(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.pinger()
		for name, c := range map[string]struct {
			p     []byte
			flags int
			to    netip.AddrPort
			want  syscall.Errno
		}{
			"a reply":      {[]byte{0, 0, 0, 0, 0, 0, 0, 0}, 0, toPeer, syscall.EINVAL},
			"a code":       {[]byte{8, 1, 0, 0, 0, 0, 0, 0}, 0, toPeer, syscall.EINVAL},
			"a timestamp":  {[]byte{13, 0, 0, 0, 0, 0, 0, 0}, 0, toPeer, syscall.EINVAL},
			"7 bytes":      {[]byte{8, 0, 0, 0, 0, 0, 0}, 0, toPeer, syscall.EINVAL},
			"nothing":      {nil, 0, toPeer, syscall.EINVAL},
			"too much":     {make([]byte, 65536), 0, toPeer, syscall.EMSGSIZE},
			"out of band":  {request(1, ""), socket.MSG_OOB, toPeer, syscall.EOPNOTSUPP},
			"to nobody":    {request(1, ""), 0, netip.AddrPort{}, syscall.EDESTADDRREQ},
			"to many":      {request(1, ""), 0, netipPort(broadcast, 0), syscall.EACCES},
			"no route":     {request(1, ""), 0, netipPort(farAway, 0), syscall.ENETUNREACH},
			"too long":     {request(1, string(make([]byte, 65508))), 0, toPeer, syscall.EMSGSIZE},
			"both at once": {nil, 0, netip.AddrPort{}, syscall.EINVAL},
		} {
			_, err := s.SendTo(c.p, c.flags, c.to)
			require.Equal(t, error(c.want), err, name)
		}
		h.silent(echoes)
		h.mustSend(s, request(1, string(make([]byte, 65507))))
		h.expect(protocol(layers.IPProtocolICMPv4))
		_, err := s.Recv(make([]byte, 1), socket.MSG_OOB)
		require.Equal(t, error(syscall.EOPNOTSUPP), err)
		require.Equal(t, error(syscall.EOPNOTSUPP), s.Listen(1))
	})
}

// B48: the names of a ping socket: its port is its identifier.
func TestTheNamesOfAPingSocket(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s, o := h.pinger(), h.pinger()
		name := func(s calls) netip.AddrPort {
			t.Helper()
			a, err := s.Getsockname()
			require.NoError(t, err)
			return a
		}
		require.Equal(t, netipPort(netip.IPv4Unspecified(), 0), name(s))
		require.Equal(t, error(syscall.EADDRNOTAVAIL), s.Bind(netipPort(peerAddr, 700)))
		require.NoError(t, s.Bind(netipPort(hostAddr, 700)))
		require.Equal(t, error(syscall.EINVAL), s.Bind(netipPort(hostAddr, 701)), "bind twice")
		strict := h.pinger()
		require.NoError(t, strict.Setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0), "it is on at first")
		require.Equal(t, error(syscall.EADDRINUSE), strict.Bind(netipPort(hostAddr, 700)))
		require.NoError(t, strict.Bind(netipPort(hostAddr, 701)))
		require.Equal(t, error(syscall.EADDRINUSE), o.Bind(netipPort(hostAddr, 701)))
		require.NoError(t, s.Connect(netipPort(peerAddr, 9)))
		peer, err := s.Getpeername()
		require.NoError(t, err)
		require.Equal(t, netipPort(peerAddr, 9), peer)
		require.NoError(t, s.Disconnect())
		require.Equal(t, netipPort(hostAddr, 700), name(s), "what was bound stays")
		_, err = s.Getpeername()
		require.Equal(t, error(syscall.ENOTCONN), err)
		_, err = s.Send(request(1, ""), 0)
		require.Equal(t, error(syscall.EDESTADDRREQ), err)

		require.NoError(t, o.Connect(toPeer))
		bound := name(o)
		require.Equal(t, hostAddr, bound.Addr())
		require.NotZero(t, bound.Port())
		require.NoError(t, o.Disconnect())
		require.Equal(t, netipPort(netip.IPv4Unspecified(), 0), name(o), "what connect chose goes")
		require.NoError(t, s.Close())
		require.NoError(t, h.pinger().Bind(netipPort(hostAddr, 700)), "free again")
	})
}

// B48: of two sockets that share an identifier the last has the replies.
func TestPingSocketsThatShareAnIdentifier(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		first, last := h.pinger(), h.pinger()
		require.NoError(t, first.Bind(netipPort(netip.IPv4Unspecified(), 600)))
		require.NoError(t, last.Bind(netipPort(netip.IPv4Unspecified(), 600)))
		h.reply(600, "x")
		require.Len(t, h.receive(last), 9)
		h.nothing(first)
		require.NoError(t, last.Close())
		h.reply(600, "x")
		require.Len(t, h.receive(first), 9)
	})
}

// B48: where a ping socket's address, peer and device are set they must match.
func TestPingSocketsMatchByTheirNames(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		for name, prepare := range map[string]func(s calls) error{
			"local": func(s calls) error { return s.Bind(netipPort(loopback, 800)) },
			"device": func(s calls) error {
				if err := s.Bind(netipPort(netip.IPv4Unspecified(), 800)); err != nil {
					return err
				}
				return s.Setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 1)
			},
		} {
			s := h.pinger()
			require.NoError(t, prepare(s), name)
			h.reply(800, "x")
			h.nothing(s, name)
			require.NoError(t, s.Close())
		}
		s := h.pinger()
		require.NoError(t, s.Bind(netipPort(netip.IPv4Unspecified(), 800)))
		require.NoError(t, s.Connect(netipPort(peerAddr.Next(), 0)))
		h.reply(800, "x")
		require.Len(t, h.receive(s), 9, "the peer is not looked at")
	})
}

// B48, recv(2): peeking, cutting, and what is waiting; shutdown(2).
func TestPingReceiveFlags(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.pinger()
		require.NoError(t, s.Bind(netipPort(netip.IPv4Unspecified(), 900)))
		_, err := s.Recv(make([]byte, 1), socket.MSG_DONTWAIT)
		require.Equal(t, error(syscall.EAGAIN), err)
		require.Equal(t, socket.POLLOUT, s.Poll())
		h.reply(900, "first")
		h.reply(900, "second")
		h.settle()
		require.Equal(t, socket.POLLIN|socket.POLLOUT, s.Poll())
		m := socket.Message{Data: make([]byte, 10)}
		n, err := s.RecvMsg(&m, socket.MSG_PEEK|socket.MSG_TRUNC)
		require.NoError(t, err)
		require.Equal(t, 10, n, "the whole length is not told")
		n, err = s.RecvMsg(&m, 0)
		require.NoError(t, err)
		require.Equal(t, 10, n)
		require.NotZero(t, m.Flags&socket.MSG_TRUNC)
		require.Equal(t, "second", string(h.receive(s)[8:]))
		for _, request := range []int{socket.SIOCINQ, socket.SIOCOUTQ} {
			_, err = s.Ioctl(request)
			require.Equal(t, error(syscall.ENOTTY), err, "ping.c has no ioctl")
		}

		require.Equal(t, error(syscall.ENOTCONN), s.Shutdown(socket.SHUT_RD))
		require.Equal(t, socket.POLLIN|socket.POLLOUT|socket.POLLRDHUP, s.Poll())
		n, err = s.Recv(make([]byte, 10), 0)
		require.NoError(t, err)
		require.Zero(t, n)
		require.Equal(t, error(syscall.ENOTCONN), s.Shutdown(socket.SHUT_WR))
		require.NotZero(t, s.Poll()&socket.POLLHUP)
		_, err = s.SendTo(request(1, ""), 0, toPeer)
		require.Equal(t, error(syscall.EPIPE), err)
	})
}

// B48, B15: errors about a request.
func TestPingErrors(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		for _, c := range unreachables {
			s := h.pinger()
			if c.connected {
				require.NoError(t, s.Connect(toPeer), c.name)
			}
			if c.all {
				require.NoError(t, s.Setsockopt(socket.SOL_IP, socket.IP_RECVERR, 1), c.name)
			}
			h.mustSend(s, request(1, "data"))
			sent := h.expect(echoes)
			h.unreachable(sent, c.code)
			h.settle()
			if c.all {
				m := socket.Message{Data: make([]byte, 100)}
				n, err := s.RecvMsg(&m, socket.MSG_ERRQUEUE)
				require.NoError(t, err)
				require.Equal(t, ipOf(sent).Payload[:8], m.Data[:n])
				require.Equal(t, inet.SockError{Errno: syscall.EHOSTUNREACH, Origin: inet.FromICMP, Type: 3, Code: 1,
					Offender: peerAddr, To: toPeer}, *withoutData(m.Err))
				require.NoError(t, s.Close())
				continue
			}
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
