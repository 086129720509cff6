package parity

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/socket"
)

// The numbers of RFC 3692 for experiments: no kernel has a handler for them.
const (
	experiment = 253
	unheard    = 254 // no test listens for it
)

func (h *host) raw(protocol int) calls {
	h.t.Helper()
	return h.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
}

var toPeer = netip.AddrPortFrom(peerAddr, 0)

// mustSend sends all of p to the peer.
func (h *host) mustSend(s calls, p []byte) {
	h.t.Helper()
	n, err := s.SendTo(p, 0, toPeer)
	require.NoError(h.t, err)
	require.Equal(h.t, len(p), n)
}

// receive reads one datagram, which must come.
func (h *host) receive(s calls) []byte {
	h.t.Helper()
	buf := make([]byte, 1<<16)
	n, err := s.Recv(buf, 0)
	require.NoError(h.t, err)
	return buf[:n]
}

// nothing demands that there is nothing to read, after the host has answered an
// echo request: what was sent to it before has been looked at then.
func (h *host) nothing(s calls, why ...any) {
	h.t.Helper()
	h.settle()
	_, err := s.Recv(make([]byte, 10), socket.MSG_DONTWAIT)
	require.Equal(h.t, error(syscall.EAGAIN), err, why...)
}

// settle has the host answer an echo request.
func (h *host) settle() {
	h.t.Helper()
	h.send(h.ether(layers.EthernetTypeIPv4), h.ipv4(layers.IPProtocolICMPv4),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 0x5e77}, gopacket.Payload("settle"))
	h.expect(func(p gopacket.Packet) bool {
		m, ok := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
		return ok && m.TypeCode.Type() == 0 && m.Id == 0x5e77
	})
}

// resolve is settle by ARP, which counters of IP and ICMP know nothing of.
func (h *host) resolve() {
	h.t.Helper()
	h.send(h.ether(layers.EthernetTypeARP), &layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4,
		HwAddressSize: 6, ProtAddressSize: 4, Operation: layers.ARPRequest,
		SourceHwAddress: peerMAC, SourceProtAddress: peerAddr.AsSlice(),
		DstHwAddress: make([]byte, 6), DstProtAddress: hostAddr.AsSlice()})
	h.see(func(p gopacket.Packet) bool {
		a, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP)
		return ok && a.Operation == layers.ARPReply
	})
}

// header is an IPv4 header of the user's: version, ihl, ttl, protocol and
// destination are set.
func header(protocol byte, dst netip.Addr) []byte {
	p := make([]byte, 20)
	p[0], p[8], p[9] = 0x45, 33, protocol
	copy(p[16:], dst.AsSlice())
	return p
}

func ipOf(p gopacket.Packet) *layers.IPv4 { return p.Layer(layers.LayerTypeIPv4).(*layers.IPv4) }

// B2: IPPROTO_RAW means IP_HDRINCL; other protocols begin without.
func TestIPPROTO_RAWHasItsHeader(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		for protocol, want := range map[int]int{socket.IPPROTO_RAW: 1, socket.IPPROTO_ICMP: 0, experiment: 0} {
			got, err := h.raw(protocol).Getsockopt(socket.SOL_IP, socket.IP_HDRINCL)
			require.NoError(t, err)
			require.Equal(t, want, got, "protocol %d", protocol)
		}
	})
}

// B2: IPPROTO_RAW receives protocol 255 and no other.
func TestIPPROTO_RAWIsNoWildcard(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(socket.IPPROTO_RAW)
		for _, protocol := range []layers.IPProtocol{1, experiment} {
			h.send(h.ether(layers.EthernetTypeIPv4), h.ipv4(protocol), gopacket.Payload(make([]byte, 8)))
		}
		h.nothing(s)
		h.send(h.ether(layers.EthernetTypeIPv4), h.ipv4(255), gopacket.Payload("255"))
		require.Equal(t, "255", string(h.receive(s)[20:]))
	})
}

// B3: what is the stack's in a header of the user's, and what is his.
func TestWhatTheStackFillsInOfAHeader(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(socket.IPPROTO_RAW)
		p := append(header(experiment, peerAddr), "four"...)
		h.mustSend(s, p)
		ip := ipOf(h.expect(protocol(experiment))) // its length and checksum are verified
		require.Equal(t, hostAddr.String(), ip.SrcIP.String())
		require.NotZero(t, ip.Id)
		require.EqualValues(t, 33, ip.TTL)
		require.EqualValues(t, 0, ip.Flags)

		binary.BigEndian.PutUint16(p[2:], 9999)
		binary.BigEndian.PutUint16(p[4:], 0x1234)
		binary.BigEndian.PutUint16(p[6:], 0x4000)
		binary.BigEndian.PutUint16(p[10:], 0xdead)
		p[1] = 0x2d
		copy(p[12:], []byte{192, 0, 2, 7})
		h.mustSend(s, p)
		ip = ipOf(h.expect(protocol(experiment)))
		require.Equal(t, "192.0.2.7", ip.SrcIP.String())
		require.EqualValues(t, 0x1234, ip.Id)
		require.EqualValues(t, 24, ip.Length)
		require.EqualValues(t, 0x2d, ip.TOS)
		require.Equal(t, layers.IPv4DontFragment, ip.Flags)
		require.Equal(t, "four", string(ip.Payload))
	})
}

// B4: headers that cannot be, packets that do not fit, and whose destination
// counts.
func TestPacketsWithAHeaderAreChecked(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.raw(socket.IPPROTO_RAW)
		long := header(experiment, peerAddr)
		long[0] = 0x4f
		for name, c := range map[string]struct {
			p    []byte
			want syscall.Errno
		}{
			"nothing":         {nil, syscall.EINVAL},
			"19 bytes":        {header(experiment, peerAddr)[:19], syscall.EINVAL},
			"ihl past end":    {long, syscall.EINVAL},
			"1501 bytes":      {append(header(experiment, peerAddr), make([]byte, 1481)...), syscall.EMSGSIZE},
			"more than there": {make([]byte, 65536), syscall.EMSGSIZE},
		} {
			_, err := s.SendTo(c.p, 0, toPeer)
			require.Equal(t, error(c.want), err, name)
		}
		h.silent(protocol(experiment))
		h.mustSend(s, append(header(experiment, peerAddr), make([]byte, 1480)...))
		require.EqualValues(t, 1500, ipOf(h.expect(protocol(experiment))).Length)
		h.mustSend(s, header(experiment, netip.MustParseAddr("192.0.2.9")))
		p := h.expect(protocol(experiment))
		require.Equal(t, "192.0.2.9", ipOf(p).DstIP.String(), "the header's destination is on the wire")
		require.Equal(t, peerMAC, p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet).DstMAC, "the address's has routed")
	})
}
