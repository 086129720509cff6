package arp

import (
	"net"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/stretchr/testify/require"
)

func sender(ip ...byte) func(*layers.Ethernet, *layers.ARP) {
	return func(_ *layers.Ethernet, a *layers.ARP) { a.SourceProtAddress = ip }
}

func target(ip ...byte) func(*layers.Ethernet, *layers.ARP) {
	return func(_ *layers.Ethernet, a *layers.ARP) { a.DstProtAddress = ip }
}

// B24: the address may be another device's; loopback's are nobody's on a link.
func TestAnyAddressOfTheHostIsAnsweredFor(t *testing.T) {
	x := newBench(t)
	side, _ := netdev.Pipe(1500)
	x.attach(side, "192.0.2.1/24")
	x.attach(netdev.NewLoopback(65536), "127.0.0.1/8")
	x.hear(x.says(OpRequest, theyAre, target(192, 0, 2, 1)))
	a := x.said()
	require.Equal(t, []byte{192, 0, 2, 1}, a.SourceProtAddress)
	require.Equal(t, x.d.MAC[:], a.SourceHwAddress, "and the link address is that of the device that was asked")
}

func TestNobodyIsAnsweredWhoCannotBeOneHost(t *testing.T) { // B28, RFC 1122 3.2.1.3, RFC 1812 3.3.2
	for name, change := range map[string]func(*layers.Ethernet, *layers.ARP){
		"sender loopback":          sender(127, 0, 0, 1),
		"sender multicast":         sender(224, 0, 0, 5),
		"sender broadcast":         sender(255, 255, 255, 255),
		"sender in network 0":      sender(0, 0, 0, 5),
		"sender's link address":    func(_ *layers.Ethernet, a *layers.ARP) { a.SourceHwAddress = net.HardwareAddr{1, 0, 0x5e, 0, 0, 1} },
		"sender's link, broadcast": func(_ *layers.Ethernet, a *layers.ARP) { a.SourceHwAddress = netdev.BroadcastMAC[:] },
		"target loopback":          target(127, 0, 0, 1),
		"target multicast":         target(224, 0, 0, 1),
	} {
		x := newBench(t)
		x.attach(netdev.NewLoopback(65536), "127.0.0.1/8")
		x.hear(x.says(OpRequest, theyAre, change))
		require.Empty(t, x.take(), name)
		require.Empty(t, x.m.Entries(), name)
		require.EqualValues(t, 1, x.env.Pool.Drops(skb.ARPIgnored), name)
	}
}

func TestADeviceWithoutARPSaysNothing(t *testing.T) {
	x := newBench(t)
	x.d.SetFlags(netdev.NoARP, 0)
	x.hear(x.says(OpRequest, theyAre))
	x.m.Announce(x.d, ours)
	x.env.Dev.Flush()
	require.Empty(t, x.take())
	require.EqualValues(t, 1, x.env.Pool.Drops(skb.ARPIgnored))
	x.use()
	out := x.take()
	require.Len(t, out, 1, "sent without being resolved")
	require.Empty(t, x.m.Entries())
}

// A reply may override within a second only if it announces itself on the link
// as well (arp_is_garp).
func TestAGratuitousReplyMustNameItsSenderTwice(t *testing.T) { // B25, B27
	for _, c := range []struct {
		tha  netdev.MACAddr
		want netdev.MACAddr
	}{{another, another}, {netdev.BroadcastMAC, theyAre}} {
		x := newBench(t)
		x.reachState(Stale)
		x.hear(x.says(OpReply, another, target(10, 0, 0, 9), func(e *layers.Ethernet, a *layers.ARP) {
			e.DstMAC, a.DstHwAddress = netdev.BroadcastMAC[:], c.tha[:]
		}))
		require.Equal(t, c.want, x.m.Entries()[0].MAC, c.tha)
		require.Equal(t, Stale, x.state())
	}
}

func TestABroadcastReplyConfirmsNothing(t *testing.T) { // B25: STALE, as it was not for us alone
	x := newBench(t)
	x.reachState(Incomplete)
	x.hear(x.says(OpReply, theyAre, func(e *layers.Ethernet, _ *layers.ARP) { e.DstMAC = netdev.BroadcastMAC[:] }))
	require.Equal(t, Stale, x.state())
}

func TestEveryChangeOfStateStartsTheLockTime(t *testing.T) { // B27
	x := newBench(t)
	x.reachState(Stale)
	x.clk.Run(10 * time.Second)
	x.use() // STALE to DELAY
	x.clk.Run(999 * time.Millisecond)
	x.hear(x.says(OpReply, another))
	require.Equal(t, theyAre, x.m.Entries()[0].MAC)
	x.clk.Run(time.Millisecond)
	x.hear(x.says(OpReply, another))
	require.Equal(t, another, x.m.Entries()[0].MAC)
}

func TestTheLockTimeIsASetting(t *testing.T) { // B27
	x := newBench(t)
	require.NoError(t, x.env.Sysctl.Set("net.ipv4.neigh.default.locktime_ms", "0"))
	x.reachState(Stale)
	x.hear(x.says(OpReply, another))
	require.Equal(t, another, x.m.Entries()[0].MAC)
}

func TestWhatIsHeardIsCounted(t *testing.T) {
	x := newBench(t)
	x.hear(x.says(OpRequest, theyAre))
	x.hear(x.says(OpReply, theyAre))
	x.hear(x.says(OpReply, theyAre, sender(10, 0, 0, 1)))
	x.hear(x.says(3, theyAre))
	for id, want := range map[stat.ID]uint64{stat.ArpInRequests: 1, stat.ArpInReplies: 2, stat.ArpOutReplies: 1,
		stat.ArpConflicts: 1, stat.ArpInErrors: 1, stat.ArpLookups: 2, stat.ArpHits: 1} {
		require.EqualValues(t, want, x.env.Stat.Get(id), id.String())
	}
}
