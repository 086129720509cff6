package parity

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"

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
