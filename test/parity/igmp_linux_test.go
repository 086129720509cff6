package parity

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/checksum"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/socket"
)

// What a host says of multicast groups on the wire, and to whom.

var (
	group1, group2 = netip.MustParseAddr("239.1.1.1"), netip.MustParseAddr("239.1.1.2")
	src1, src2     = netip.MustParseAddr("10.8.0.11"), netip.MustParseAddr("10.8.0.12")
	src3           = netip.MustParseAddr("10.8.0.13")
)

// igmpPacket chooses IGMP.
var igmpPacket = protocol(layers.IPProtocolIGMP)

// hear returns what the next IGMP packet says, as text, and demands that its
// header is right.
func (h *host) hear() string {
	h.t.Helper()
	p := h.expect(igmpPacket)
	ip := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	require.Equal(h.t, uint8(1), ip.TTL)
	require.Equal(h.t, uint8(0xc0), ip.TOS)
	require.Equal(h.t, []byte{148, 4, 0, 0}, ip.Contents[20:], "router alert")
	require.Equal(h.t, layers.IPv4DontFragment, ip.Flags)
	dst := ip.DstIP.To4()
	require.Equal(h.t, net.HardwareAddr{1, 0, 0x5e, dst[1] & 0x7f, dst[2], dst[3]}, p.LinkLayer().(*layers.Ethernet).DstMAC)
	require.True(h.t, checksum.Valid(checksum.Sum(0, ip.Payload)))
	return fmt.Sprintf("%v %s", ip.DstIP, igmpText(ip.Payload))
}

func igmpText(p []byte) string {
	if p[0] != 0x22 {
		return fmt.Sprintf("%#x %v", p[0], net.IP(p[4:8]))
	}
	var list []string
	for n, r := binary.BigEndian.Uint16(p[6:]), p[8:]; n > 0; n-- {
		var sources []string
		k := int(binary.BigEndian.Uint16(r[2:]))
		for i := range k {
			sources = append(sources, net.IP(r[8+4*i:12+4*i]).String())
		}
		sort.Strings(sources)
		names := []string{"", "IS_IN", "IS_EX", "TO_IN", "TO_EX", "ALLOW", "BLOCK"}
		list = append(list, fmt.Sprintf("%s(%v{%s})", names[r[0]], net.IP(r[4:8]), strings.Join(sources, " ")))
		r = r[8+4*k:]
	}
	return strings.Join(list, " ")
}

// sayTwice demands a report of version 3, and its repetition.
func (h *host) sayTwice(want string) {
	h.t.Helper()
	for range 2 {
		require.Equal(h.t, "224.0.0.22 "+want, h.hear())
	}
}

// setting sets a sysctl.
func (h *host) setting(name, value string) {
	if h.stack != nil {
		require.NoError(h.t, h.stack.SetSysctl(name, value))
		return
	}
	name = strings.Replace(name, "conf.all", "conf."+h.dev, 1) // the kernel has them by device
	path := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
	old, err := os.ReadFile(path)
	require.NoError(h.t, err)
	require.NoError(h.t, os.WriteFile(path, []byte(value), 0o644))
	h.t.Cleanup(func() { _ = os.WriteFile(path, old, 0o644) })
}

func (h *host) dgram() calls { return h.socket(socket.AF_INET, socket.SOCK_DGRAM, 0) }

// RFC 3376 5.1: each change of what is received is told twice, in the same
// records.
func TestChangesOfMembershipAreReported(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		h.setting("net.ipv4.conf.all.igmpv3_unsolicited_report_interval", "100")
		a, b := h.dgram(), h.dgram()
		require.NoError(t, a.Membership(socket.IP_ADD_MEMBERSHIP, group1, h.index))
		h.sayTwice("TO_EX(239.1.1.1{})")
		require.NoError(t, b.Membership(socket.MCAST_JOIN_GROUP, group1, h.index))
		require.NoError(t, a.SourceMembership(socket.MCAST_BLOCK_SOURCE, group1, src1, h.index))
		h.silent(igmpPacket, "the other still wants it")
		require.NoError(t, b.SourceMembership(socket.MCAST_BLOCK_SOURCE, group1, src1, h.index))
		h.sayTwice("BLOCK(239.1.1.1{10.8.0.11})")
		require.NoError(t, b.SourceMembership(socket.MCAST_UNBLOCK_SOURCE, group1, src1, h.index))
		h.sayTwice("ALLOW(239.1.1.1{10.8.0.11})")
		require.NoError(t, a.Membership(socket.MCAST_LEAVE_GROUP, group1, h.index))
		require.NoError(t, b.Membership(socket.IP_DROP_MEMBERSHIP, group1, h.index))
		h.sayTwice("TO_IN(239.1.1.1{})")
	})
}

// RFC 3376 5.1: the same for memberships in the sources of a group.
func TestChangesOfSourcesAreReported(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		h.setting("net.ipv4.conf.all.igmpv3_unsolicited_report_interval", "100")
		a, b := h.dgram(), h.dgram()
		require.NoError(t, a.SourceMembership(socket.MCAST_JOIN_SOURCE_GROUP, group1, src1, h.index))
		h.sayTwice("ALLOW(239.1.1.1{10.8.0.11})")
		require.NoError(t, a.SourceMembership(socket.MCAST_JOIN_SOURCE_GROUP, group1, src2, h.index))
		h.sayTwice("ALLOW(239.1.1.1{10.8.0.12})")
		require.NoError(t, b.Membership(socket.IP_ADD_MEMBERSHIP, group1, h.index))
		h.sayTwice("TO_EX(239.1.1.1{})")
		require.NoError(t, b.Close())
		h.sayTwice("TO_IN(239.1.1.1{10.8.0.11 10.8.0.12})")
		require.NoError(t, a.SetSourceFilter(group1, h.index, inet.NewFilter(false, []netip.Addr{src2, src3})))
		h.sayTwice("ALLOW(239.1.1.1{10.8.0.13}) BLOCK(239.1.1.1{10.8.0.11})")
		require.NoError(t, a.SetSourceFilter(group1, h.index, inet.NewFilter(true, []netip.Addr{src1})))
		h.sayTwice("TO_EX(239.1.1.1{10.8.0.11})")
		f, err := a.SourceFilter(group1, h.index)
		require.NoError(t, err)
		require.Equal(t, inet.NewFilter(true, []netip.Addr{src1}), f)
		require.NoError(t, a.SetSourceFilter(group1, h.index, inet.NewFilter(false, []netip.Addr{src2})))
		h.sayTwice("TO_IN(239.1.1.1{10.8.0.12})")
		require.NoError(t, a.SourceMembership(socket.MCAST_LEAVE_SOURCE_GROUP, group1, src2, h.index))
		h.sayTwice("BLOCK(239.1.1.1{10.8.0.12})")
	})
}

// Membership calls are refused by the same errnos.
func TestMembershipsThatCannotBe(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s := h.dgram()
		join := func(name int, group, src netip.Addr) error { return s.SourceMembership(name, group, src, h.index) }
		require.Equal(t, error(syscall.EINVAL), s.Membership(socket.IP_ADD_MEMBERSHIP, hostAddr, h.index))
		require.Equal(t, error(syscall.ENODEV), s.Membership(socket.IP_ADD_MEMBERSHIP, group1, 99))
		require.Equal(t, error(syscall.EADDRNOTAVAIL), s.Membership(socket.IP_DROP_MEMBERSHIP, group1, h.index))
		require.Equal(t, error(syscall.EINVAL), join(socket.MCAST_BLOCK_SOURCE, group1, src1), "not joined")
		require.Equal(t, error(syscall.EINVAL), join(socket.MCAST_LEAVE_SOURCE_GROUP, group1, src1), "not joined")
		require.NoError(t, s.Membership(socket.IP_ADD_MEMBERSHIP, group1, h.index))
		require.Equal(t, error(syscall.EADDRINUSE), s.Membership(socket.IP_ADD_MEMBERSHIP, group1, h.index))
		require.Equal(t, error(syscall.EADDRINUSE), s.Membership(socket.MCAST_JOIN_GROUP, group1, h.index))
		require.NoError(t, join(socket.MCAST_BLOCK_SOURCE, group1, src1))
		require.Equal(t, error(syscall.EADDRNOTAVAIL), join(socket.MCAST_BLOCK_SOURCE, group1, src1), "blocked already")
		require.Equal(t, error(syscall.EADDRNOTAVAIL), join(socket.MCAST_UNBLOCK_SOURCE, group1, src2), "not blocked")
		require.Equal(t, error(syscall.EINVAL), join(socket.MCAST_JOIN_SOURCE_GROUP, group1, src2), "of the other kind")
		require.NoError(t, join(socket.MCAST_JOIN_SOURCE_GROUP, group2, src1))
		require.Equal(t, error(syscall.EADDRNOTAVAIL), join(socket.MCAST_JOIN_SOURCE_GROUP, group2, src1))
		require.Equal(t, error(syscall.EADDRNOTAVAIL), join(socket.MCAST_LEAVE_SOURCE_GROUP, group2, src2))
		require.NoError(t, join(socket.MCAST_LEAVE_SOURCE_GROUP, group2, src1))
		_, err := s.SourceFilter(group2, h.index)
		require.Equal(t, error(syscall.EADDRNOTAVAIL), err, "without a source it is over")
		for i := range 9 {
			require.NoError(t, join(socket.MCAST_BLOCK_SOURCE, group1, netip.AddrFrom4([4]byte{10, 8, 0, byte(100 + i)})))
		}
		require.Equal(t, error(syscall.ENOBUFS), join(socket.MCAST_BLOCK_SOURCE, group1, src3), "igmp_max_msf")
		for i := range 19 {
			require.NoError(t, s.Membership(socket.IP_ADD_MEMBERSHIP, netip.AddrFrom4([4]byte{239, 2, 2, byte(i)}), h.index))
		}
		require.Equal(t, error(syscall.ENOBUFS), s.Membership(socket.IP_ADD_MEMBERSHIP, group2, h.index), "igmp_max_memberships")
		stream := h.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
		require.Equal(t, error(syscall.EPROTO), stream.Membership(socket.IP_ADD_MEMBERSHIP, group1, h.index))
	})
}

// query is an IGMP query from the peer; head is what follows the type.
func (h *host) query(dst netip.Addr, head ...byte) {
	p := append([]byte{0x11}, head...)
	binary.BigEndian.PutUint16(p[2:], checksum.Finish(checksum.Sum(0, p)))
	h.toGroup(dst, layers.IPProtocolIGMP, 1, p)
}

// toGroup puts a datagram to a multicast group on the wire.
func (h *host) toGroup(dst netip.Addr, proto layers.IPProtocol, ttl uint8, payload []byte) {
	a := dst.As4()
	e := h.ether(layers.EthernetTypeIPv4)
	e.DstMAC = net.HardwareAddr{1, 0, 0x5e, a[1] & 0x7f, a[2], a[3]}
	ip := h.ipv4(proto)
	ip.DstIP, ip.TTL = a[:], ttl
	h.send(e, ip, gopacket.Payload(payload))
}

var allSystems = netip.MustParseAddr("224.0.0.1")

// RFC 3376 5.2: general queries, those for a group, and those for sources are
// answered by the same records.
func TestQueriesAreAnswered(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		h.setting("net.ipv4.conf.all.igmpv3_unsolicited_report_interval", "10")
		s := h.dgram()
		require.NoError(t, s.Membership(socket.IP_ADD_MEMBERSHIP, group1, h.index))
		h.sayTwice("TO_EX(239.1.1.1{})")
		require.NoError(t, s.SourceMembership(socket.MCAST_BLOCK_SOURCE, group1, src1, h.index))
		h.sayTwice("BLOCK(239.1.1.1{10.8.0.11})")
		require.NoError(t, s.SourceMembership(socket.MCAST_JOIN_SOURCE_GROUP, group2, src1, h.index))
		h.sayTwice("ALLOW(239.1.1.2{10.8.0.11})")
		require.NoError(t, s.SourceMembership(socket.MCAST_JOIN_SOURCE_GROUP, group2, src2, h.index))
		h.sayTwice("ALLOW(239.1.1.2{10.8.0.12})")
		ask := func(dst netip.Addr, sources ...netip.Addr) {
			head := []byte{1, 0, 0, 0, 0, 0, 0, 2, 125, 0, byte(len(sources))}
			if dst != allSystems {
				copy(head[3:], dst.AsSlice())
			}
			for _, a := range sources {
				head = append(head, a.AsSlice()...)
			}
			h.query(dst, head...)
		}
		ask(allSystems)
		require.Equal(t, "224.0.0.22 IS_IN(239.1.1.2{10.8.0.11 10.8.0.12}) IS_EX(239.1.1.1{10.8.0.11})", h.hear())
		ask(group1)
		require.Equal(t, "224.0.0.22 IS_EX(239.1.1.1{10.8.0.11})", h.hear())
		ask(group2)
		require.Equal(t, "224.0.0.22 IS_IN(239.1.1.2{10.8.0.11 10.8.0.12})", h.hear())
		ask(group2, src1, src3)
		require.Equal(t, "224.0.0.22 IS_IN(239.1.1.2{10.8.0.11})", h.hear())
		ask(group1, src1, src2)
		require.Equal(t, "224.0.0.22 IS_EX(239.1.1.1{10.8.0.11})", h.hear())
		ask(group1, src1)
		ask(group2, src3)
		ask(netip.MustParseAddr("239.9.9.9"))
		time.Sleep(200 * time.Millisecond)
		h.silent(igmpPacket, "nothing of it is received")
	})
}

// RFC 2236 3: with a querier of version 2 about, reports and leaves are of that
// version, and another host's report suffices.
func TestAnOlderQuerierIsAnsweredInItsVersion(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		h.setting("net.ipv4.conf.all.igmpv3_unsolicited_report_interval", "10")
		h.setting("net.ipv4.conf.all.igmpv2_unsolicited_report_interval", "100")
		s := h.dgram()
		require.NoError(t, s.Membership(socket.IP_ADD_MEMBERSHIP, group1, h.index))
		h.sayTwice("TO_EX(239.1.1.1{})")
		h.query(allSystems, 5, 0, 0, 0, 0, 0, 0)
		require.Equal(t, "239.1.1.1 0x16 239.1.1.1", h.hear())
		require.NoError(t, s.Membership(socket.IP_ADD_MEMBERSHIP, group2, h.index))
		require.Equal(t, "239.1.1.2 0x16 239.1.1.2", h.hear())
		require.Equal(t, "239.1.1.2 0x16 239.1.1.2", h.hear(), "robustness")
		h.query(group1, 30, 0, 0, 239, 1, 1, 1)
		report := []byte{0x16, 0, 0, 0, 239, 1, 1, 1}
		binary.BigEndian.PutUint16(report[2:], checksum.Finish(checksum.Sum(0, report)))
		h.toGroup(group1, layers.IPProtocolIGMP, 1, report)
		time.Sleep(100 * time.Millisecond) // it is seen
		require.NoError(t, s.Membership(socket.IP_DROP_MEMBERSHIP, group1, h.index))
		require.NoError(t, s.Membership(socket.IP_DROP_MEMBERSHIP, group2, h.index))
		require.Equal(t, "224.0.0.2 0x17 239.1.1.2", h.hear(), "the other was reported by another host")
		h.query(allSystems, 0, 0, 0, 0, 0, 0, 0) // version 1
		time.Sleep(100 * time.Millisecond)
		require.NoError(t, s.Membership(socket.IP_ADD_MEMBERSHIP, group2, h.index))
		require.Equal(t, "239.1.1.2 0x12 239.1.1.2", h.hear())
	})
}

// A socket receives of its groups what its filter lets through, and of those
// that others joined if IP_MULTICAST_ALL is on.
func TestFiltersDecideWhatIsDelivered(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		open := func(port uint16) calls {
			s := h.dgram()
			require.NoError(t, s.Setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1))
			require.NoError(t, s.Bind(netip.AddrPortFrom(netip.IPv4Unspecified(), port)))
			return s
		}
		blocks, includes, stranger, loner := open(9), open(9), open(9), open(9)
		require.NoError(t, blocks.Membership(socket.IP_ADD_MEMBERSHIP, group1, h.index))
		require.NoError(t, blocks.SourceMembership(socket.MCAST_BLOCK_SOURCE, group1, src1, h.index))
		require.NoError(t, includes.SourceMembership(socket.MCAST_JOIN_SOURCE_GROUP, group1, src1, h.index))
		require.NoError(t, loner.Setsockopt(socket.SOL_IP, socket.IP_MULTICAST_ALL, 0))
		datagram := func(from, group netip.Addr, text string) {
			ip := h.ipv4(layers.IPProtocolUDP)
			ip.SrcIP, ip.DstIP = from.AsSlice(), group.AsSlice()
			udp := &layers.UDP{SrcPort: 9, DstPort: 9}
			require.NoError(t, udp.SetNetworkLayerForChecksum(ip))
			e := h.ether(layers.EthernetTypeIPv4)
			a := group.As4()
			e.DstMAC = net.HardwareAddr{1, 0, 0x5e, a[1] & 0x7f, a[2], a[3]}
			h.send(e, ip, udp, gopacket.Payload(text))
		}
		datagram(src1, group1, "one")
		datagram(src2, group1, "two")
		datagram(src1, group2, "none joined it")
		got := func(s calls) (list []string) {
			buf := make([]byte, 100)
			require.NoError(t, s.Setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 100_000))
			for {
				n, err := s.Recv(buf, 0)
				if err != nil {
					return list
				}
				list = append(list, string(buf[:n]))
			}
		}
		require.Equal(t, []string{"two"}, got(blocks))
		require.Equal(t, []string{"one"}, got(includes))
		require.Equal(t, []string{"one", "two"}, got(stranger))
		require.Empty(t, got(loner))
	})
}
