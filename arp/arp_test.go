package arp_test

import (
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/arp"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

var (
	other    = net.HardwareAddr{2, 0, 0, 0, 0, 0x33}
	everyone = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

func arpOf(t *testing.T, p gopacket.Packet) *layers.ARP {
	a, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP)
	require.True(t, ok, "not an ARP packet: %v", p)
	return a
}

func dstOf(p gopacket.Packet) net.HardwareAddr {
	return p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet).DstMAC
}

// entry returns what the stack knows of an address, nil if nothing.
func entry(p *world.Peer, ip net.IP) *arp.Entry {
	for _, e := range p.S.Neighbours() {
		if e.IP == netip.AddrFrom4([4]byte(ip.To4())) {
			return &e
		}
	}
	return nil
}

func state(p *world.Peer) arp.State {
	if e := entry(p, world.PeerIP); e != nil {
		return e.State
	}
	return arp.None
}

// knock has the stack send a datagram to the peer.
func knock(t *testing.T, p *world.Peer, n int) {
	c, err := p.S.Dial("udp", "10.0.0.9:9")
	require.NoError(t, err)
	for range n {
		_, err = c.Write([]byte("x"))
		require.NoError(t, err)
	}
	require.NoError(t, c.Close())
}

func TestARequestForUsIsAnsweredAndItsSenderRemembered(t *testing.T) { // B24
	p := world.NewPeer(t)
	p.Send(p.Ether(layers.EthernetTypeARP), p.ARP(layers.ARPRequest))
	reply := p.One()
	require.Len(t, reply.Data(), 42)
	require.Equal(t, p.MAC, dstOf(reply))
	a := arpOf(t, reply)
	require.EqualValues(t, layers.ARPReply, a.Operation)
	require.Equal(t, []byte(world.StackIP), a.SourceProtAddress)
	require.Equal(t, []byte(p.StackMAC()), a.SourceHwAddress)
	require.Equal(t, arp.Stale, state(p))
}

func TestARequestForOthersIsIgnored(t *testing.T) { // B24
	p := world.NewPeer(t)
	a := p.ARP(layers.ARPRequest)
	a.DstProtAddress = net.IPv4(10, 0, 0, 77).To4()
	p.Send(p.Ether(layers.EthernetTypeARP), a)
	p.Silent()
	require.Nil(t, entry(p, world.PeerIP))
}

func TestAnOffLinkSenderIsAnswered(t *testing.T) { // B24
	p := world.NewPeer(t)
	a := p.ARP(layers.ARPRequest)
	a.SourceProtAddress = net.IPv4(192, 0, 2, 5).To4()
	p.Send(p.Ether(layers.EthernetTypeARP), a)
	require.EqualValues(t, layers.ARPReply, arpOf(t, p.One()).Operation)
}

func TestOneWhoClaimsOurAddressIsNotAnswered(t *testing.T) { // B24
	p := world.NewPeer(t)
	a := p.ARP(layers.ARPRequest)
	a.SourceProtAddress = world.StackIP
	p.Send(p.Ether(layers.EthernetTypeARP), a)
	p.Silent()
	require.Empty(t, p.S.Neighbours())
}

func TestUnsolicitedRepliesMakeNoEntry(t *testing.T) { // B25
	p := world.NewPeer(t)
	p.Send(p.Ether(layers.EthernetTypeARP), p.ARP(layers.ARPReply))
	g := p.ARP(layers.ARPRequest)
	g.DstProtAddress = world.PeerIP // gratuitous
	p.Send(p.Ether(layers.EthernetTypeARP), g)
	p.Silent()
	require.Empty(t, p.S.Neighbours())
}

func TestAGratuitousRequestUpdatesAKnownEntry(t *testing.T) { // B25
	p := world.NewPeer(t)
	p.Introduce()
	g := p.ARP(layers.ARPRequest)
	g.DstProtAddress, g.SourceHwAddress = world.PeerIP, other
	e := p.Ether(layers.EthernetTypeARP)
	e.DstMAC, e.SrcMAC = everyone, other
	p.Send(e, g)
	p.Silent()
	require.Equal(t, other.String(), entry(p, world.PeerIP).MAC.String())
	require.Equal(t, arp.Stale, state(p))
}

// RFC 5227 1.1.
func TestAProbeIsAnsweredAndNotRemembered(t *testing.T) { // B26, RFC 5227
	p := world.NewPeer(t)
	a := p.ARP(layers.ARPRequest)
	a.SourceProtAddress = net.IPv4zero.To4()
	p.Send(p.Ether(layers.EthernetTypeARP), a)
	require.EqualValues(t, layers.ARPReply, arpOf(t, p.One()).Operation)
	require.Empty(t, p.S.Neighbours())
}

func TestAnotherAddressIsBelievedOnlyAfterASecond(t *testing.T) { // B27
	p := world.NewPeer(t)
	p.Introduce()
	reply := p.ARP(layers.ARPReply)
	reply.SourceHwAddress = other
	p.Wait(500 * time.Millisecond)
	p.Send(p.Ether(layers.EthernetTypeARP), reply)
	require.Equal(t, p.MAC.String(), entry(p, world.PeerIP).MAC.String(), "within a second of the last change")
	p.Wait(600 * time.Millisecond)
	p.Send(p.Ether(layers.EthernetTypeARP), reply)
	require.Equal(t, other.String(), entry(p, world.PeerIP).MAC.String())
	require.Equal(t, arp.Reachable, state(p))
}

func TestWhatIsNoARPForIPv4OverEthernetIsIgnored(t *testing.T) { // B28
	for name, change := range map[string]func(*layers.ARP){
		"operation 3":   func(a *layers.ARP) { a.Operation = 3 },
		"protocol type": func(a *layers.ARP) { a.Protocol = layers.EthernetTypeIPv6 },
		"hardware length": func(a *layers.ARP) {
			a.HwAddressSize, a.SourceHwAddress, a.DstHwAddress = 5, a.SourceHwAddress[:5], a.DstHwAddress[:5]
		},
		"multicast": func(a *layers.ARP) { a.DstProtAddress = net.IPv4(224, 0, 0, 1).To4() },
		"loopback":  func(a *layers.ARP) { a.DstProtAddress = net.IPv4(127, 0, 0, 1).To4() },
	} {
		p := world.NewPeer(t)
		a := p.ARP(layers.ARPRequest)
		change(a)
		p.Send(p.Ether(layers.EthernetTypeARP), a)
		p.Silent(name)
		require.Empty(t, p.S.Neighbours(), name)
	}
}

func TestResolutionAsksThreeTimesAndFails(t *testing.T) { // B29
	p := world.NewPeer(t)
	began := p.Clock.Now()
	_, err := p.S.Dial("tcp", "10.0.0.9:80")
	require.ErrorIs(t, err, syscall.EHOSTUNREACH)
	require.InDelta(t, 3, p.Clock.Now().Sub(began).Seconds(), 0.1)
	requests := p.Take()
	require.Len(t, requests, 3)
	for _, r := range requests {
		require.Equal(t, everyone, dstOf(r))
		require.EqualValues(t, layers.ARPRequest, arpOf(t, r).Operation)
	}
	require.Equal(t, arp.Failed, state(p))
	require.NotZero(t, p.S.Pool().Drops(skb.NeighFailed))
}

func TestOneRequestForAllThatWaits(t *testing.T) { // B30
	p := world.NewPeer(t)
	knock(t, p, 20)
	require.EqualValues(t, layers.ARPRequest, arpOf(t, p.One()).Operation)
	p.Send(p.Ether(layers.EthernetTypeARP), p.ARP(layers.ARPReply))
	require.Len(t, p.Take(), 20, "what waited leaves while the reply is processed")
	require.Equal(t, arp.Reachable, state(p))
}

// RFC 1122 2.3.2.2.
func TestTheQueueIsBoundedInBytesAndTheOldestGoes(t *testing.T) { // B30
	p := world.NewPeer(t)
	c, err := p.S.Dial("udp", "10.0.0.9:9")
	require.NoError(t, err)
	for i := range 300 {
		_, err = c.Write([]byte{byte(i), byte(i >> 8)})
		require.NoError(t, err)
	}
	p.Take()
	require.NotZero(t, p.S.Pool().Drops(skb.NeighQueueFull))
	p.Send(p.Ether(layers.EthernetTypeARP), p.ARP(layers.ARPReply))
	left := p.Take()
	require.InDelta(t, 212992/2400, len(left), 20)
	last := left[len(left)-1].Layer(layers.LayerTypeUDP).(*layers.UDP)
	require.Equal(t, []byte{299 & 0xff, 299 >> 8}, last.Payload, "the newest stays")
}

// RFC 1122 2.3.2.1, RFC 4861 7.3, 7.3.2.
func TestTheStatesOfAnEntryFollowTimeAndUse(t *testing.T) { // B31
	p := world.NewPeer(t)
	knock(t, p, 1)
	p.Take()
	p.Send(p.Ether(layers.EthernetTypeARP), p.ARP(layers.ARPReply))
	p.Take()
	require.Equal(t, arp.Reachable, state(p))
	p.Wait(14 * time.Second)
	require.Equal(t, arp.Reachable, state(p), "at least 15 s")
	p.Wait(32 * time.Second)
	require.Equal(t, arp.Stale, state(p), "at most 45 s")
	knock(t, p, 1)
	p.Take()
	require.Equal(t, arp.Delay, state(p))
	p.Wait(5100 * time.Millisecond)
	require.Equal(t, arp.Probe, state(p))
	p.Wait(3 * time.Second)
	require.Equal(t, arp.Failed, state(p))
	probes := p.Take()
	require.Len(t, probes, 3)
	for _, r := range probes {
		require.Equal(t, p.MAC, dstOf(r), "probes are unicast")
	}
}

// RFC 4861 6.3.2.
func TestReachableTimesAreRandom(t *testing.T) { // B31: 15 to 45 s
	p := world.NewPeer(t)
	seen := map[int]bool{}
	for range 8 {
		p.Wait(time.Minute)
		knock(t, p, 1)
		p.Take()
		p.Send(p.Ether(layers.EthernetTypeARP), p.ARP(layers.ARPReply))
		p.Take()
		began := p.Clock.Now()
		require.True(t, p.Clock.RunUntil(func() bool { return state(p) != arp.Reachable }, time.Minute))
		took := p.Clock.Now().Sub(began)
		require.GreaterOrEqual(t, took, 15*time.Second)
		require.LessOrEqual(t, took, 46*time.Second)
		seen[int(took/time.Second)] = true
	}
	require.Greater(t, len(seen), 3)
}

func TestAnAcknowledgementConfirmsTheNeighbour(t *testing.T) { // B31
	w := world.Pair(t)
	l, err := w.Stacks[1].Listen("tcp", ":80")
	require.NoError(t, err)
	c, err := w.Stacks[0].Dial("tcp", world.Addr(1)+":80")
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	buf := make([]byte, 1)
	for range 200 { // 100 s of traffic, and never a probe
		_, err = c.Write([]byte("x"))
		require.NoError(t, err)
		_, err = s.Read(buf)
		require.NoError(t, err)
		w.Clock.Run(500 * time.Millisecond)
		for _, e := range w.Stacks[0].Neighbours() {
			require.NotEqual(t, arp.Probe, e.State)
		}
	}
}

func TestPermanentEntriesAreNotAskedNorCollected(t *testing.T) { // B31
	p := world.NewPeer(t)
	d := p.S.Devices()[1]
	require.True(t, p.S.ARP().Add(d, netip.MustParseAddr("10.0.0.9"), [6]byte(p.MAC)))
	knock(t, p, 1)
	require.NotNil(t, p.One().Layer(layers.LayerTypeUDP), "sent at once")
	for i := range 2000 { // beyond every threshold
		a := p.ARP(layers.ARPRequest)
		a.SourceProtAddress = net.IPv4(10, 1, byte(i>>8), byte(i)).To4()
		p.Send(p.Ether(layers.EthernetTypeARP), a)
		p.Wait(10 * time.Millisecond)
		p.Take()
	}
	require.LessOrEqual(t, len(p.S.Neighbours()), 1025)
	require.Equal(t, arp.Permanent, state(p))
}

func TestUnusedEntriesAreCollectedAboveTheFirstThreshold(t *testing.T) { // B31
	p := world.NewPeer(t)
	for i := range 200 {
		a := p.ARP(layers.ARPRequest)
		a.SourceProtAddress = net.IPv4(10, 1, 0, byte(i)).To4()
		p.Send(p.Ether(layers.EthernetTypeARP), a)
		p.Take()
	}
	require.Len(t, p.S.Neighbours(), 200)
	p.Wait(2 * time.Minute)
	require.Empty(t, p.S.Neighbours())
}
