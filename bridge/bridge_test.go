package bridge_test

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/bridge"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/test/world"
)

// net is a bridge with stations on its ports, in the hands of the test.
type net struct {
	t        *testing.T
	w        *world.World
	s        *ministack.Stack
	b        *bridge.Bridge
	stations []netdev.Poller
	pool     *skb.Pool
}

func newNet(t *testing.T, ports int, ageing time.Duration, o netdev.PipeOptions) *net {
	n := &net{t: t, w: &world.World{T: t, Clock: clock.NewVirtual()}, pool: skb.NewPool(nil)}
	n.s = n.w.Stack()
	var devs []string
	for i := range ports {
		near, far := netdev.PipeWith(o)
		name := fmt.Sprintf("eth%d", i)
		_, err := n.s.Attach(near, name)
		require.NoError(t, err)
		devs = append(devs, name)
		n.stations = append(n.stations, far.(netdev.Poller))
	}
	var err error
	n.b, err = n.s.NewBridge(ageing, devs...)
	require.NoError(t, err)
	return n
}

var (
	alice = netdev.MACAddr{2, 0, 0, 0, 0, 1}
	bob   = netdev.MACAddr{2, 0, 0, 0, 0, 2}
	carol = netdev.MACAddr{2, 0, 0, 0, 0, 3}
)

// send puts a frame on the link of a station.
func (n *net) send(station int, src, dst netdev.MACAddr) {
	b := n.pool.New(60)
	b.Append(append(append(append([]byte(nil), dst[:]...), src[:]...), 0x08, 0x00))
	b.Append(make([]byte, 46))
	_, err := n.stations[station].Write([]*skb.Buffer{b})
	require.NoError(n.t, err)
	b.Consume()
	n.w.Clock.Run(0)
}

// heard returns how many frames each station got since the last call.
func (n *net) heard() []int {
	got := make([]int, len(n.stations))
	batch := make([]*skb.Buffer, 16)
	for i, d := range n.stations {
		for k := d.Poll(n.pool, batch); k > 0; k = d.Poll(n.pool, batch) {
			got[i] += k
			for _, b := range batch[:k] {
				b.Consume()
			}
		}
	}
	return got
}

// IEEE 802.1D-2004 7.8: who was heard on a port is sent to by that port only.
func TestABridgeLearnsWhereStationsAre(t *testing.T) {
	n := newNet(t, 3, bridge.DefaultAgeing, netdev.PipeOptions{})
	n.send(0, alice, bob)
	require.Equal(t, []int{0, 1, 1}, n.heard(), "nobody knows bob: all but the sender's port")
	n.send(1, bob, alice)
	require.Equal(t, []int{1, 0, 0}, n.heard())
	n.send(0, alice, bob)
	require.Equal(t, []int{0, 1, 0}, n.heard())
	require.Len(t, n.b.Table(), 2)
	n.send(0, alice, netdev.BroadcastMAC)
	require.Equal(t, []int{0, 1, 1}, n.heard())
}

// 7.9.2: an address that is silent for the ageing time is forgotten, one that
// moves is learnt anew.
func TestABridgeForgetsAndFollows(t *testing.T) {
	n := newNet(t, 3, bridge.DefaultAgeing, netdev.PipeOptions{})
	n.send(1, bob, netdev.BroadcastMAC)
	n.heard()
	n.w.Clock.Run(bridge.DefaultAgeing - time.Second)
	n.send(0, alice, bob)
	require.Equal(t, []int{0, 1, 0}, n.heard())
	n.w.Clock.Run(time.Second)
	n.send(0, alice, bob)
	require.Equal(t, []int{0, 1, 1}, n.heard())
	n.send(2, bob, netdev.BroadcastMAC)
	n.heard()
	n.send(0, alice, bob)
	require.Equal(t, []int{0, 0, 1}, n.heard())
}

func TestAHubRepeatsEverything(t *testing.T) {
	n := newNet(t, 3, 0, netdev.PipeOptions{})
	for range 2 {
		n.send(1, bob, alice)
		require.Equal(t, []int{1, 0, 1}, n.heard())
		n.send(0, alice, bob)
		require.Equal(t, []int{0, 1, 1}, n.heard())
	}
	n.send(0, alice, netdev.MACAddr{0x01, 0x80, 0xc2, 0, 0, 0})
	require.Equal(t, []int{0, 1, 1}, n.heard())
	require.Empty(t, n.b.Table())
}

func TestWhatABridgeDoesNotForward(t *testing.T) {
	n := newNet(t, 2, bridge.DefaultAgeing, netdev.PipeOptions{})
	n.send(0, bob, netdev.BroadcastMAC)
	n.heard()
	drops := func(r skb.Reason) uint64 { return n.s.Counters().Get(stat.OfReason(r)) }
	n.send(0, alice, bob)
	require.EqualValues(t, 1, drops(skb.BridgeSamePort))
	n.send(0, alice, netdev.MACAddr{0x01, 0x80, 0xc2, 0, 0, 0x0e})
	require.EqualValues(t, 1, drops(skb.BridgeReserved))
	n.send(0, netdev.BroadcastMAC, bob)
	n.send(0, netdev.MACAddr{}, bob)
	require.EqualValues(t, 2, drops(skb.MACInvalidSource))
	n.s.Devices()[2].SetFlags(0, netdev.Up)
	n.send(0, alice, carol)
	require.EqualValues(t, 1, drops(skb.BridgeNoPort))
	require.Equal(t, []int{0, 0}, n.heard())
}

// A flood of addresses does not grow the table without end.
func TestTheTableIsBounded(t *testing.T) {
	n := newNet(t, 2, bridge.DefaultAgeing, netdev.PipeOptions{})
	for i := range 16384 + 100 {
		n.send(0, netdev.MACAddr{2, 1, byte(i >> 16), byte(i >> 8), byte(i)}, netdev.BroadcastMAC)
		n.heard()
	}
	require.Len(t, n.b.Table(), 16384)
	n.w.Clock.Run(bridge.DefaultAgeing)
	n.send(0, alice, netdev.BroadcastMAC)
	require.Len(t, n.b.Table(), 1)
}

func TestPortsAreGivenBack(t *testing.T) {
	n := newNet(t, 2, bridge.DefaultAgeing, netdev.PipeOptions{})
	require.NotZero(t, n.s.Devices()[1].Flags()&netdev.Promisc)
	_, err := n.s.NewBridge(0, "eth0")
	require.ErrorIs(t, err, syscall.EBUSY)
	_, err = n.s.NewBridge(0, "lo")
	require.ErrorIs(t, err, syscall.EINVAL)
	_, err = n.s.NewBridge(0, "nope")
	require.ErrorIs(t, err, syscall.ENODEV)
	require.NoError(t, n.b.Close())
	require.Zero(t, n.s.Devices()[1].Flags()&netdev.Promisc)
	n.send(0, alice, netdev.BroadcastMAC)
	require.Equal(t, []int{0, 0}, n.heard())
	_, err = n.s.NewBridge(0, "eth0", "eth1")
	require.NoError(t, err)
}

// Two stacks that talk through a bridge with super-segments and unfinished
// checksums on one side, and whole frames on the other.
func TestStacksTalkThroughABridge(t *testing.T) {
	w := &world.World{T: t, Clock: clock.NewVirtual()}
	mid := w.Stack()
	var hosts []*ministack.Stack
	for i, offload := range []bool{true, false} {
		near, far := netdev.PipeWith(netdev.PipeOptions{Offload: offload})
		_, err := mid.Attach(near, fmt.Sprintf("eth%d", i))
		require.NoError(t, err)
		s := w.Stack()
		_, err = s.Attach(far, "eth0")
		require.NoError(t, err)
		require.NoError(t, s.AddAddr("eth0", netip.MustParsePrefix(world.Addr(i)+"/24")))
		hosts = append(hosts, s)
	}
	_, err := mid.NewBridge(bridge.DefaultAgeing, "eth0", "eth1")
	require.NoError(t, err)
	l, err := hosts[1].Listen("tcp", ":80")
	require.NoError(t, err)
	c, err := hosts[0].Dial("tcp", world.Addr(1)+":80")
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	for _, dir := range [][2]interface {
		Read([]byte) (int, error)
		Write([]byte) (int, error)
	}{{c, s}, {s, c}} {
		_, err = dir[0].Write(make([]byte, 200_000))
		require.NoError(t, err)
		for got := 0; got < 200_000; {
			k, err := dir[1].Read(make([]byte, 65536))
			require.NoError(t, err)
			got += k
		}
	}
}
