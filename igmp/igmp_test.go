package igmp_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/checksum"
	"github.com/slankdev/ministack/igmp"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/test/world"
)

const eth0 = 2 // index of the device; 1 is lo

var group1, group2 = netip.MustParseAddr("239.1.1.1"), netip.MustParseAddr("239.1.1.2")

func source(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)}) }

func open(t testing.TB, p *world.Peer) *socket.Socket {
	k, err := p.S.Socket(socket.AF_INET, socket.SOCK_DGRAM, 0)
	require.NoError(t, err)
	return k
}

func join(t testing.TB, p *world.Peer, group netip.Addr) *socket.Socket {
	k := open(t, p)
	require.NoError(t, k.Membership(socket.IP_ADD_MEMBERSHIP, group, eth0))
	return k
}

// payloads returns the IGMP messages that the stack sent, checked (RFC 3376 4).
func payloads(p *world.Peer) [][]byte {
	var list [][]byte
	for _, f := range p.Take() {
		ip, ok := f.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		if !ok || ip.Protocol != layers.IPProtocolIGMP {
			continue
		}
		require.EqualValues(p.T, 1, ip.TTL)
		require.EqualValues(p.T, 0xc0, ip.TOS)
		require.Equal(p.T, []byte{148, 4, 0, 0}, ip.Contents[20:])
		require.True(p.T, checksum.Valid(checksum.Sum(0, ip.Payload)))
		list = append(list, ip.Payload)
	}
	return list
}

// said is what the stack has sent lately, in short.
func said(p *world.Peer) string {
	var all []string
	for _, m := range payloads(p) {
		if m[0] != igmp.TypeReportV3 {
			all = append(all, fmt.Sprintf("%#x(%v)", m[0], net.IP(m[4:8])))
			continue
		}
		for n, r := binary.BigEndian.Uint16(m[6:]), m[8:]; n > 0; n-- {
			k := int(binary.BigEndian.Uint16(r[2:]))
			names := []string{"", "IS_IN", "IS_EX", "TO_IN", "TO_EX", "ALLOW", "BLOCK"}
			all = append(all, fmt.Sprintf("%s(%v,%d)", names[r[0]], net.IP(r[4:8]), k))
			r = r[8+4*k:]
		}
	}
	return strings.Join(all, " ")
}

// hear puts a message to a group on the link.
func hear(p *world.Peer, dst netip.Addr, message ...byte) {
	binary.BigEndian.PutUint16(message[2:], 0)
	binary.BigEndian.PutUint16(message[2:], checksum.Finish(checksum.Sum(0, message)))
	sendTo(p, dst, message)
}

func sendTo(p *world.Peer, dst netip.Addr, message []byte) {
	a := dst.As4()
	e, ip := p.Ether(layers.EthernetTypeIPv4), p.IPv4(layers.IPProtocolIGMP)
	e.DstMAC, ip.DstIP = net.HardwareAddr{1, 0, 0x5e, a[1] & 0x7f, a[2], a[3]}, a[:]
	p.Send(e, ip, gopacket.Payload(message))
}

var allHosts = netip.MustParseAddr("224.0.0.1")

// query asks in version 3; code is the encoded response time.
func query(p *world.Peer, code byte, group netip.Addr, sources ...netip.Addr) {
	m := []byte{igmp.TypeQuery, code, 0, 0, 0, 0, 0, 0, 2, 125, 0, byte(len(sources))}
	dst := allHosts
	if group.IsValid() {
		copy(m[4:], group.AsSlice())
		dst = group
	}
	for _, s := range sources {
		m = append(m, s.AsSlice()...)
	}
	hear(p, dst, m...)
}

// RFC 3376 5.1, 4.2.12: a join and a leave are told as often as the robustness
// variable says, the first time at once, the next within a second.
func TestAChangeIsToldAsOftenAsRobustnessSays(t *testing.T) {
	p := world.NewPeer(t)
	require.NoError(t, p.S.SetSysctl("net.ipv4.igmp_qrv", "3"))
	k := join(t, p, group1)
	p.Wait(time.Millisecond)
	require.Equal(t, "TO_EX(239.1.1.1,0)", said(p))
	p.Wait(2100 * time.Millisecond)
	require.Equal(t, "TO_EX(239.1.1.1,0) TO_EX(239.1.1.1,0)", said(p))
	p.Wait(time.Minute)
	require.Empty(t, said(p))
	require.NoError(t, k.Close())
	p.Wait(time.Minute)
	require.Equal(t, strings.TrimSpace(strings.Repeat("TO_IN(239.1.1.1,0) ", 3)), said(p))
}

// RFC 3376 5.1: what changes while a change is still being told merges with it.
func TestChangesThatFollowQuicklyMerge(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p)
	for n := range 3 {
		require.NoError(t, k.SourceMembership(socket.IP_ADD_SOURCE_MEMBERSHIP, group1, source(n), eth0))
	}
	require.NoError(t, k.SourceMembership(socket.IP_DROP_SOURCE_MEMBERSHIP, group1, source(1), eth0))
	p.Wait(time.Millisecond)
	require.Equal(t, "ALLOW(239.1.1.1,2) BLOCK(239.1.1.1,1)", said(p))
	require.NoError(t, k.SetSourceFilter(group1, eth0, inet.NewFilter(true, nil)))
	p.Wait(time.Minute)
	require.Equal(t, "TO_EX(239.1.1.1,0) TO_EX(239.1.1.1,0)", said(p))
}

// RFC 3376 4.2.4, 4.2.16: records that one packet does not hold are spread over
// several; all sources are told.
func TestReportsThatAreTooLongAreSplit(t *testing.T) {
	p := world.NewPeer(t)
	require.NoError(t, p.S.SetSysctl("net.ipv4.igmp_max_msf", "2000"))
	k := join(t, p, group1)
	var list []netip.Addr
	for n := range 1000 {
		list = append(list, source(n))
	}
	require.NoError(t, k.SetSourceFilter(group1, eth0, inet.NewFilter(false, list)))
	p.Wait(time.Minute)
	p.Take()
	query(p, 1, netip.Addr{})
	p.Wait(time.Second)
	told := map[netip.Addr]bool{}
	for _, m := range payloads(p) {
		require.EqualValues(t, 1, binary.BigEndian.Uint16(m[6:]))
		require.EqualValues(t, igmp.IsInclude, m[8])
		for r := m[16:]; len(r) > 0; r = r[4:] {
			told[netip.AddrFrom4([4]byte(r))] = true
		}
	}
	require.Len(t, told, 1000)
	require.NoError(t, k.SetSourceFilter(group1, eth0, inet.NewFilter(true, list)))
	p.Wait(time.Millisecond)
	require.Equal(t, "TO_EX(239.1.1.1,365)", said(p), "what is left out is received, which harms nobody")
}

// RFC 3376 5.2 and 4.1.1: a general query is answered once, within its response
// time, which may be a float: 0x8f is 248 tenths of a second.
func TestAGeneralQueryIsAnsweredInTime(t *testing.T) {
	p := world.NewPeer(t)
	join(t, p, group1)
	join(t, p, group2)
	p.Wait(time.Minute)
	p.Take()
	latest := time.Duration(0)
	for range 200 {
		query(p, 0x8f, netip.Addr{})
		start := p.Clock.Now()
		for now := ""; now == ""; {
			p.Wait(100 * time.Millisecond)
			if now = said(p); now != "" {
				require.Equal(t, "IS_EX(239.1.1.2,0) IS_EX(239.1.1.1,0)", now)
				latest = max(latest, p.Clock.Now().Sub(start))
			}
		}
	}
	require.Greater(t, latest, 20*time.Second)
	require.LessOrEqual(t, latest, 25*time.Second)
}

// RFC 3376 5.2, rules 3 to 5: questions for sources add up, and one for the
// whole group takes their place.
func TestQuestionsThatWaitAddUp(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p)
	for n := range 4 {
		require.NoError(t, k.SourceMembership(socket.IP_ADD_SOURCE_MEMBERSHIP, group1, source(n), eth0))
	}
	p.Wait(time.Minute)
	p.Take()
	query(p, 100, group1, source(1))
	query(p, 100, group1, source(2), source(9))
	p.Wait(time.Minute)
	require.Equal(t, "IS_IN(239.1.1.1,2)", said(p))
	query(p, 100, group1, source(1))
	query(p, 100, group1)
	query(p, 100, group1, source(2))
	p.Wait(time.Minute)
	require.Equal(t, "IS_IN(239.1.1.1,4)", said(p))
}

// RFC 3376 7.2.1, RFC 2236 3: an older querier is answered in its version until
// it was not heard for the robustness variable times the query interval and a
// response interval, 2*125 + 10 s (RFC 3376 8).
func TestAnOlderQuerierIsForgotten(t *testing.T) {
	for version, c := range map[int]struct {
		code byte
		want string
	}{1: {0, "0x12(239.1.1.1)"}, 2: {100, "0x16(239.1.1.1)"}} {
		p := world.NewPeer(t)
		join(t, p, group1)
		p.Wait(time.Minute)
		p.Take()
		old := func() { hear(p, allHosts, igmp.TypeQuery, c.code, 0, 0, 0, 0, 0, 0) }
		old()
		p.Wait(11 * time.Second)
		require.Equal(t, c.want, said(p), "version %d", version)
		query(p, 100, netip.Addr{})
		p.Wait(11 * time.Second)
		require.Equal(t, c.want, said(p), "a newer query makes no difference")
		p.Wait(240 * time.Second)
		query(p, 100, netip.Addr{})
		p.Wait(11 * time.Second)
		require.Equal(t, "IS_EX(239.1.1.1,0)", said(p), "version %d", version)
	}
}

// RFC 2236 3: what another host reports need not be reported, and who has not
// reported last says nothing when it leaves.
func TestAReportOfAnotherHostSuffices(t *testing.T) {
	p := world.NewPeer(t)
	require.NoError(t, p.S.SetSysctl("net.ipv4.conf.all.force_igmp_version", "2"))
	k := join(t, p, group1)
	p.Wait(time.Minute)
	require.Equal(t, "0x16(239.1.1.1) 0x16(239.1.1.1)", said(p))
	hear(p, allHosts, igmp.TypeQuery, 100, 0, 0, 0, 0, 0, 0)
	hear(p, group1, igmp.TypeReportV2, 0, 0, 0, 239, 1, 1, 1)
	p.Wait(time.Minute)
	require.Empty(t, said(p))
	require.NoError(t, k.Close())
	p.Wait(time.Minute)
	require.Empty(t, said(p))
	k = join(t, p, group1)
	p.Wait(time.Minute)
	p.Take()
	require.NoError(t, k.Close())
	p.Wait(time.Minute)
	require.Equal(t, "0x17(239.1.1.1)", said(p))
}

// RFC 3376 4.1, 4.1.7, 8.3: a version 3 querier's robustness and intervals are taken
// over.
func TestTheQueriersVariablesAreTakenOver(t *testing.T) {
	p := world.NewPeer(t)
	hear(p, allHosts, igmp.TypeQuery, 1, 0, 0, 0, 0, 0, 0, 5, 4, 0, 0) // robustness 5, every 4 s
	join(t, p, group1)
	p.Wait(time.Minute)
	require.Equal(t, 5, strings.Count(said(p), "TO_EX"))
	hear(p, allHosts, igmp.TypeQuery, 10, 0, 0, 0, 0, 0, 0) // an older one: for 5*4 + 3 s
	p.Wait(22 * time.Second)
	require.Equal(t, "0x16(239.1.1.1)", said(p))
	p.Wait(time.Second)
	query(p, 1, netip.Addr{})
	p.Wait(time.Second)
	require.Equal(t, "IS_EX(239.1.1.1,0)", said(p))
}

// RFC 3376 5: nobody is told of the group of all hosts, or, if the setting says
// so, of groups of the link (RFC 1112).
func TestSomeGroupsAreNotReported(t *testing.T) {
	p := world.NewPeer(t)
	join(t, p, allHosts)
	p.Wait(time.Minute)
	require.Empty(t, said(p))
	link := netip.MustParseAddr("224.0.0.251")
	require.NoError(t, join(t, p, link).Close())
	p.Wait(time.Minute)
	require.NotEmpty(t, said(p))
	require.NoError(t, p.S.SetSysctl("net.ipv4.igmp_link_local_mcast_reports", "0"))
	join(t, p, link)
	query(p, 10, netip.Addr{})
	p.Wait(time.Minute)
	require.Empty(t, said(p))
	lo := open(t, p)
	require.NoError(t, lo.Membership(socket.IP_ADD_MEMBERSHIP, group1, 1))
	p.Wait(time.Minute)
	require.Empty(t, said(p))
}

// RFC 2236 2, RFC 3376 4.1: what is cut short, or whose checksum is wrong, has
// no effect and is counted.
func TestMalformedMessagesAreDropped(t *testing.T) {
	p := world.NewPeer(t)
	join(t, p, group1)
	p.Wait(time.Minute)
	p.Take()
	hear(p, allHosts, igmp.TypeQuery, 1, 0, 0)
	hear(p, allHosts, igmp.TypeQuery, 1, 0, 0, 0, 0, 0, 0, 2, 125)                    // neither version 2 nor 3
	hear(p, allHosts, igmp.TypeQuery, 1, 0, 0, 0, 0, 0, 0, 2, 125, 0, 3, 10, 0, 0, 1) // three sources, and one is there
	hear(p, allHosts, igmp.TypeQuery, 1, 0, 0, 0, 0, 0, 0, 2, 125, 0, 1, 10, 0, 0, 1) // sources of no group
	sendTo(p, allHosts, []byte{igmp.TypeQuery, 1, 1, 1, 0, 0, 0, 0, 2, 125, 0, 0})    // checksum
	hear(p, group1, igmp.TypeReportV3, 0, 0, 0, 0, 0, 0, 0)                           // concerns routers
	p.Wait(time.Minute)
	require.Empty(t, said(p))
	require.EqualValues(t, 3, p.S.Counters().Get(stat.OfReason(skb.IGMPHdr)))
	require.EqualValues(t, 1, p.S.Counters().Get(stat.OfReason(skb.IGMPCsum)))
	require.EqualValues(t, 1, p.S.Counters().Get(stat.IgmpInCsumErrors))
	require.EqualValues(t, 6, p.S.Counters().Get(stat.IgmpInMsgs))
	require.EqualValues(t, 2, p.S.Counters().Get(stat.IgmpOutReports))
}

// The link's filter follows the memberships: frames of a group that nobody
// wants are not taken from it.
func TestTheLinksFilterFollows(t *testing.T) {
	p := world.NewPeer(t)
	d := p.S.Devices()[1]
	mac := [6]byte{1, 0, 0x5e, 1, 1, 1}
	require.False(t, d.InGroup(mac))
	a, b := join(t, p, group1), join(t, p, group1)
	require.True(t, d.InGroup(mac))
	require.NoError(t, a.Close())
	require.True(t, d.InGroup(mac))
	require.NoError(t, b.Close())
	require.False(t, d.InGroup(mac))
	p.Wait(time.Minute)
}

func FuzzInput(f *testing.F) {
	f.Add([]byte{0x11, 1, 0, 0, 239, 1, 1, 1, 2, 125, 0, 1, 10, 1, 0, 1})
	f.Add([]byte{0x16, 0, 0, 0, 239, 1, 1, 1})
	f.Fuzz(func(t *testing.T, message []byte) {
		if len(message) < 4 || len(message) > 1400 {
			return
		}
		p := world.NewPeer(t)
		k := join(t, p, group1)
		require.NoError(t, k.SourceMembership(socket.IP_ADD_SOURCE_MEMBERSHIP, group2, source(1), eth0))
		hear(p, allHosts, append([]byte(nil), message...)...)
		hear(p, group2, append([]byte(nil), message...)...)
		p.Wait(time.Minute)
	})
}
