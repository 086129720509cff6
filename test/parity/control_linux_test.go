package parity

import (
	"bytes"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/netns"
)

// Ancillary data, in both directions, and what replaces it.

var secondAddr = netip.MustParseAddr("10.8.0.3")

// second gives the host another address of its network.
func (h *host) second() {
	if h.stack != nil {
		require.NoError(h.t, h.stack.AddAddr(h.dev, netip.PrefixFrom(secondAddr, 24)))
		return
	}
	netns.IP(h.t, "addr add 10.8.0.3/24 brd + dev "+h.dev)
}

func (h *host) set(s calls, level, name, value int) {
	h.t.Helper()
	require.NoError(h.t, s.Setsockopt(level, name, value))
}

// datagram puts a UDP datagram to a port of the host on the wire.
func (h *host) datagram(port uint16, text string, change func(ip *layers.IPv4)) {
	ip, udp := h.ipv4(layers.IPProtocolUDP), &layers.UDP{SrcPort: 1000, DstPort: layers.UDPPort(port)}
	if change != nil {
		change(ip)
	}
	require.NoError(h.t, udp.SetNetworkLayerForChecksum(ip))
	h.send(h.ether(layers.EthernetTypeIPv4), ip, udp, gopacket.Payload(text))
}

func (h *host) bound(port uint16) calls {
	s := h.dgram()
	require.NoError(h.t, s.Bind(netip.AddrPortFrom(netip.IPv4Unspecified(), port)))
	return s
}

func udpOf(p gopacket.Packet) *layers.UDP { return p.Layer(layers.LayerTypeUDP).(*layers.UDP) }

// IP_PKTINFO, IP_RECVTTL, IP_RECVTOS, IP_RECVOPTS, IP_RETOPTS, SO_TIMESTAMP: a
// message tells what was asked for, and nothing else.
func TestWhatIsAskedForIsTold(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.bound(9)
		receive := func(ip func(*layers.IPv4)) inet.Ancillary {
			h.datagram(9, "x", ip)
			m := socket.Message{Data: make([]byte, 10)}
			_, err := s.RecvMsg(&m, 0)
			require.NoError(t, err)
			require.Equal(t, netip.AddrPortFrom(peerAddr, 1000), m.Addr)
			return m.Ancillary
		}
		marked := func(ip *layers.IPv4) { ip.TTL, ip.TOS = 33, 0x2a }
		require.Equal(t, inet.Ancillary{}, receive(marked))
		for _, name := range []int{socket.IP_PKTINFO, socket.IP_RECVTTL, socket.IP_RECVTOS, socket.IP_RECVOPTS, socket.IP_RETOPTS} {
			h.set(s, socket.SOL_IP, name, 1)
		}
		want := inet.Ancillary{To: hostAddr, Local: hostAddr, IfIndex: h.index, TTL: 33, TOS: 0x2a}
		require.Equal(t, want, receive(marked))
		want.To = broadcast
		require.Equal(t, want, receive(func(ip *layers.IPv4) {
			marked(ip)
			ip.DstIP = broadcast.AsSlice()
		}))
		want.To = hostAddr
		want.Options = []byte{7, 11, 8, 10, 8, 0, 1, 0, 0, 0, 0, 0}
		want.Reply = []byte{7, 11, 8, 10, 8, 0, 1, 0, 0, 0, 0, 0}
		require.Equal(t, want, receive(func(ip *layers.IPv4) {
			marked(ip)
			ip.Options = []layers.IPv4Option{{OptionType: 7, OptionLength: 11, OptionData: []byte{4, 0, 0, 0, 0, 0, 0, 0, 0}}}
		}))
		h.set(s, socket.SOL_SOCKET, socket.SO_TIMESTAMP, 1)
		at := receive(nil).Time
		require.WithinDuration(t, time.Now(), at, time.Minute)
		require.Zero(t, at.Nanosecond()%1000)
		h.set(s, socket.SOL_SOCKET, socket.SO_TIMESTAMPNS, 1)
		require.WithinDuration(t, time.Now(), receive(nil).Time, time.Minute)
		h.set(s, socket.SOL_SOCKET, socket.SO_TIMESTAMP, 0)
		require.True(t, receive(nil).Time.IsZero())
	})
}

// IP_PKTINFO, IP_TTL, IP_TOS and IP_RETOPTS of one message.
func TestAMessageMayAskForItsPacket(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		h.second()
		s := h.dgram()
		h.set(s, socket.SOL_IP, socket.IP_TTL, 9)
		send := func(c inet.Control) *layers.IPv4 {
			_, err := s.SendMsg(&socket.Message{Data: []byte("x"), Addr: netip.AddrPortFrom(peerAddr, 9), Control: c}, 0)
			require.NoError(t, err)
			return ipOf(h.expect(protocol(layers.IPProtocolUDP)))
		}
		ip := send(inet.Control{Source: secondAddr, TTL: 33, TOS: 0x28, HasTOS: true, Options: []byte{7, 7, 4, 0, 0, 0, 0}})
		require.Equal(t, secondAddr.AsSlice(), []byte(ip.SrcIP.To4()))
		require.Equal(t, uint8(33), ip.TTL)
		require.Equal(t, uint8(0x28), ip.TOS)
		require.Equal(t, []byte{7, 7, 8, 10, 8, 0, 3, 0}, ip.Contents[20:])
		ip = send(inet.Control{Device: h.index})
		require.Equal(t, hostAddr.AsSlice(), []byte(ip.SrcIP.To4()))
		require.Equal(t, uint8(9), ip.TTL, "the socket's again")
		require.Zero(t, ip.TOS)
		require.Len(t, ip.Contents, 20)
		for _, c := range []struct {
			control inet.Control
			want    syscall.Errno
		}{
			{inet.Control{TTL: 256}, syscall.EINVAL},
			{inet.Control{TOS: 256, HasTOS: true}, syscall.EINVAL},
			{inet.Control{Source: netip.MustParseAddr("192.0.2.9")}, syscall.ENETUNREACH},
			{inet.Control{Source: group1}, syscall.EINVAL},
			{inet.Control{Device: 99}, syscall.ENODEV},
			{inet.Control{Options: []byte{7, 7, 3, 0, 0, 0, 0}}, syscall.EINVAL},
		} {
			_, err := s.SendMsg(&socket.Message{Data: []byte("x"), Addr: netip.AddrPortFrom(peerAddr, 9), Control: c.control}, 0)
			require.Equal(t, error(c.want), err, "%+v", c.control)
		}
	})
}

// IP_OPTIONS: every packet carries them, the sender recorded in them.
func TestOptionsOfASocket(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.dgram()
		require.Equal(t, error(syscall.EINVAL), s.SetsockoptString(socket.SOL_IP, socket.IP_OPTIONS, "\x07\x07\x03\x00\x00\x00\x00"))
		require.Equal(t, error(syscall.EINVAL), s.SetsockoptString(socket.SOL_IP, socket.IP_OPTIONS, string(make([]byte, 44))))
		require.NoError(t, s.SetsockoptString(socket.SOL_IP, socket.IP_OPTIONS, "\x01\x07\x0b\x04\x00\x00\x00\x00\x00\x00\x00\x00"))
		send := func(n int) gopacket.Packet {
			_, err := s.SendTo(make([]byte, n), 0, netip.AddrPortFrom(peerAddr, 9))
			require.NoError(t, err)
			return h.expect(protocol(layers.IPProtocolUDP))
		}
		require.Equal(t, []byte{1, 7, 11, 8, 10, 8, 0, 1, 0, 0, 0, 0}, ipOf(send(1)).Contents[20:])
		first := ipOf(send(1472)) // 12 bytes more than fit
		require.NotZero(t, first.Flags&layers.IPv4MoreFragments)
		rest := ipOf(h.expect(protocol(layers.IPProtocolUDP))).Contents[20:]
		require.Empty(t, bytes.Trim(rest, "\x01"), "record route is in the first fragment only")
		require.NoError(t, s.SetsockoptString(socket.SOL_IP, socket.IP_OPTIONS, ""))
		require.Len(t, ipOf(send(1)).Contents, 20)
	})
}

// IP_RECVERR: what ICMP reports, and what never left, are queued; MSG_ERRQUEUE
// reads one by one.
func TestTheErrorQueue(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.dgram()
		to := netip.AddrPortFrom(peerAddr, 9)
		h.set(s, socket.SOL_IP, socket.IP_RECVERR, 1)
		next := func() (*inet.SockError, string) {
			m := socket.Message{Data: make([]byte, 100)}
			n, err := s.RecvMsg(&m, socket.MSG_ERRQUEUE)
			require.NoError(t, err)
			require.Equal(t, socket.MSG_ERRQUEUE, m.Flags)
			m.Err.Data = nil
			return m.Err, string(m.Data[:n])
		}
		_, err := s.SendTo([]byte("hello"), 0, to)
		require.NoError(t, err)
		p := h.expect(protocol(layers.IPProtocolUDP))
		ip := ipOf(p)
		quoted := append(append([]byte(nil), ip.Contents...), ip.Payload...)
		h.send(h.ether(layers.EthernetTypeIPv4), h.ipv4(layers.IPProtocolICMPv4),
			&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 3)}, gopacket.Payload(quoted))
		require.Eventually(t, func() bool { return s.Poll() == socket.POLLOUT|socket.POLLERR }, patience, time.Millisecond)
		_, err = s.Recv(make([]byte, 1), 0)
		require.Equal(t, error(syscall.ECONNREFUSED), err)
		require.Equal(t, socket.POLLOUT|socket.POLLERR, s.Poll(), "the queue has it still")
		e, text := next()
		require.Equal(t, &inet.SockError{Errno: syscall.ECONNREFUSED, Origin: inet.FromICMP, Type: 3, Code: 3, Offender: peerAddr, To: to}, e)
		require.Equal(t, "hello", text)
		require.Equal(t, socket.POLLOUT, s.Poll())

		h.set(s, socket.SOL_IP, socket.IP_MTU_DISCOVER, socket.IP_PMTUDISC_DO)
		_, err = s.SendTo(make([]byte, 1473), 0, to)
		require.Equal(t, error(syscall.EMSGSIZE), err)
		require.Equal(t, socket.POLLOUT|socket.POLLERR, s.Poll())
		e, text = next()
		require.Equal(t, &inet.SockError{Errno: syscall.EMSGSIZE, Origin: inet.FromHere, Info: 1500, To: netip.AddrPortFrom(peerAddr, 0)}, e)
		require.Empty(t, text)
		require.NoError(t, s.Connect(to))
		_, err = s.Send(make([]byte, 1473), 0)
		require.Equal(t, error(syscall.EMSGSIZE), err)
		v, err := s.Getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
		require.NoError(t, err)
		require.Zero(t, v, "the caller knows")
		e, _ = next()
		require.Equal(t, to, e.To)
		_, err = s.RecvMsg(&socket.Message{}, socket.MSG_ERRQUEUE)
		require.Equal(t, error(syscall.EAGAIN), err, "it never waits")
		_, err = s.Send(make([]byte, 1473), 0)
		require.Error(t, err)
		h.set(s, socket.SOL_IP, socket.IP_RECVERR, 0)
		require.Equal(t, socket.POLLOUT, s.Poll(), "off throws away what is queued")
	})
}

// SO_SELECT_ERR_QUEUE makes a queued error POLLPRI.
func TestAQueuedErrorMayBePriority(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.dgram()
		h.set(s, socket.SOL_IP, socket.IP_RECVERR, 1)
		h.set(s, socket.SOL_SOCKET, socket.SO_SELECT_ERR_QUEUE, 1)
		h.set(s, socket.SOL_IP, socket.IP_MTU_DISCOVER, socket.IP_PMTUDISC_DO)
		_, err := s.SendTo(make([]byte, 1473), 0, netip.AddrPortFrom(peerAddr, 9))
		require.Error(t, err)
		require.Equal(t, socket.POLLOUT|socket.POLLERR|socket.POLLPRI, s.Poll())
	})
}

// SO_RXQ_OVFL counts what found the queue full, and tells with the next.
func TestDropsAreTold(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.bound(9)
		h.set(s, socket.SOL_SOCKET, socket.SO_RXQ_OVFL, 1)
		h.set(s, socket.SOL_SOCKET, socket.SO_RCVBUF, 1) // the least
		for range 30 {
			h.datagram(9, string(make([]byte, 500)), nil)
		}
		time.Sleep(100 * time.Millisecond)
		got := uint32(0)
		for m := (socket.Message{Data: make([]byte, 600)}); ; got++ {
			if _, err := s.RecvMsg(&m, socket.MSG_DONTWAIT); err != nil {
				break
			}
		}
		h.datagram(9, "x", nil)
		m := socket.Message{Data: make([]byte, 600)}
		_, err := s.RecvMsg(&m, 0)
		require.NoError(t, err)
		require.Equal(t, 30-got, m.Drops)
	})
}

// IP_MTU_DISCOVER decides DF and what is refused, fragmented or not.
func TestPathMTUDiscovery(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		for mode, c := range map[int]struct {
			small, large bool // DF
			err          error
		}{
			socket.IP_PMTUDISC_DONT:      {false, false, nil},
			socket.IP_PMTUDISC_WANT:      {true, false, nil},
			socket.IP_PMTUDISC_DO:        {true, false, syscall.EMSGSIZE},
			socket.IP_PMTUDISC_PROBE:     {true, false, syscall.EMSGSIZE},
			socket.IP_PMTUDISC_INTERFACE: {false, false, syscall.EMSGSIZE},
			socket.IP_PMTUDISC_OMIT:      {false, false, nil},
		} {
			s := h.dgram()
			h.set(s, socket.SOL_IP, socket.IP_MTU_DISCOVER, mode)
			df := func() bool {
				return ipOf(h.expect(protocol(layers.IPProtocolUDP))).Flags&layers.IPv4DontFragment != 0
			}
			_, err := s.SendTo([]byte("x"), 0, netip.AddrPortFrom(peerAddr, 9))
			require.NoError(t, err)
			require.Equal(t, c.small, df(), "mode %d", mode)
			_, err = s.SendTo(make([]byte, 1473), 0, netip.AddrPortFrom(peerAddr, 9))
			require.Equal(t, c.err, err, "mode %d", mode)
			if err == nil {
				require.Equal(t, c.large, df(), "mode %d", mode)
				df() // the other fragment
			}
		}
	})
}

// IP_MULTICAST_TTL, _LOOP and _IF; a time to live of 0 keeps a multicast here.
func TestMulticastSending(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		h.setting("net.ipv4.conf.all.igmpv3_unsolicited_report_interval", "10")
		s := h.bound(9)
		require.NoError(t, s.Membership(socket.IP_ADD_MEMBERSHIP, group1, h.index))
		h.set(s, socket.SOL_IP, socket.IP_MULTICAST_IF, h.index)
		to := netip.AddrPortFrom(group1, 9)
		h.set(s, socket.SOL_SOCKET, socket.SO_RCVTIMEO, 100_000)
		for _, c := range []struct{ ttl, loop int }{{1, 1}, {5, 0}, {0, 1}} {
			h.set(s, socket.SOL_IP, socket.IP_MULTICAST_TTL, c.ttl)
			h.set(s, socket.SOL_IP, socket.IP_MULTICAST_LOOP, c.loop)
			_, err := s.SendTo([]byte("x"), 0, to)
			require.NoError(t, err)
			if c.ttl > 0 {
				require.Equal(t, uint8(c.ttl), ipOf(h.expect(protocol(layers.IPProtocolUDP))).TTL)
			} else {
				h.silent(protocol(layers.IPProtocolUDP))
			}
			n, err := s.Recv(make([]byte, 10), 0)
			if c.loop == 1 {
				require.NoError(t, err, "%+v", c)
				require.Equal(t, 1, n)
			} else {
				require.Equal(t, error(syscall.EAGAIN), err, "%+v", c)
			}
		}
		require.Equal(t, error(syscall.EADDRNOTAVAIL), s.Setsockopt(socket.SOL_IP, socket.IP_MULTICAST_IF, 99))
		require.Equal(t, error(syscall.EINVAL), s.Setsockopt(socket.SOL_IP, socket.IP_MULTICAST_TTL, 256))
	})
}

// IP_FREEBIND binds to what is no address here.
func TestFreeBind(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.dgram()
		elsewhere := netip.MustParseAddrPort("192.0.2.9:9")
		require.Equal(t, error(syscall.EADDRNOTAVAIL), s.Bind(elsewhere))
		h.set(s, socket.SOL_IP, socket.IP_FREEBIND, 1)
		require.NoError(t, s.Bind(elsewhere))
		_, err := s.SendTo([]byte("x"), 0, netip.AddrPortFrom(peerAddr, 9))
		require.Equal(t, error(syscall.ENETUNREACH), err, "but nothing is sent from it")
	})
}
