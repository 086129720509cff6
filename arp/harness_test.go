package arp

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/sysctl"
	"github.com/slankdev/ministack/trace"
	"github.com/stretchr/testify/require"
)

var (
	ours    = netip.MustParseAddr("10.0.0.1")
	theirs  = netip.MustParseAddr("10.0.0.9")
	theyAre = netdev.MACAddr{2, 0, 0, 0, 0, 9}
	another = netdev.MACAddr{2, 0, 0, 0, 0, 0x33}
)

// bench is a neighbour table and the link under it, with the other end of the
// link in the test's hands. It ends with the conservation law.
type bench struct {
	t     testing.TB
	clk   *clock.VirtualClock
	env   *inet.Env
	m     *Module
	d     *netdev.Device
	far   netdev.Poller
	pool  *skb.Pool // the far end's
	batch [1]*skb.Buffer
}

func newBench(t testing.TB) *bench {
	c := clock.NewVirtual()
	env := &inet.Env{Clock: c, Rand: rand.New(rand.NewPCG(1, 2)), Stat: new(stat.Counters), Sysctl: sysctl.New(), Trace: trace.New(c)}
	env.Pool = skb.NewPool(func(b *skb.Buffer, r skb.Reason, site uintptr) {
		env.Stat.Dropped(r)
		env.Trace.Dropped(b, r, site)
	})
	env.Dev = netdev.NewTable(netdev.Config{Clock: c, Rand: env.Rand, Pool: env.Pool, Trace: env.Trace})
	l := link.New(env)
	env.Dev.Rx = l.Input
	x := &bench{t: t, clk: c, env: env, m: New(env, l), pool: skb.NewPool(nil)}
	near, far := netdev.Pipe(1500)
	x.far = far.(netdev.Poller)
	x.d = x.attach(near, "10.0.0.1/24")
	t.Cleanup(x.check)
	return x
}

func (x *bench) attach(drv netdev.Driver, addrs ...string) *netdev.Device {
	d, err := x.env.Dev.Attach(drv, "")
	require.NoError(x.t, err)
	var list []netip.Prefix
	for _, a := range addrs {
		list = append(list, netip.MustParsePrefix(a))
	}
	d.SetAddrs(list)
	return d
}

func (x *bench) check() {
	x.clk.Run(0)
	x.m.Close()
	x.env.Dev.Close()
	n := x.env.Pool.Count()
	require.Zero(x.t, n.Live, "buffers that met no fate: %+v", n)
	require.Zero(x.t, n.Twice, "buffers that died twice")
	_, armed := x.clk.Next()
	require.False(x.t, armed, "a timer outlived the table")
}

func (x *bench) packet(payload ...byte) *skb.Buffer {
	b := x.env.Pool.New(len(payload))
	copy(b.Put(len(payload)), payload)
	b.SetNetwork()
	x.env.Trace.Mark(b)
	return b
}

// use sends a packet to the peer, as IPv4 does.
func (x *bench) use() uint64 {
	b := x.packet(0x45)
	id := b.ID
	x.m.Output(x.d, theirs, b)
	x.env.Dev.Flush()
	return id
}

// hear puts a frame on the link.
func (x *bench) hear(frame []byte) {
	b := x.pool.New(len(frame))
	copy(b.Put(len(frame)), frame)
	_, err := x.far.Write([]*skb.Buffer{b})
	require.NoError(x.t, err)
	b.Consume()
	x.clk.Run(0)
}

// take returns what was sent since the last call.
func (x *bench) take() (out []gopacket.Packet) {
	x.clk.Run(0)
	batch := make([]*skb.Buffer, 64)
	for n := x.far.Poll(x.pool, batch); n > 0; n = x.far.Poll(x.pool, batch) {
		for _, b := range batch[:n] {
			out = append(out, gopacket.NewPacket(append([]byte(nil), b.Data()...), layers.LayerTypeEthernet, gopacket.Default))
			b.Consume()
		}
	}
	return out
}

// said returns the only frame sent since the last call, an ARP packet.
func (x *bench) said() *layers.ARP {
	out := x.take()
	require.Len(x.t, out, 1)
	a, ok := out[0].Layer(layers.LayerTypeARP).(*layers.ARP)
	require.True(x.t, ok, "not an ARP packet: %v", out[0])
	return a
}

// says builds the frame of an ARP packet from mac to the device.
func (x *bench) says(op uint16, mac netdev.MACAddr, change ...func(*layers.Ethernet, *layers.ARP)) []byte {
	e := &layers.Ethernet{SrcMAC: mac[:], DstMAC: x.d.MAC[:], EthernetType: layers.EthernetTypeARP}
	a := &layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: op, SourceHwAddress: mac[:], SourceProtAddress: theirs.AsSlice(), DstHwAddress: x.d.MAC[:], DstProtAddress: ours.AsSlice()}
	for _, f := range change {
		f(e, a)
	}
	buf := gopacket.NewSerializeBuffer()
	require.NoError(x.t, gopacket.SerializeLayers(buf, gopacket.SerializeOptions{}, e, a))
	return append([]byte(nil), buf.Bytes()...)
}

func (x *bench) reply() { x.hear(x.says(OpReply, theyAre)) }

func (x *bench) state() State {
	for _, e := range x.m.Entries() {
		if e.IP == theirs {
			return e.State
		}
	}
	return None
}

func (x *bench) until(s State) {
	require.True(x.t, x.clk.RunUntil(func() bool { return x.state() == s }, 2*time.Minute), "never %v, but %v", s, x.state())
}
