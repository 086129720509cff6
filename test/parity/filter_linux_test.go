package parity

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/bpf"

	"github.com/slankdev/ministack/packet"
	"github.com/slankdev/ministack/socket"
)

// program assembles a filter.
func program(t *testing.T, code ...bpf.Instruction) []bpf.RawInstruction {
	raw, err := bpf.Assemble(code)
	require.NoError(t, err)
	return raw
}

// only keeps n bytes of packets in which the half word at off is v, and
// refuses others.
func only(t *testing.T, off uint32, v uint16, n uint32) []bpf.RawInstruction {
	return program(t, bpf.LoadAbsolute{Off: off, Size: 2}, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(v), SkipFalse: 1},
		bpf.RetConstant{Val: n}, bpf.RetConstant{})
}

// udpFrame is a datagram of UDP from the peer.
func (h *host) udpFrame(dst uint16, payload string) []byte {
	ip, udp := h.ipv4(layers.IPProtocolUDP), &layers.UDP{SrcPort: 9, DstPort: layers.UDPPort(dst)}
	require.NoError(h.t, udp.SetNetworkLayerForChecksum(ip))
	return h.build(true, h.ether(layers.EthernetTypeIPv4), ip, udp, gopacket.Payload(payload))
}

// Each kind of socket shows its filter the packet from another header on, and
// has what the filter keeps of it (SO_ATTACH_FILTER in socket(7)).
func TestWhereFiltersBegin(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		for _, c := range []struct {
			name                  string
			domain, typ, protocol int
			port, keep, got       int // the offset of the UDP port in what the filter sees
		}{
			{"packet, raw", socket.AF_PACKET, raw, socket.ETH_P_IP, 14 + 20 + 2, 46, 46},
			{"packet, dgram", socket.AF_PACKET, dgram, socket.ETH_P_IP, 20 + 2, 32, 32},
			{"raw", socket.AF_INET, raw, socket.IPPROTO_UDP, 20 + 2, 32, 32},
			{"udp", socket.AF_INET, dgram, 0, 2, 12, 4},
			{"udp, header cut", socket.AF_INET, dgram, 0, 2, 1, 0},
			{"packet, all", socket.AF_PACKET, raw, socket.ETH_P_IP, 14 + 20 + 2, 1 << 18, 60}, // padded
		} {
			t.Run(c.name, func(t *testing.T) {
				s := h.socket(c.domain, c.typ, c.protocol)
				if c.domain == socket.AF_INET && c.typ == dgram {
					require.NoError(t, s.Bind(netip.AddrPortFrom(hostAddr, 5000)))
				}
				require.NoError(t, s.AttachFilter(only(t, uint32(c.port), 5000, uint32(c.keep))))
				h.inject(h.udpFrame(4999, "0123456789"))
				h.inject(h.udpFrame(5000, "0123456789"))
				got, _ := receive(t, s)
				require.Len(t, got, c.got)
				nothing(t, s)
				require.NoError(t, s.Close())
				h.settle() // a tap has a frame before those who come next
			})
		}
	})
}

// A segment that the filter refuses was never here: the peer sends it again.
func TestAFilterOfAStream(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		l := h.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
		h.set(l, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1) // a run before may have left it in TIME-WAIT
		require.NoError(t, l.Bind(netip.MustParseAddrPort("127.0.0.1:5000")))
		require.NoError(t, l.Listen(1))
		c := h.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
		require.NoError(t, c.Connect(netip.MustParseAddrPort("127.0.0.1:5000")))
		s, _, err := l.accept()
		require.NoError(t, err)
		require.NoError(t, s.Setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, int(patience/time.Microsecond)))
		t.Cleanup(func() { _ = s.Close() })
		require.NoError(t, s.AttachFilter(program(t, bpf.RetConstant{})))
		_, err = c.Send([]byte("text"), 0)
		require.NoError(t, err)
		nothing(t, s)
		require.NoError(t, s.DetachFilter())
		buf := make([]byte, 10)
		n, err := s.Recv(buf, 0)
		require.NoError(t, err)
		require.Equal(t, "text", string(buf[:n]))
	})
}

// A listener's filter sees the SYN, and its connections have it too.
func TestAFilterOfAListener(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		at := netip.MustParseAddrPort("127.0.0.1:5001")
		l := h.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
		h.set(l, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		require.NoError(t, l.Bind(at))
		require.NoError(t, l.Listen(5))
		refused, taken := h.socket(socket.AF_INET, socket.SOCK_STREAM, 0), h.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
		require.NoError(t, taken.Bind(netip.MustParseAddrPort("127.0.0.1:6000")))
		require.NoError(t, refused.Bind(netip.MustParseAddrPort("127.0.0.1:6001")))
		require.NoError(t, l.AttachFilter(only(t, 0, 6000, 1<<18)))
		refused.SetNonblock(true)
		require.Equal(t, error(syscall.EINPROGRESS), refused.Connect(at))
		require.NoError(t, taken.Connect(at))
		require.Zero(t, refused.Poll()&socket.POLLOUT)
		s, from, err := l.accept()
		require.NoError(t, err)
		t.Cleanup(func() { _ = s.Close() })
		require.EqualValues(t, 6000, from.Port())
		require.NoError(t, s.DetachFilter(), "it was inherited")
	})
}

// What can be read beside the bytes.
func TestFiltersReadWhatIsKnownOfAFrame(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		all := h.packet(raw, socket.ETH_P_ALL)
		for ext, want := range map[bpf.Extension]uint32{bpf.ExtProto: testProto, bpf.ExtType: uint32(socket.PACKET_BROADCAST),
			bpf.ExtInterfaceIndex: uint32(h.index), bpf.ExtLen: 514, bpf.ExtVLANTagPresent: 0} {
			for _, differ := range []bool{false, true} {
				s := h.packet(raw, testProto)
				v := want
				if differ {
					v++
				}
				require.NoError(t, s.AttachFilter(program(t, bpf.LoadExtension{Num: ext},
					bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipFalse: 1}, bpf.RetConstant{Val: 100}, bpf.RetConstant{})))
				h.inject(h.frame([]byte{255, 255, 255, 255, 255, 255}, 500))
				receive(t, all)
				if differ {
					nothing(t, s)
				} else {
					got, _ := receive(t, s)
					require.Len(t, got, 100, "extension %d", ext)
				}
			}
		}
	})
}

// B23 with a filter: MSG_TRUNC is the length that the filter left, PACKET_AUXDATA
// has the frame's, and what is refused is in no count.
func TestFramesThatAFilterCuts(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s, all := h.packet(raw, testProto), h.packet(raw, testProto)
		require.NoError(t, s.Setsockopt(socket.SOL_PACKET, socket.PACKET_AUXDATA, 1))
		require.NoError(t, s.AttachFilter(program(t, bpf.LoadAbsolute{Off: 0, Size: 1},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0xff, SkipFalse: 1}, bpf.RetConstant{Val: 60}, bpf.RetConstant{})))
		for _, dst := range [][]byte{h.mac, {255, 255, 255, 255, 255, 255}} {
			h.inject(h.frame(dst, 500))
			receive(t, all)
		}
		m := socket.Message{Data: make([]byte, 40)}
		n, err := s.RecvMsg(&m, socket.MSG_TRUNC)
		require.NoError(t, err)
		require.Equal(t, 60, n)
		require.Equal(t, [2]int{514, 60}, [2]int{m.Aux.Len, m.Aux.SnapLen})
		st, err := s.PacketStatistics()
		require.NoError(t, err)
		require.Equal(t, packet.Statistics{Packets: 1}, st)
	})
}

func TestFiltersThatCannotBe(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		for _, kind := range [][3]int{{socket.AF_PACKET, raw, 0}, {socket.AF_INET, dgram, 0}, {socket.AF_INET, raw, 253}, {socket.AF_INET, socket.SOCK_STREAM, 0}} {
			s := h.socket(kind[0], kind[1], kind[2])
			ret := program(t, bpf.RetConstant{Val: 1})
			require.Equal(t, error(syscall.ENOENT), s.DetachFilter())
			require.Equal(t, error(syscall.EINVAL), s.AttachFilter(nil))
			require.Equal(t, error(syscall.EINVAL), s.AttachFilter(program(t, bpf.LoadConstant{Val: 1})))
			require.NoError(t, s.AttachFilter(ret))
			require.NoError(t, s.AttachFilter(ret), "another one")
			require.NoError(t, s.DetachFilter())
			require.NoError(t, s.Setsockopt(socket.SOL_SOCKET, socket.SO_LOCK_FILTER, 0))
			require.NoError(t, s.AttachFilter(ret))
			require.NoError(t, s.Setsockopt(socket.SOL_SOCKET, socket.SO_LOCK_FILTER, 1))
			require.Equal(t, error(syscall.EPERM), s.Setsockopt(socket.SOL_SOCKET, socket.SO_LOCK_FILTER, 0))
			require.Equal(t, error(syscall.EPERM), s.AttachFilter(ret))
			require.Equal(t, error(syscall.EPERM), s.DetachFilter())
			locked, err := s.Getsockopt(socket.SOL_SOCKET, socket.SO_LOCK_FILTER)
			require.NoError(t, err)
			require.Equal(t, 1, locked)
		}
	})
}
