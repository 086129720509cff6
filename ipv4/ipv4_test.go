package ipv4_test

import (
	"math/rand"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/ipv4"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

func echoTo(p *world.Peer, ip *layers.IPv4, n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i * 3)
	}
	return p.Build(p.Ether(layers.EthernetTypeIPv4), ip,
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 7, Seq: 1}, gopacket.Payload(data))
}

func icmpOf(pkt gopacket.Packet) *layers.ICMPv4 {
	i, _ := pkt.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	return i
}

func ipOf(pkt gopacket.Packet) *layers.IPv4 { return pkt.Layer(layers.LayerTypeIPv4).(*layers.IPv4) }

// RFC 1122 3, 3.2.1.1, 3.2.1.2.
func TestInputChecksComeInLinuxsOrder(t *testing.T) { // B37
	for _, c := range []struct {
		name   string
		change func(frame []byte) []byte
		want   skb.Reason
	}{
		{"another host's, whatever else is wrong", func(f []byte) []byte { f[5] ^= 1; f[14] = 0x60; return f }, skb.OtherHost},
		{"shorter than a header", func(f []byte) []byte { return f[:14+19] }, skb.PktTooSmall},
		{"version", func(f []byte) []byte { f[14] = 0x65; return f }, skb.IPInHdr},
		{"header length below 20", func(f []byte) []byte { f[14] = 0x44; return f }, skb.IPInHdr},
		{"header length beyond the packet", func(f []byte) []byte { f[14] = 0x4f; return f[:14+40] }, skb.IPInHdr},
		{"checksum, before the length is looked at", func(f []byte) []byte { f[14+10] ^= 1; return f[:14+30] }, skb.IPCsum},
		{"cut short", func(f []byte) []byte { return f[:14+50] }, skb.PktTooSmall},
	} {
		p := world.NewPeer(t)
		p.SendRaw(c.change(echoTo(p, p.IPv4(layers.IPProtocolICMPv4), 56)))
		p.Silent(c.name)
		require.EqualValues(t, 1, p.S.Pool().Drops(c.want), c.name)
	}
}

func TestEthernetPaddingIsTrimmed(t *testing.T) { // B37
	p := world.NewPeer(t)
	p.Introduce()
	p.SendRaw(append(echoTo(p, p.IPv4(layers.IPProtocolICMPv4), 1), make([]byte, 17)...))
	require.EqualValues(t, 20+8+1, ipOf(p.One()).Length)
}

// RFC 1122 4.1.3.6.
func TestSourcesThatNoHostMayHaveAreDropped(t *testing.T) {
	for _, src := range []string{"127.0.0.1", "224.0.0.5", "255.255.255.255", "10.0.0.1"} {
		p := world.NewPeer(t)
		ip := p.IPv4(layers.IPProtocolICMPv4)
		ip.SrcIP = net.ParseIP(src).To4()
		p.SendRaw(echoTo(p, ip, 8))
		p.Silent(src)
		require.EqualValues(t, 1, p.S.Pool().Drops(skb.IPInvalidSource), src)
	}
}

func TestADestinationNotOursIsSilenceWithoutForwarding(t *testing.T) { // B33
	p := world.NewPeer(t)
	ip := p.IPv4(layers.IPProtocolICMPv4)
	ip.DstIP = net.IPv4(192, 0, 2, 7).To4()
	p.SendRaw(echoTo(p, ip, 8))
	p.Silent()
	require.EqualValues(t, 1, p.S.Pool().Drops(skb.IPForwardOff))
}

func TestAnUnknownProtocolIsUnreachable(t *testing.T) { // B9
	p := world.NewPeer(t)
	p.Introduce()
	p.Send(p.Ether(layers.EthernetTypeIPv4), p.IPv4(253), gopacket.Payload("what is this"))
	pkt := p.One()
	require.Equal(t, layers.CreateICMPv4TypeCode(3, 2), icmpOf(pkt).TypeCode)
	require.EqualValues(t, 0xc0, ipOf(pkt).TOS)
}

func TestRecordRouteIsEchoedFilled(t *testing.T) { // B34
	p := world.NewPeer(t)
	p.Introduce()
	ip := p.IPv4(layers.IPProtocolICMPv4)
	ip.Options = []layers.IPv4Option{{OptionType: 7, OptionLength: 7, OptionData: []byte{4, 0, 0, 0, 0}}}
	p.SendRaw(echoTo(p, ip, 8))
	reply := ipOf(p.One())
	require.EqualValues(t, 7, reply.IHL)
	require.Equal(t, []byte{8, 10, 0, 0, 1}, reply.Options[0].OptionData)
}

func TestAMalformedOptionIsAParameterProblem(t *testing.T) { // B34
	p := world.NewPeer(t)
	p.Introduce()
	ip := p.IPv4(layers.IPProtocolICMPv4)
	ip.Options = []layers.IPv4Option{{OptionType: 7, OptionLength: 7, OptionData: []byte{2, 0, 0, 0, 0}}}
	p.SendRaw(echoTo(p, ip, 8))
	i := icmpOf(p.One())
	require.Equal(t, layers.CreateICMPv4TypeCode(12, 0), i.TypeCode)
	require.EqualValues(t, 22, i.Id>>8, "the pointer names the octet")
}

// RFC 1122 3.2.1.8.
func TestNopAndEndAreIgnored(t *testing.T) { // B34
	p := world.NewPeer(t)
	p.Introduce()
	ip := p.IPv4(layers.IPProtocolICMPv4)
	ip.Options = []layers.IPv4Option{{OptionType: 1}, {OptionType: 1}, {OptionType: 1}, {OptionType: 0}}
	p.SendRaw(echoTo(p, ip, 8))
	require.EqualValues(t, 5, ipOf(p.One()).IHL)
}

// cut makes fragments of a whole datagram at the given offsets.
func cut(frame []byte, at ...int) [][]byte {
	head, data := frame[:34], frame[34:]
	var out [][]byte
	for i, from := range at {
		to, more := len(data), uint16(0)
		if i+1 < len(at) {
			to, more = at[i+1], 0x2000
		}
		out = append(out, fragment(head, data[from:to], from, more))
	}
	return out
}

func fragment(head, data []byte, off int, more uint16) []byte {
	f := append(append([]byte(nil), head...), data...)
	h := f[14:]
	put := func(i int, v uint16) { h[i], h[i+1] = byte(v>>8), byte(v) }
	put(2, uint16(20+len(data)))
	put(6, uint16(off/8)|more)
	put(10, 0)
	var s uint32
	for i := 0; i < 20; i += 2 {
		s += uint32(h[i])<<8 | uint32(h[i+1])
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	put(10, ^uint16(s))
	return f
}

func TestFragmentsInAnyOrderAndTwiceAreJoined(t *testing.T) { // B35
	r := rand.New(rand.NewSource(4))
	for round := range 60 {
		p := world.NewPeer(t)
		p.Introduce()
		n := 40 + r.Intn(1400)
		var at []int
		for off := 0; off < n; off += 8 * (1 + r.Intn(20)) {
			at = append(at, off)
		}
		parts := cut(echoTo(p, p.IPv4(layers.IPProtocolICMPv4), n-8), at...)
		switch round % 3 {
		case 1:
			for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
				parts[i], parts[j] = parts[j], parts[i]
			}
		case 2:
			r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
			if len(parts) > 1 {
				parts = append(parts[:1], parts...) // an exact duplicate
			}
		}
		for _, f := range parts {
			p.SendRaw(f)
		}
		i := icmpOf(p.One())
		require.Equal(t, layers.CreateICMPv4TypeCode(0, 0), i.TypeCode)
		require.Len(t, i.Payload, n-8)
		for k, v := range i.Payload {
			require.Equal(t, byte(k*3), v)
		}
	}
}

// RFC 5722 4.
func TestAnyOverlapEndsTheDatagram(t *testing.T) { // B35
	for name, at := range map[string][2]int{"partly": {16, 40}, "inside": {8, 16}, "around": {0, 64}} {
		p := world.NewPeer(t)
		p.Introduce()
		frame := echoTo(p, p.IPv4(layers.IPProtocolICMPv4), 92)
		head, data := frame[:34], frame[34:]
		p.SendRaw(fragment(head, data[8:32], 8, 0x2000))
		p.SendRaw(fragment(head, data[at[0]:at[1]], at[0], 0x2000))
		p.SendRaw(fragment(head, data[:8], 0, 0x2000))
		p.SendRaw(fragment(head, data[32:], 32, 0))
		p.Silent(name)
		require.NotZero(t, p.S.Pool().Drops(skb.FragOverlap), name)
	}
}

func TestFragmentsThatCannotBeAreDropped(t *testing.T) { // B35
	p := world.NewPeer(t)
	p.Introduce()
	frame := echoTo(p, p.IPv4(layers.IPProtocolICMPv4), 92)
	p.SendRaw(fragment(frame[:34], frame[34:34+30], 0, 0x2000)) // not a multiple of 8
	require.EqualValues(t, 1, p.S.Pool().Drops(skb.FragInvalid))
	p.SendRaw(fragment(frame[:34], frame[34:], 65528, 0)) // past 65535
	require.EqualValues(t, 2, p.S.Pool().Drops(skb.FragInvalid))
	p.Take()
}

// RFC 1122 3.3.2.
func TestWhatIsNotWholeAfter30sIsReportedIfItsStartCame(t *testing.T) { // B35
	for _, first := range []bool{true, false} {
		p := world.NewPeer(t)
		p.Introduce()
		frame := echoTo(p, p.IPv4(layers.IPProtocolICMPv4), 92)
		from := 32
		if first {
			from = 0
		}
		p.SendRaw(fragment(frame[:34], frame[34+from:34+from+32], from, 0x2000))
		p.Wait(29 * time.Second)
		p.Silent()
		p.Wait(2 * time.Second)
		require.NotZero(t, p.S.Pool().Drops(skb.FragReasmTimeout))
		if !first {
			p.Silent()
			continue
		}
		require.Equal(t, layers.CreateICMPv4TypeCode(11, 1), icmpOf(p.One()).TypeCode)
	}
}

func TestReassemblyIsBoundedInMemory(t *testing.T) { // B35
	p := world.NewPeer(t)
	require.NoError(t, p.S.SetSysctl("net.ipv4.ipfrag_high_thresh", "100000"))
	for id := range 500 {
		ip := p.IPv4(layers.IPProtocolICMPv4)
		ip.Id = uint16(id)
		frame := echoTo(p, ip, 800)
		p.SendRaw(fragment(frame[:34], frame[34:34+800], 0, 0x2000))
	}
	require.NotZero(t, p.S.Pool().Drops(skb.FragMemLimit))
	require.Less(t, p.S.Pool().Count().Live, int64(200))
}

// RFC 791 2.3.
func TestLargeDatagramsLeaveInFragmentsThatJoinAgain(t *testing.T) { // B35, RFC 791 3.2
	p := world.NewPeer(t)
	p.Introduce()
	c, err := p.S.Dial("udp", "10.0.0.9:9")
	require.NoError(t, err)
	_, err = c.Write(make([]byte, 4000))
	require.NoError(t, err)
	out := p.Take()
	require.Len(t, out, 3)
	off := 0
	for i, f := range out {
		ip := ipOf(f)
		require.Equal(t, ipOf(out[0]).Id, ip.Id)
		require.EqualValues(t, off, int(ip.FragOffset)*8)
		require.Equal(t, i < 2, ip.Flags&layers.IPv4MoreFragments != 0)
		off += int(ip.Length) - 20
	}
	require.Equal(t, 4008, off)
}

// RFC 1122 3.3.1.
func TestRoutesAreChosenByPrefixThenMetric(t *testing.T) {
	p := world.NewPeer(t)
	s := p.S
	require.NoError(t, s.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr("10.0.0.254"), "eth0"))
	require.NoError(t, s.AddRoute(netip.MustParsePrefix("192.0.2.0/24"), netip.MustParseAddr("10.0.0.253"), ""))
	require.NoError(t, s.AddRoute(netip.MustParsePrefix("192.0.2.128/25"), netip.MustParseAddr("10.0.0.252"), ""))
	require.ErrorIs(t, s.AddRoute(netip.MustParsePrefix("192.0.2.0/24"), netip.MustParseAddr("10.0.0.253"), ""), syscall.EEXIST)
	require.ErrorIs(t, s.AddRoute(netip.MustParsePrefix("198.51.100.0/24"), netip.MustParseAddr("172.31.0.1"), ""), syscall.ENETUNREACH)
	for dst, via := range map[string]string{"203.0.113.1": "10.0.0.254", "192.0.2.1": "10.0.0.253", "192.0.2.200": "10.0.0.252", "10.0.0.50": "10.0.0.50"} {
		c, err := s.Dial("udp", dst+":9")
		require.NoError(t, err)
		_, err = c.Write([]byte("x"))
		require.NoError(t, err)
		a := p.One().Layer(layers.LayerTypeARP).(*layers.ARP)
		require.Equal(t, netip.MustParseAddr(via).AsSlice(), a.DstProtAddress, dst)
	}
	require.NoError(t, s.DelRoute(netip.MustParsePrefix("0.0.0.0/0"), netip.Addr{}, ""))
	_, err := s.Dial("udp", "203.0.113.1:9")
	require.ErrorIs(t, err, syscall.ENETUNREACH, "B12")
}

func TestBroadcastNeedsPermission(t *testing.T) { // B12
	p := world.NewPeer(t)
	u, err := p.S.ListenPacket("udp", ":0")
	require.NoError(t, err)
	to := &net.UDPAddr{IP: net.IPv4(10, 0, 0, 255), Port: 9}
	_, err = u.WriteTo([]byte("x"), to)
	require.ErrorIs(t, err, syscall.EACCES)
	require.NoError(t, u.(interface{ SetBroadcast(bool) error }).SetBroadcast(true))
	_, err = u.WriteTo([]byte("x"), to)
	require.NoError(t, err)
	pkt := p.One()
	require.Equal(t, "ff:ff:ff:ff:ff:ff", pkt.Layer(layers.LayerTypeEthernet).(*layers.Ethernet).DstMAC.String())
}

// router returns a stack that forwards between two peers' links.
func router(t *testing.T) (p *world.Peer, far netdev.Poller) {
	p = world.NewPeer(t)
	a, b := netdev.Pipe(1000)
	_, err := p.S.Attach(a, "eth1")
	require.NoError(t, err)
	require.NoError(t, p.S.AddAddr("eth1", netip.MustParsePrefix("10.2.0.1/24")))
	require.True(t, p.S.ARP().Add(p.S.Devices()[2], netip.MustParseAddr("10.2.0.2"), [6]byte{2, 0, 0, 0, 0, 2}))
	require.NoError(t, p.S.SetSysctl("net.ipv4.ip_forward", "1"))
	return p, b.(netdev.Poller)
}

func far(t *testing.T, p *world.Peer, d netdev.Poller) []gopacket.Packet {
	pool := skb.NewPool(nil)
	batch := make([]*skb.Buffer, 64)
	var out []gopacket.Packet
	for n := d.Poll(pool, batch); n > 0; n = d.Poll(pool, batch) {
		for _, b := range batch[:n] {
			if pkt := world.Check(t, append([]byte(nil), b.Bytes()...)); pkt.Layer(layers.LayerTypeIPv4) != nil {
				out = append(out, pkt)
			}
			b.Consume()
		}
	}
	return out
}

func through(p *world.Peer) *layers.IPv4 {
	ip := p.IPv4(layers.IPProtocolICMPv4)
	ip.DstIP = net.IPv4(10, 2, 0, 2).To4()
	return ip
}

// RFC 1812 5.2, 5.3.1.
func TestForwardingTakesOneOffTheTTL(t *testing.T) { // RFC 1812 5.2.1
	p, d := router(t)
	p.Introduce()
	p.SendRaw(echoTo(p, through(p), 56))
	out := far(t, p, d)
	require.Len(t, out, 1)
	require.EqualValues(t, 63, ipOf(out[0]).TTL)
}

// RFC 1812 5.2.7.1.
func TestForwardingReportsWhatItCannotForward(t *testing.T) {
	p, d := router(t)
	p.Introduce()
	old := through(p)
	old.TTL = 1
	p.SendRaw(echoTo(p, old, 56))
	require.Equal(t, layers.CreateICMPv4TypeCode(11, 0), icmpOf(p.One()).TypeCode)

	large := through(p)
	large.Flags = layers.IPv4DontFragment
	p.SendRaw(echoTo(p, large, 1200))
	i := icmpOf(p.One())
	require.Equal(t, layers.CreateICMPv4TypeCode(3, 4), i.TypeCode)
	require.EqualValues(t, 1000, i.Seq, "the next hop's MTU (RFC 1191 4)")

	p.SendRaw(echoTo(p, through(p), 1200))
	require.Len(t, far(t, p, d), 2, "without DF it is fragmented")

	lost := through(p)
	lost.DstIP = net.IPv4(203, 0, 113, 9).To4()
	p.SendRaw(echoTo(p, lost, 56))
	require.Equal(t, layers.CreateICMPv4TypeCode(3, 0), icmpOf(p.One()).TypeCode)
}

func TestMulticastIsReceivedByMembersOnly(t *testing.T) {
	p := world.NewPeer(t)
	u, err := p.S.ListenPacket("udp", ":5353")
	require.NoError(t, err)
	group := netip.MustParseAddr("224.0.0.251")
	send := func() {
		ip := p.IPv4(layers.IPProtocolUDP)
		ip.DstIP = group.AsSlice()
		udp := &layers.UDP{SrcPort: 5353, DstPort: 5353}
		require.NoError(t, udp.SetNetworkLayerForChecksum(ip))
		e := p.Ether(layers.EthernetTypeIPv4)
		e.DstMAC = net.HardwareAddr{1, 0, 0x5e, 0, 0, 0xfb}
		p.Send(e, ip, udp, gopacket.Payload("m"))
	}
	send()
	require.EqualValues(t, 1, p.S.Pool().Drops(skb.IPInvalidDest))
	m := u.(*ministack.PacketConn).Socket()
	require.NoError(t, m.Membership(socket.IP_ADD_MEMBERSHIP, group, p.S.Devices()[1].Index))
	send()
	n, from, err := u.ReadFrom(make([]byte, 10))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, "10.0.0.9:5353", from.String())
}

func TestHeaderViewsAreThoseOfGopacket(t *testing.T) {
	p := world.NewPeer(t)
	ip := p.IPv4(layers.IPProtocolUDP)
	ip.TOS, ip.Id, ip.TTL, ip.Flags, ip.FragOffset = 0x28, 0x1234, 7, layers.IPv4MoreFragments, 185
	frame := p.Build(p.Ether(layers.EthernetTypeIPv4), ip, gopacket.Payload("12345678"))
	h := ipv4.Header(frame[14:])
	require.True(t, h.Valid())
	require.EqualValues(t, 0x28, h.TOS())
	require.EqualValues(t, 0x1234, h.ID())
	require.EqualValues(t, 7, h.TTL())
	require.EqualValues(t, inet.ProtoUDP, h.Proto())
	require.True(t, h.MF())
	require.False(t, h.DF())
	require.Equal(t, 185*8, h.Offset())
	require.Equal(t, 28, h.Total())
	require.Equal(t, "10.0.0.9", h.Src().String())
	require.Equal(t, "10.0.0.1", h.Dst().String())
}
