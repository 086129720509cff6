package parity

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/socket"
)

// B47: 65507 bytes are the most that a datagram takes.
func TestTheLargestDatagram(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.socket(socket.AF_INET, socket.SOCK_DGRAM, 0)
		to := netip.AddrPortFrom(peerAddr, 9)
		_, err := s.SendTo(make([]byte, 65508), 0, to)
		require.Equal(t, error(syscall.EMSGSIZE), err)
		n, err := s.SendTo(make([]byte, 65507), 0, to)
		require.NoError(t, err)
		require.Equal(t, 65507, n)
		h.expect(protocol(layers.IPProtocolUDP))
	})
}

// B47: ICMP 3/3 reaches a connected socket, and no other.
func TestPortUnreachableReachesConnectedSockets(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		to := netip.AddrPortFrom(peerAddr, 9)
		for _, connected := range []bool{true, false} {
			s := h.socket(socket.AF_INET, socket.SOCK_DGRAM, 0)
			if connected {
				require.NoError(t, s.Connect(to))
			} else {
				require.NoError(t, s.Setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 50_000))
			}
			_, err := s.SendTo([]byte("x"), 0, to)
			require.NoError(t, err)
			h.refuse(h.expect(protocol(layers.IPProtocolUDP)))
			_, err = s.Recv(make([]byte, 10), 0)
			if connected {
				require.Equal(t, error(syscall.ECONNREFUSED), err)
			} else {
				require.Equal(t, error(syscall.EAGAIN), err)
			}
		}
	})
}
