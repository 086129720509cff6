package arp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/slankdev/ministack/netdev"
	"github.com/stretchr/testify/require"
)

func TestARequestAsksWithAnAddressOfTheTargetsNetwork(t *testing.T) {
	x := newBench(t)
	x.d.SetAddrs([]netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("10.0.0.1/24")})
	x.use()
	a := x.said()
	require.Equal(t, ours.AsSlice(), a.SourceProtAddress)
	require.Equal(t, make([]byte, 6), a.DstHwAddress)
	x.m.Output(x.d, netip.MustParseAddr("203.0.113.5"), x.packet(0x45)) // on no network of ours
	x.env.Dev.Flush()
	require.Equal(t, []byte{192, 0, 2, 1}, x.said().SourceProtAddress, "else the first")
	x.d.SetAddrs(nil)
	x.m.Output(x.d, netip.MustParseAddr("203.0.113.6"), x.packet(0x45))
	x.env.Dev.Flush()
	require.Equal(t, []byte{0, 0, 0, 0}, x.said().SourceProtAddress)
}

func TestAProbeNamesTheAddressThatItDoubts(t *testing.T) { // B31: 3 unicasts, a second apart
	x := newBench(t)
	x.reachState(Probe)
	x.take() // the packet, and the first
	for range 2 {
		x.clk.Run(999 * time.Millisecond)
		require.Empty(t, x.take())
		x.clk.Run(time.Millisecond)
		a := x.said()
		require.Equal(t, theyAre[:], a.DstHwAddress)
		require.Equal(t, theirs.AsSlice(), a.DstProtAddress)
	}
	x.clk.Run(time.Second)
	require.Equal(t, Failed, x.state())
}

// RFC 5227 3.
func TestAnAnnouncementNamesItsSenderAsTarget(t *testing.T) { // RFC 5227 2.3
	x := newBench(t)
	x.m.Announce(x.d, ours)
	x.env.Dev.Flush()
	out := x.take()
	require.Len(t, out, 1)
	require.Equal(t, netdev.BroadcastMAC.String(), out[0].LinkLayer().LinkFlow().Dst().String())
	x.m.Announce(x.d, ours)
	x.env.Dev.Flush()
	a := x.said()
	require.EqualValues(t, OpRequest, a.Operation)
	require.Equal(t, ours.AsSlice(), a.SourceProtAddress)
	require.Equal(t, ours.AsSlice(), a.DstProtAddress)
}

func TestTheRetransmissionTimeIsASetting(t *testing.T) { // B29
	x := newBench(t)
	require.NoError(t, x.env.Sysctl.Set("net.ipv4.neigh.default.retrans_time_ms", "100"))
	x.use()
	x.clk.Run(250 * time.Millisecond)
	require.Len(t, x.take(), 3)
	x.clk.Run(50 * time.Millisecond)
	require.Equal(t, Failed, x.state())
}

func TestGroupsHaveTheirLinkAddressByRule(t *testing.T) { // RFC 1112 6.4
	for group, want := range map[string]string{"224.0.0.1": "01:00:5e:00:00:01", "239.255.1.2": "01:00:5e:7f:01:02", "224.128.1.2": "01:00:5e:00:01:02"} {
		require.Equal(t, want, MulticastMAC(netip.MustParseAddr(group)).String())
	}
}
