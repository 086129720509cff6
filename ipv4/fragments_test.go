package ipv4_test

import (
	"bytes"
	"math/rand"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/ip4defrag"
	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// fixHeader sets the header checksum of a packet.
func fixHeader(h []byte) {
	h[10], h[11] = 0, 0
	var s uint32
	for i := 0; i < int(h[0]&0xf)*4; i += 2 {
		s += uint32(h[i])<<8 | uint32(h[i+1])
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	h[10], h[11] = byte(^s>>8), byte(^s)
}

// echoFragments is an echo request with n bytes of data, cut by the test.
func echoFragments(p *world.Peer, r *rand.Rand, id uint16, data []byte) [][]byte {
	message := gopacket.NewSerializeBuffer()
	require.NoError(p.T, gopacket.SerializeLayers(message, gopacket.SerializeOptions{ComputeChecksums: true},
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 7, Seq: id}, gopacket.Payload(data)))
	rest, off := message.Bytes(), 0
	var out [][]byte
	for len(rest) > 0 {
		ip := p.IPv4(layers.IPProtocolICMPv4)
		n := min(len(rest), 8*(1+r.Intn(185)))
		ip.Id, ip.FragOffset = id, uint16(off/8)
		if n < len(rest) {
			ip.Flags = layers.IPv4MoreFragments
		}
		out = append(out, p.Build(p.Ether(layers.EthernetTypeIPv4), ip, gopacket.Payload(rest[:n])))
		rest, off = rest[n:], off+n
	}
	return out
}

// joined is what gopacket makes of what the stack sent: one datagram.
func joined(t *testing.T, out []gopacket.Packet) *layers.IPv4 {
	d := ip4defrag.NewIPv4Defragmenter()
	var whole *layers.IPv4
	for i, pkt := range out {
		if pkt.Layer(layers.LayerTypeIPv4) == nil {
			continue // ARP asks now and then
		}
		ip, err := d.DefragIPv4(ipOf(pkt))
		require.NoError(t, err)
		if ip != nil {
			require.Nil(t, whole, "frame %d begins a second datagram", i)
			whole = ip
		}
	}
	require.NotNil(t, whole)
	return whole
}

func TestFragmentingUndoesReassembly(t *testing.T) { // B35, RFC 791 3.2
	r := rand.New(rand.NewSource(11))
	p := world.NewPeer(t)
	for round := range 150 {
		p.Introduce()
		data := make([]byte, []int{r.Intn(200), r.Intn(9000), r.Intn(65508), 65507}[round%4])
		r.Read(data)
		parts := echoFragments(p, r, uint16(round), data)
		if len(parts) < 60 { // further apart they would be too far (ipfrag_max_dist counts all)
			r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		}
		for i, f := range parts {
			p.SendRaw(f)
			if i+1 < len(parts) && r.Intn(4) == 0 {
				p.SendRaw(f) // once more
			}
		}
		whole := joined(t, p.Take())
		require.True(t, bytes.Equal(data, whole.Payload[8:]), "round %d, %d bytes", round, len(data))
	}
}

func TestDatagramsSurviveALinkThatReordersAndRepeats(t *testing.T) { // B35
	w := world.Pair(t, func(_ int, d netdev.Driver, clk clock.Clock) netdev.Driver {
		o, err := netdev.ParseImpairment("reorder=30%/1ms,dup=30%,seed=5")
		require.NoError(t, err)
		return netdev.Impair(d, clk, o)
	})
	u, err := w.Stacks[1].ListenPacket("udp", ":53")
	require.NoError(t, err)
	c, err := w.Stacks[0].Dial("udp", world.Addr(1)+":53")
	require.NoError(t, err)
	r := rand.New(rand.NewSource(6))
	buf := make([]byte, 65536)
	for range 60 {
		data := make([]byte, 1500+r.Intn(30000))
		r.Read(data)
		_, err := c.Write(data)
		require.NoError(t, err)
		n, _, err := u.ReadFrom(buf)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, buf[:n]))
	}
}

// two sends a datagram in two fragments whose headers change makes different.
func two(p *world.Peer, change func(first, second *layers.IPv4)) {
	whole := echoTo(p, p.IPv4(layers.IPProtocolICMPv4), 92)[34:]
	a, b := p.IPv4(layers.IPProtocolICMPv4), p.IPv4(layers.IPProtocolICMPv4)
	a.Flags, b.FragOffset = layers.IPv4MoreFragments, 6
	change(a, b)
	p.Send(p.Ether(layers.EthernetTypeIPv4), a, gopacket.Payload(whole[:48]))
	p.Send(p.Ether(layers.EthernetTypeIPv4), b, gopacket.Payload(whole[48:]))
}

func TestTheCongestionMarkOfAnyFragmentIsTheDatagrams(t *testing.T) { // RFC 3168 5.3
	for _, c := range []struct {
		first, second, want uint8
		joined              bool
	}{{0, 0, 0, true}, {2, 2, 2, true}, {2, 3, 3, true}, {3, 1, 3, true}, {2, 0, 0, false}, {0, 3, 0, false}} {
		p := world.NewPeer(t)
		p.Introduce()
		two(p, func(a, b *layers.IPv4) { a.TOS, b.TOS = 0x40|c.first, 0x40|c.second })
		if !c.joined {
			p.Silent(c)
			require.EqualValues(t, 2, p.S.Pool().Drops(skb.FragInvalid), c)
			continue
		}
		require.Equal(t, 0x40|c.want, ipOf(p.One()).TOS, "an echo copies it: %v", c)
	}
}

func TestADatagramIsKnownByItsFourFields(t *testing.T) { // RFC 791 3.2
	for name, change := range map[string]func(a, b *layers.IPv4){
		"id":       func(_, b *layers.IPv4) { b.Id = 2 },
		"protocol": func(_, b *layers.IPv4) { b.Protocol = 253 },
		"source":   func(_, b *layers.IPv4) { b.SrcIP = []byte{10, 0, 0, 8} },
	} {
		p := world.NewPeer(t)
		p.Introduce()
		two(p, change)
		p.Silent(name)
		require.Zero(t, p.S.Counters().Get(stat.IpReasmOKs), name)
	}
}

func TestFragmentsTooFarApartAreNotOfOneDatagram(t *testing.T) { // ipfrag_max_dist
	for limit, want := range map[string]uint64{"10": 0, "0": 1, "100": 1} {
		p := world.NewPeer(t)
		require.NoError(t, p.S.SetSysctl("net.ipv4.ipfrag_max_dist", limit))
		whole := echoTo(p, p.IPv4(layers.IPProtocolICMPv4), 92)
		first := cut(whole, 0, 48)
		p.SendRaw(first[0])
		for id := range uint16(20) {
			ip := p.IPv4(layers.IPProtocolICMPv4)
			ip.Id, ip.Flags = 100+id, layers.IPv4MoreFragments
			p.Send(p.Ether(layers.EthernetTypeIPv4), ip, gopacket.Payload(make([]byte, 8)))
		}
		p.SendRaw(first[1])
		require.Equal(t, want, p.S.Counters().Get(stat.IpReasmOKs), "limit %s", limit)
	}
}

func TestAnOddFragmentIsDroppedInSilence(t *testing.T) { // B35
	p := world.NewPeer(t)
	p.Introduce()
	frame := echoTo(p, p.IPv4(layers.IPProtocolICMPv4), 92)
	p.SendRaw(fragment(frame[:34], frame[34:34+30], 0, 0x2000))
	p.SendRaw(fragment(frame[:34], frame[34:34+30], 32, 0x2000))
	p.SendRaw(fragment(frame[:34], nil, 64, 0)) // an end without bytes
	p.Silent()
	require.EqualValues(t, 3, p.S.Pool().Drops(skb.FragInvalid))
}

func TestADatagramThatItsOptionsMakeTooLongIsDropped(t *testing.T) { // B35: past 65535
	p := world.NewPeer(t)
	p.Introduce()
	head := echoTo(p, p.IPv4(layers.IPProtocolICMPv4), 0)[:34]
	ip := p.IPv4(layers.IPProtocolICMPv4)
	ip.Flags = layers.IPv4MoreFragments
	ip.Options = []layers.IPv4Option{{OptionType: 1}, {OptionType: 1}, {OptionType: 1}, {OptionType: 1}}
	p.Send(p.Ether(layers.EthernetTypeIPv4), ip, gopacket.Payload(make([]byte, 1400)))
	const end = 65515 // with 20 bytes of header just 65535, with the first fragment's 24 too much
	for off := 1400; off < end; off += 1400 {
		n, more := min(1400, end-off), uint16(0x2000)
		if off+n == end {
			more = 0
		}
		p.SendRaw(fragment(head, make([]byte, n), off, more))
	}
	p.Silent()
	require.EqualValues(t, 1, p.S.Counters().Get(stat.IpReasmFails))
	require.EqualValues(t, 47, p.S.Pool().Drops(skb.FragInvalid))
}

func TestEachFragmentThatTimesOutIsDroppedOnce(t *testing.T) {
	p := world.NewPeer(t)
	p.Introduce()
	parts := cut(echoTo(p, p.IPv4(layers.IPProtocolICMPv4), 92), 0, 16, 32, 64)
	for _, f := range parts[:3] {
		p.SendRaw(f)
	}
	p.Wait(31e9)
	p.Take()
	require.EqualValues(t, 3, p.S.Pool().Drops(skb.FragReasmTimeout))
	require.EqualValues(t, 1, p.S.Counters().Get(stat.IpReasmTimeout))
}
