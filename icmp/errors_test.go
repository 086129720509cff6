package icmp_test

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// told collects what the stack's protocol 253 is told of errors.
type told struct {
	errors []inet.Error
	nets   []skb.Net
}

func (*told) Input(b *skb.Buffer) skb.Reason { b.Consume(); return skb.NotDropped }

func (l *told) Error(b *skb.Buffer, e *inet.Error) {
	l.errors, l.nets = append(l.errors, *e), append(l.nets, b.Net)
}

func listener(t *testing.T) (*world.Peer, *told) {
	p, l := world.NewPeer(t), new(told)
	p.Introduce()
	p.S.IP().Handle(253, l)
	return p, l
}

// quoted is a packet of ours as an error quotes it.
func quoted(p *world.Peer, change func(ip *layers.IPv4)) gopacket.Payload {
	ip := p.IPv4(253)
	ip.SrcIP, ip.DstIP = ip.DstIP, ip.SrcIP
	change(ip)
	return p.Build(ip, gopacket.Payload("12345678"))
}

func report(p *world.Peer, typ, code uint8, word uint32, quote gopacket.Payload) {
	send(p, p.IPv4(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(typ, code),
		Id: uint16(word >> 16), Seq: uint16(word)}, quote)
}

func TestEveryErrorMeansWhatItMeansOnLinux(t *testing.T) { // B41, B47; icmp_err_convert, RFC 1122 3.2.2.1
	for _, c := range []struct {
		typ, code uint8
		errno     syscall.Errno
		hard      bool
		kind      inet.ErrorKind
	}{
		{3, 0, syscall.ENETUNREACH, false, inet.NetUnreachable},
		{3, 1, syscall.EHOSTUNREACH, false, inet.HostUnreachable},
		{3, 2, syscall.ENOPROTOOPT, true, inet.ProtoUnreachable},
		{3, 3, syscall.ECONNREFUSED, true, inet.PortUnreachable},
		{3, 4, syscall.EMSGSIZE, false, inet.NeedFrag},
		{3, 5, syscall.EOPNOTSUPP, false, inet.SourceRouteFailed},
		{3, 6, syscall.ENETUNREACH, true, inet.NetUnreachable},
		{3, 9, syscall.ENETUNREACH, true, inet.NetUnreachable},
		{3, 10, syscall.EHOSTUNREACH, true, inet.AdminProhibited},
		{3, 11, syscall.ENETUNREACH, false, inet.NetUnreachable},
		{3, 12, syscall.EHOSTUNREACH, false, inet.HostUnreachable},
		{3, 13, syscall.EHOSTUNREACH, true, inet.AdminProhibited},
		{3, 15, syscall.EHOSTUNREACH, true, inet.AdminProhibited},
		{11, 0, syscall.EHOSTUNREACH, false, inet.TimeExceeded},
		{12, 0, syscall.EPROTO, true, inet.ParamProblem},
	} {
		p, l := listener(t)
		report(p, c.typ, c.code, 0, quoted(p, func(*layers.IPv4) {}))
		require.Len(t, l.errors, 1, "%d/%d", c.typ, c.code)
		e := l.errors[0]
		require.Equal(t, inet.Error{Kind: c.kind, Type: c.typ, Code: c.code, From: netip.MustParseAddr("10.0.0.9"), Errno: c.errno, Hard: c.hard}, e)
		require.Equal(t, netip.MustParseAddr("10.0.0.9"), l.nets[0].Dst, "what the quoted header said")
		require.EqualValues(t, 253, l.nets[0].Proto)
		p.Silent("an error is never answered")
	}
}

func TestTheMTUAndThePointerAreReported(t *testing.T) { // RFC 1191 4, RFC 792
	p, l := listener(t)
	report(p, 3, 4, 1280, quoted(p, func(*layers.IPv4) {}))
	report(p, 12, 0, 21<<24, quoted(p, func(*layers.IPv4) {}))
	require.EqualValues(t, 1280, l.errors[0].Info)
	require.EqualValues(t, 21, l.errors[1].Info)
}

func TestErrorsThatConcernNobodyAreIgnored(t *testing.T) {
	for _, c := range [][2]uint8{{3, 16}, {3, 255}, {11, 1}, {4, 0}, {5, 1}} {
		p, l := listener(t)
		report(p, c[0], c[1], 0, quoted(p, func(*layers.IPv4) {}))
		require.Empty(t, l.errors, c)
		require.EqualValues(t, 1, p.S.Pool().Drops(skb.ICMPIgnored), c)
	}
}

func TestAQuoteThatCannotBeOursIsRefused(t *testing.T) { // RFC 1122 3.2.2
	whole := func(p *world.Peer) gopacket.Payload { return quoted(p, func(*layers.IPv4) {}) }
	for name, quote := range map[string]func(p *world.Peer) gopacket.Payload{
		"none":          func(p *world.Peer) gopacket.Payload { return nil },
		"seven bytes":   func(p *world.Peer) gopacket.Payload { return whole(p)[:27] },
		"half a header": func(p *world.Peer) gopacket.Payload { return whole(p)[:10] },
		"version":       func(p *world.Peer) gopacket.Payload { q := whole(p); q[0] = 0x65; return q },
		"header length": func(p *world.Peer) gopacket.Payload { q := whole(p); q[0] = 0x4f; return q },
		"another's": func(p *world.Peer) gopacket.Payload {
			return quoted(p, func(ip *layers.IPv4) { ip.SrcIP = world.PeerIP })
		},
		"a later fragment": func(p *world.Peer) gopacket.Payload { return quoted(p, func(ip *layers.IPv4) { ip.FragOffset = 1 }) },
		"about a broadcast": func(p *world.Peer) gopacket.Payload {
			return quoted(p, func(ip *layers.IPv4) { ip.DstIP = []byte{10, 0, 0, 255} })
		},
		"about all of the net": func(p *world.Peer) gopacket.Payload {
			return quoted(p, func(ip *layers.IPv4) { ip.DstIP = []byte{255, 255, 255, 255} })
		},
	} {
		p, l := listener(t)
		report(p, 3, 3, 0, quote(p))
		require.Empty(t, l.errors, name)
		require.EqualValues(t, 1, p.S.Counters().Get(stat.IcmpInErrors), name)
	}
}

func TestAnErrorQuotesNoMoreThan576BytesAndNoLess(t *testing.T) { // B33, RFC 1812 4.3.2.3
	for n, want := range map[int]int{0: 56, 1: 57, 519: 575, 520: 576, 521: 576, 1400: 576} {
		p := world.NewPeer(t)
		p.Introduce()
		ip := p.IPv4(layers.IPProtocolUDP)
		send(p, ip, udpTo(t, p, ip, 9, n)...)
		require.EqualValues(t, want, ipOf(p.One()).Length, n)
	}
}

func TestALaterFragmentIsNotAnsweredButTheFirstIs(t *testing.T) { // B33
	p := world.NewPeer(t)
	require.NoError(t, p.S.SetSysctl("net.ipv4.ip_forward", "1"))
	p.Introduce()
	for off, want := range map[uint16]int{0: 1, 10: 0} {
		ip := p.IPv4(layers.IPProtocolUDP)
		ip.TTL, ip.DstIP, ip.FragOffset, ip.Flags = 1, []byte{192, 0, 2, 1}, off, layers.IPv4MoreFragments
		send(p, ip, gopacket.Payload(make([]byte, 64)))
		require.Len(t, p.Take(), want, off)
	}
}

func TestABroadcastFrameWithOurAddressIsAnEchoLikeAnyOther(t *testing.T) { // B13, B32
	p := world.NewPeer(t)
	p.Introduce()
	e := p.Ether(layers.EthernetTypeIPv4)
	e.DstMAC = layers.EthernetBroadcast
	p.Send(append([]gopacket.SerializableLayer{e, p.IPv4(layers.IPProtocolICMPv4)}, request(8, 4)...)...)
	require.Equal(t, layers.CreateICMPv4TypeCode(0, 0), icmpOf(t, p.One()).TypeCode)
}

func TestSettingsDecideWhatIsAnswered(t *testing.T) { // B32, B36
	p := world.NewPeer(t)
	p.Introduce()
	echo := func(dst ...byte) int {
		ip := p.IPv4(layers.IPProtocolICMPv4)
		if dst != nil {
			ip.DstIP = dst
		}
		send(p, ip, request(8, 4)...)
		return len(p.Take())
	}
	set := func(name, v string) { require.NoError(t, p.S.SetSysctl("net.ipv4."+name, v)) }
	set("icmp_echo_ignore_broadcasts", "0")
	require.Equal(t, 1, echo(10, 0, 0, 255))
	set("icmp_echo_ignore_all", "1")
	require.Equal(t, 0, echo())
	set("icmp_echo_ignore_all", "0")
	require.Equal(t, 1, echo())
	set("icmp_ratemask", "1") // echo replies now, and nothing else
	sent := 0
	for range 20 {
		sent += echo()
	}
	require.Equal(t, 6, sent)
	require.EqualValues(t, 14, p.S.Pool().Drops(skb.ICMPRateLimit))
	ip := p.IPv4(layers.IPProtocolUDP)
	for range 20 {
		send(p, ip, udpTo(t, p, ip, 9, 1)...)
	}
	require.Len(t, p.Take(), 20, "errors are limited no more")
}

func TestTheLimitOutlivesALongSilence(t *testing.T) { // B36
	p := world.NewPeer(t)
	for range 3 {
		p.Introduce()
		ip := p.IPv4(layers.IPProtocolUDP)
		send(p, ip, udpTo(t, p, ip, 9, 1)...)
		require.Len(t, p.Take(), 1)
		p.Clock.Run(200 * 24 * time.Hour)
		p.Take()
	}
}

func TestAnEchoOfZerosHasAChecksum(t *testing.T) { // B32, RFC 1624 3
	for _, n := range []int{0, 1, 40} {
		p := world.NewPeer(t)
		p.Introduce()
		send(p, p.IPv4(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0)}, gopacket.Payload(make([]byte, n)))
		require.EqualValues(t, 0xffff, icmpOf(t, p.One()).Checksum)
		send(p, p.IPv4(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 0xffff}, gopacket.Payload(make([]byte, n)))
		require.EqualValues(t, 0, icmpOf(t, p.One()).Checksum)
	}
}

func TestATimestampReplyCarriesTheOriginalTime(t *testing.T) { // B32, RFC 792
	p := world.NewPeer(t)
	p.Introduce()
	send(p, p.IPv4(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(13, 0), Id: 5, Seq: 6},
		gopacket.Payload{1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0})
	i := icmpOf(t, p.One())
	require.EqualValues(t, 5, i.Id)
	require.EqualValues(t, 6, i.Seq)
	require.EqualValues(t, 0x01020304, binary.BigEndian.Uint32(i.Payload))
	send(p, p.IPv4(layers.IPProtocolICMPv4), request(13, 11)...)
	p.Silent("too short")
	require.EqualValues(t, 1, p.S.Pool().Drops(skb.ICMPHdr))
}
