package link_test

import (
	"math/rand/v2"
	"net"
	"testing"

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

// wire is a driver that swallows what it is given, and remembers the last
// frame.
type wire struct {
	features netdev.Features
	last     []byte
	frames   int
}

var mac = netdev.MACAddr{2, 0, 0, 0, 0, 1}

func (w *wire) Read(*skb.Pool, []*skb.Buffer) (int, error) { return 0, net.ErrClosed }
func (w *wire) Poll(*skb.Pool, []*skb.Buffer) int          { return 0 }
func (w *wire) OnReadable(func())                          {}
func (w *wire) Features() netdev.Features                  { return w.features }
func (w *wire) MTU() int                                   { return 1500 }
func (w *wire) Close() error                               { return nil }

func (w *wire) MAC() net.HardwareAddr {
	if w.features.Has(netdev.NoLink) {
		return nil
	}
	return mac[:]
}

func (w *wire) Write(src []*skb.Buffer) (int, error) {
	for _, b := range src {
		w.last = append(w.last[:0], b.Data()...)
		w.frames++
	}
	return len(src), nil
}

// bare is a link layer with nothing above it but a handler for IPv4.
type bare struct {
	env  *inet.Env
	m    *link.Module
	d    *netdev.Device
	wire *wire
	got  []*skb.Buffer // what the handler got; the test consumes it
}

func newBare(t testing.TB, f netdev.Features) *bare {
	c := clock.NewVirtual()
	env := &inet.Env{Clock: c, Rand: rand.New(rand.NewPCG(1, 2)), Stat: new(stat.Counters), Sysctl: sysctl.New(),
		Trace: trace.New(c), Pool: skb.NewPool(nil)}
	env.Dev = netdev.NewTable(netdev.Config{Clock: c, Rand: env.Rand, Pool: env.Pool, Trace: env.Trace})
	b := &bare{env: env, m: link.New(env), wire: &wire{features: f}}
	env.Dev.Rx, env.Dev.Tx = b.m.Input, b.m.Sent
	b.m.Handle(link.TypeIPv4, func(_ *netdev.Device, p *skb.Buffer) skb.Reason {
		b.got = append(b.got, p)
		return skb.NotDropped
	})
	var err error
	b.d, err = env.Dev.Attach(b.wire, "eth0")
	require.NoError(t, err)
	t.Cleanup(func() { b.check(t) })
	return b
}

// check demands that every buffer met one fate.
func (b *bare) check(t testing.TB) {
	for _, p := range b.got {
		p.Consume()
	}
	b.env.Dev.Close()
	n := b.env.Pool.Count()
	require.Zero(t, n.Live, "buffers that met no fate: %+v", n)
	require.Zero(t, n.Twice, "buffers that died twice")
}

func (b *bare) input(frame []byte) skb.Reason {
	p := b.env.Pool.New(len(frame))
	copy(p.Put(len(frame)), frame)
	b.env.Trace.Mark(p)
	return b.m.Input(b.d, p)
}

// frame is an Ethernet frame for dst.
func frame(dst netdev.MACAddr, etherType uint16, payload ...byte) []byte {
	f := append(append([]byte(nil), dst[:]...), 2, 0, 0, 0, 0, 9)
	return append(append(f, byte(etherType>>8), byte(etherType)), payload...)
}
