package parity

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/socket"
)

// B12: addresses that a socket may not have or send to.
func TestAddressesThatAreRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.socket(socket.AF_INET, socket.SOCK_DGRAM, 0)
		_, err := s.SendTo([]byte("x"), 0, netip.AddrPortFrom(broadcast, 9))
		require.Equal(t, error(syscall.EACCES), err)
		_, err = s.SendTo([]byte("x"), 0, netip.MustParseAddrPort("192.0.2.1:9"))
		require.Equal(t, error(syscall.ENETUNREACH), err)
		require.Equal(t, error(syscall.EADDRNOTAVAIL), s.Bind(netip.AddrPortFrom(peerAddr, 9)))
		require.NoError(t, s.Setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1))
		_, err = s.SendTo([]byte("x"), 0, netip.AddrPortFrom(broadcast, 9))
		require.NoError(t, err)
		h.expect(protocol(layers.IPProtocolUDP))
	})
}

// B33: a datagram to a closed port is answered, a broadcast one is not.
func TestClosedPorts(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		ip, udp := h.ipv4(layers.IPProtocolUDP), &layers.UDP{SrcPort: 9, DstPort: 9}
		require.NoError(t, udp.SetNetworkLayerForChecksum(ip))
		h.send(h.ether(layers.EthernetTypeIPv4), ip, udp)
		h.expect(icmp(3, 3))
		ip.DstIP = broadcast.AsSlice()
		h.send(h.ether(layers.EthernetTypeIPv4), ip, udp)
		h.silent(icmp(3, 3))
	})
}
