package world_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/slankdev/ministack/trace"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/bpf"
)

// later are events whose subject is not built yet.
var later = map[trace.Event]string{
	trace.StackPoolEmpty: "the pool has no limit",
}

// TestEveryEventOfTheCatalogueHappens watches everything while stacks do what
// stacks do, and looks which events were recorded.
func TestEveryEventOfTheCatalogueHappens(t *testing.T) {
	fired := map[trace.Event]bool{}
	for _, story := range []func(t *testing.T) []*trace.Tracer{transfersOverABadLink, oddFrames, datagrams, packets, resolutionFails, windowCloses, paces, samePeerTwice, signedSegments, bridged, scarceMemory} {
		for _, tr := range story(t) {
			for ev := range trace.NumEvents {
				fired[ev] = fired[ev] || tr.Fired(ev)
			}
		}
	}
	for ev := range trace.NumEvents {
		why, absent := later[ev]
		require.Equal(t, !absent, fired[ev], "%v (%s)", ev, why)
	}
}

func watch(w *world.World) []*trace.Tracer {
	var all []*trace.Tracer
	for _, s := range w.Stacks {
		s.Tracer().Start(trace.Watch{})
		all = append(all, s.Tracer())
	}
	return all
}

// bridged has a frame pass a bridge.
func bridged(t *testing.T) []*trace.Tracer {
	p := world.NewPeer(t)
	near, _ := netdev.Pipe(1500)
	_, err := p.S.Attach(near, "eth1")
	require.NoError(t, err)
	_, err = p.S.NewBridge(0, "eth0", "eth1")
	require.NoError(t, err)
	tr := watch(p.World)
	p.Send(p.Ether(layers.EthernetTypeARP), p.ARP(layers.ARPRequest))
	return tr
}

func transfersOverABadLink(t *testing.T) []*trace.Tracer {
	w := world.Pair(t, func(side int, d netdev.Driver, clk clock.Clock) netdev.Driver {
		o, err := netdev.ParseImpairment("loss=3%,reorder=3%/20ms,dup=2%,delay=5ms,seed=3")
		require.NoError(t, err)
		if side == 1 {
			return d
		}
		return netdev.Impair(d, clk, o)
	})
	tr := watch(w)
	l, err := w.Stacks[1].Listen("tcp", ":80")
	require.NoError(t, err)
	c, err := w.Stacks[0].Dial("tcp", world.Addr(1)+":80")
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	for range 40 {
		_, err = c.Write(make([]byte, 30_000))
		require.NoError(t, err)
		for got := 0; got < 30_000; {
			n, err := s.Read(make([]byte, 30_000))
			require.NoError(t, err)
			got += n
		}
	}
	_ = s.Close()
	_, _ = c.Write(make([]byte, 10))
	w.Clock.Run(time.Second)
	_, err = w.Stacks[0].Dial("tcp", world.Addr(1)+":81")
	require.Error(t, err)
	return tr
}

func oddFrames(t *testing.T) []*trace.Tracer {
	p := world.NewPeer(t)
	tr := watch(p.World)
	p.S.Link().AddTap(&link.Tap{Deliver: func(_ *netdev.Device, b *skb.Buffer) { b.Consume() }})
	p.Introduce()
	whole := p.Build(p.Ether(layers.EthernetTypeIPv4), p.IPv4(layers.IPProtocolICMPv4),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0)}, gopacket.Payload(make([]byte, 92)))
	p.SendRaw(whole)
	fragments := func(id uint16, last bool) {
		ip := p.IPv4(layers.IPProtocolICMPv4)
		ip.Id, ip.Flags = id, layers.IPv4MoreFragments
		p.Send(p.Ether(layers.EthernetTypeIPv4), ip, gopacket.Payload(whole[34:34+48]))
		if last {
			ip.Flags, ip.FragOffset = 0, 6
			p.Send(p.Ether(layers.EthernetTypeIPv4), ip, gopacket.Payload(whole[34+48:]))
		}
	}
	fragments(1, true)
	fragments(2, false)
	for range 10 {
		p.Send(p.Ether(layers.EthernetTypeIPv4), p.IPv4(253), gopacket.Payload("x"))
	}
	p.Wait(40 * time.Second)
	require.NoError(t, p.S.SetSysctl("net.ipv4.ip_forward", "1"))
	require.NoError(t, p.S.AddRoute(netip.MustParsePrefix("192.0.2.0/24"), netip.AddrFrom4([4]byte(world.PeerIP)), ""))
	ip := p.IPv4(layers.IPProtocolICMPv4)
	ip.DstIP = []byte{192, 0, 2, 1}
	p.Send(p.Ether(layers.EthernetTypeIPv4), ip, gopacket.Payload(whole[34:]))
	return tr
}

func datagrams(t *testing.T) []*trace.Tracer {
	w := world.Pair(t)
	tr := watch(w)
	a, b := w.Stacks[0], w.Stacks[1]
	u, err := b.ListenPacket("udp", ":53")
	require.NoError(t, err)
	c, err := a.Dial("udp", world.Addr(1)+":53")
	require.NoError(t, err)
	_, err = c.Write(make([]byte, 4000)) // in fragments
	require.NoError(t, err)
	_, _, err = u.ReadFrom(make([]byte, 4000))
	require.NoError(t, err)
	k, err := a.Socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP)
	require.NoError(t, err)
	require.NoError(t, k.Connect(netip.MustParseAddrPort(world.Addr(1)+":9")))
	_, err = k.Send([]byte("x"), 0)
	require.NoError(t, err)
	_, err = k.Recv(make([]byte, 1), 0)
	require.Error(t, err, "the port is closed")
	r, err := a.Socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
	require.NoError(t, err)
	_, err = r.SendTo([]byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0}, 0, netip.MustParseAddrPort(world.Addr(1)+":0"))
	require.NoError(t, err)
	require.NoError(t, k.Membership(socket.IP_ADD_MEMBERSHIP, netip.MustParseAddr("239.1.1.1"), 2))
	alike, err := b.Socket(socket.AF_INET, socket.SOCK_DGRAM, 0)
	require.NoError(t, err)
	require.NoError(t, alike.Membership(socket.IP_ADD_MEMBERSHIP, netip.MustParseAddr("239.1.1.1"), 2))
	require.NoError(t, a.SetSysctl("net.ipv4.conf.all.force_igmp_version", "2")) // its reports are heard by members
	require.NoError(t, k.Membership(socket.IP_ADD_MEMBERSHIP, netip.MustParseAddr("239.1.1.1").Next(), 2))
	require.NoError(t, alike.Membership(socket.IP_ADD_MEMBERSHIP, netip.MustParseAddr("239.1.1.1").Next(), 2))
	w.Clock.Run(time.Second)
	return tr
}

// packets has packet sockets send and receive.
func packets(t *testing.T) []*trace.Tracer {
	w := world.Pair(t)
	tr := watch(w)
	var socks []*socket.Socket
	for _, s := range w.Stacks {
		k, err := s.Socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ETH_P_ALL)
		require.NoError(t, err)
		socks = append(socks, k)
	}
	require.NoError(t, socks[1].AttachFilter([]bpf.RawInstruction{{Op: 6, K: 60}}))
	_, err := socks[0].SendMsg(&socket.Message{Data: make([]byte, 60), Link: socket.LinkAddr{IfIndex: 2}}, 0)
	require.NoError(t, err)
	_, err = socks[1].Recv(make([]byte, 60), 0)
	require.NoError(t, err)
	return tr
}

// resolutionFails has a neighbour that does not answer, a path that turns out
// to be narrow, and a device that takes no more.
func resolutionFails(t *testing.T) []*trace.Tracer {
	p := world.NewPeer(t)
	tr := watch(p.World)
	_, err := p.S.Dial("tcp", "10.0.0.77:80")
	require.Error(t, err)
	p.S.IP().UpdatePMTU(netip.MustParseAddr("10.0.0.9"), 600)
	p.Introduce()
	c, err := p.S.Dial("udp", "10.0.0.9:9")
	require.NoError(t, err)
	for range 4 {
		_, _ = c.Write(make([]byte, 65000)) // more fragments than the queue takes before anybody flushes
	}
	flood(t, p)
	return tr
}

// flood queues more frames than the device's queue holds.
func flood(t *testing.T, p *world.Peer) {
	d := p.S.Devices()[1]
	for range 1100 {
		b := p.S.Pool().New(60)
		b.Put(60)
		d.Transmit(b)
	}
}

// windowCloses has a reader that does not read, and then does.
func windowCloses(t *testing.T) []*trace.Tracer {
	w := world.Pair(t)
	tr := watch(w)
	l, err := w.Stacks[1].Listen("tcp", ":80")
	require.NoError(t, err)
	c, err := w.Stacks[0].Dial("tcp", world.Addr(1)+":80")
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, c.SetWriteDeadline(w.Clock.Wall().Add(2*time.Second)))
	n, err := c.Write(make([]byte, 16<<20))
	require.Error(t, err)
	for got := 0; got < n/2; {
		k, err := s.Read(make([]byte, 1<<20))
		require.NoError(t, err)
		got += k
	}
	return tr
}
