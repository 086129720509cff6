package netdev

import (
	"math/rand"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
)

// lanes is a driver that several may send by at once. Each Write waits at the
// gate.
type lanes struct {
	Driver
	gate func(src []*skb.Buffer)
}

func (l *lanes) Write(src []*skb.Buffer) (int, error) {
	l.gate(src)
	return len(src), nil
}

// NewWriter is a driver's own, and beside it nothing else is.
func (l *lanes) NewWriter() Writer { return &lanes{gate: l.gate} }

// wide returns a device with n transmit queues.
func wide(t *testing.T, n int, gate func(src []*skb.Buffer)) (*host, *Device) {
	before := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	c := clock.NewReal()
	t.Cleanup(c.Close)
	h := newHost(c)
	a, _ := Pipe(1500)
	d := h.attach(t, &lanes{Driver: a, gate: gate})
	require.Len(t, d.tx, n)
	return h, d
}

// While one flow is in its driver's call, one of another queue can be, too.
func TestSendersOfDifferentFlowsDoNotWaitForEachOther(t *testing.T) {
	inside, goOn := make(chan struct{}), make(chan struct{})
	h, d := wide(t, 2, func([]*skb.Buffer) {
		inside <- struct{}{}
		<-goOn
	})
	frames := map[*txQueue]*skb.Buffer{}
	for port := uint16(1); len(frames) < 2; port++ {
		b := frameSpec{srcPort: port}.buffer(t, h.Pool)
		if q := d.pickTx(b); frames[q] == nil {
			frames[q] = b
		} else {
			b.Consume()
		}
	}
	var sent sync.WaitGroup
	for _, b := range frames {
		sent.Go(func() {
			d.Transmit(b)
			h.Flush()
		})
		<-inside
	}
	close(goOn)
	sent.Wait()
	h.Close()
	requireBalance(t, h.Pool)
}

// However senders and flushes interleave, the frames of a flow leave in the
// order in which they were queued, each once.
func TestAFlowKeepsItsOrder(t *testing.T) {
	const flows, frames = 32, 500
	var mu sync.Mutex
	var next [flows]uint32
	written := 0
	h, d := wide(t, 4, func(src []*skb.Buffer) {
		mu.Lock()
		defer mu.Unlock()
		for _, b := range src {
			th := tcpHeader(b.Data()[etherLen+ipMinLen:])
			flow := th.ports()>>16 - 1
			if th.seq() != next[flow] { // no FailNow: this is a sender's goroutine
				t.Errorf("flow %d: frame %d came where %d was due", flow, th.seq(), next[flow])
			}
			next[flow] = th.seq() + 1
			written++
		}
	})
	d.SetTxQueueLen(flows * frames)
	var wg sync.WaitGroup
	for flow := range uint16(flows) {
		wg.Go(func() {
			for seq := range uint32(frames) {
				d.Transmit(frameSpec{srcPort: flow + 1, seq: seq}.buffer(t, h.Pool))
				h.Flush()
			}
		})
	}
	wg.Wait()
	require.Eventually(t, func() bool { // the timer goroutine may have the rest to send
		mu.Lock()
		defer mu.Unlock()
		return written == flows*frames
	}, 20*time.Second, time.Millisecond)
	h.Close()
	requireBalance(t, h.Pool)
}

// A flow is what has the same addresses, protocol and ports: whatever else is
// in its frames they take one queue, and many flows use all of them.
func TestFlowsSpreadOverTheQueues(t *testing.T) {
	h, d := wide(t, 4, func([]*skb.Buffer) {})
	defer h.Close()
	pick := func(b *skb.Buffer) *txQueue {
		defer b.Consume()
		return d.pickTx(b)
	}
	used := map[*txQueue]int{}
	for port := uint16(1); port <= 400; port++ {
		q := pick(frameSpec{srcPort: port}.buffer(t, h.Pool))
		require.Same(t, q, pick(frameSpec{srcPort: port, seq: 77, tos: 3, ttl: 1, id: 9, ts: 5, payload: make([]byte, 100)}.buffer(t, h.Pool)))
		used[q]++
	}
	require.Len(t, used, 4)
	for _, n := range used {
		require.InDelta(t, 100, n, 50)
	}
}

// The fragments of a datagram take one queue, also the first, which alone has
// ports (RFC 791 3.1, 3.2); so does what is no IPv4 packet, or no whole header.
func TestWhatHasNoPortsKeepsTogether(t *testing.T) {
	h, d := wide(t, 4, func([]*skb.Buffer) {})
	defer h.Close()
	of := func(parts ...gopacket.SerializableLayer) *txQueue {
		b := frameFrom(t, h.Pool, parts...)
		defer b.Consume()
		return d.pickTx(b)
	}
	ether := func(typ layers.EthernetType) *layers.Ethernet {
		return &layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: typ}
	}
	rnd := rand.New(rand.NewSource(1))
	for range 50 {
		ip := frameSpec{}.ip()
		ip.Protocol, ip.Flags, ip.SrcIP = layers.IPProtocolUDP, layers.IPv4MoreFragments, randomBytes(rnd, 4)
		later := *ip
		later.Flags, later.FragOffset = 0, 185
		require.Same(t,
			of(ether(layers.EthernetTypeIPv4), ip, gopacket.Payload(randomBytes(rnd, 64))),
			of(ether(layers.EthernetTypeIPv4), &later, gopacket.Payload(randomBytes(rnd, 64))))
	}
	first := of(ether(layers.EthernetTypeARP), gopacket.Payload(randomBytes(rnd, 28)))
	require.Same(t, d.tx[0], first)
	require.Same(t, first, of(ether(layers.EthernetTypeIPv6), gopacket.Payload(randomBytes(rnd, 60))))
	bare := frameFrom(t, h.Pool, gopacket.Payload(append([]byte{0x60}, randomBytes(rnd, 59)...)))
	require.Zero(t, flowHash(bare, 0), "IPv6 without a link header")
	bare.Consume()
	for n := range 38 {
		b := h.Pool.New(n)
		b.Append(randomBytes(rnd, n))
		d.pickTx(b)
		b.Consume()
	}
}
