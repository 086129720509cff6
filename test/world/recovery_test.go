package world_test

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/tcp"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/rtx"
	"github.com/slankdev/ministack/test/world"
	"github.com/slankdev/ministack/trace"
	"github.com/stretchr/testify/require"
)

// Loss recovery of the whole stack: sockets at both ends, the impairment device
// between them. The figures are Linux's medians for the same transfers on the
// same path: 100 Mbit/s, a round trip of 40 ms, a queue of 500 packets, 8 MB.
// tcp/rtx has the same for the sender alone.

const recoveryPath = "rate=100mbit,delay=20ms,limit=500"

// burst loses the data segments [from, to) of a stream, each once.
type burst struct {
	netdev.Poller
	from, to, seen, lost int
	highest              uint32 // sequence number seen
}

func (d *burst) Write(src []*skb.Buffer) (int, error) {
	for i, b := range src {
		if d.takes(b) {
			d.lost++
		} else if n, err := d.Poller.Write(src[i : i+1]); n == 0 || err != nil {
			return i, err
		}
	}
	return len(src), nil
}

// takes reads the headers of a bare TCP/IPv4 packet, which behind the
// impairment is one segment.
func (d *burst) takes(b *skb.Buffer) bool {
	var h [80]byte
	b.CopyOut(0, h[:min(b.Len(), len(h))])
	tcp := h[int(h[0]&15)*4:]
	seq := binary.BigEndian.Uint32(tcp[4:])
	if len(h)-len(tcp)+int(tcp[12]>>4)*4 == b.Len() || d.seen > 0 && int32(seq-d.highest) <= 0 {
		return false // no payload, or nothing new
	}
	d.highest = seq
	d.seen++
	return d.seen > d.from && d.seen <= d.to
}

// lossy is a transfer over a path that does something to it.
type lossy struct {
	impair   string // besides recoveryPath
	from, to int    // data segments that are lost
	octets   int    // 0: 8 MB
}

// outcome is what came of it.
type outcome struct {
	took   time.Duration
	rounds string // the window of every round trip
	flow   *flow
	timers map[uint32]int // that fired, by rtx.Timer
	lost   int            // segments that the path lost, to the burst or the impairment
}

func (l lossy) run(t *testing.T) outcome {
	var gap *burst
	var bad netdev.Driver
	w := world.PairOver(t, netdev.PipeOptions{NoLink: true, Queue: 1 << 14}, func(side int, d netdev.Driver, clk clock.Clock) netdev.Driver {
		if side == 1 {
			return d
		}
		o, err := netdev.ParseImpairment(recoveryPath + "," + l.impair)
		require.NoError(t, err)
		gap = &burst{Poller: d.(netdev.Poller), from: l.from, to: l.to}
		bad = netdev.Impair(gap, clk, o)
		return bad
	})
	tr := w.Stacks[0].Tracer()
	tr.Start(trace.Watch{})
	f := open(t, w, 80, "cubic")
	o := outcome{flow: f, timers: map[uint32]int{}}
	o.took, o.rounds = f.transfer(t, w, cmp.Or(l.octets, 8e6))
	for _, r := range tr.Flight() {
		if r.Event == trace.TCPTimer {
			o.timers[r.Args[0]]++
		}
	}
	tx, _, _ := netdev.ImpairmentCounts(bad)
	o.lost = gap.lost + tx.Lost + tx.Overflowed
	return o
}

// transfer sends octets, and returns how long it took until the last was read,
// with the window at every round trip.
func (f *flow) transfer(t *testing.T, w *world.World, octets int) (time.Duration, string) {
	began := w.Clock.Now()
	left, end := octets, uint64(0)
	var rounds strings.Builder
	done := func() bool {
		f.read()
		if i := f.send.Conn().Info(); i.BytesAcked >= end {
			end = i.BytesSent - i.BytesRetrans + 1
			fmt.Fprintf(&rounds, "%8.3f %-8s cwnd %4d ssthresh %4s lost %4d retrans %4d\n",
				w.Clock.Now().Sub(began).Seconds(), i.State, i.Cwnd, ssthresh(&i), i.LostTotal, i.RetransTotal)
		}
		left -= f.write(left)
		return f.received == octets
	}
	require.True(t, w.Clock.RunUntil(done, 10*time.Minute), "%d of %d octets", f.received, octets)
	return w.Clock.Now().Sub(began), rounds.String()
}

func ssthresh(i *tcp.Info) string {
	if i.Ssthresh >= cc.InfiniteSsthresh {
		return "-"
	}
	return fmt.Sprint(i.Ssthresh)
}

// recoveries are the transfers with their figures.
var recoveries = []struct {
	name   string
	path   lossy
	atMost time.Duration // Linux's median
	again  int           // segments sent again beyond those that were lost, at most
}{
	{"no-loss", lossy{}, 900 * time.Millisecond, 0},
	{"burst-20-lost", lossy{from: 1000, to: 1020}, 900 * time.Millisecond, 0},
	{"burst-100-lost", lossy{from: 1000, to: 1100}, 900 * time.Millisecond, 0},
	{"burst-150-lost-early", lossy{from: 350, to: 500}, 1100 * time.Millisecond, 0},
	{"reordered-2-percent", lossy{impair: "reorder=2%/8ms,seed=1"}, 980 * time.Millisecond, 3},
	{"tail-lost", lossy{octets: 256 << 10, from: 178, to: 182}, 420 * time.Millisecond, 0},
}

// RFC 8985 7, RFC 6937 3, RFC 6675 5: each is done as soon as Linux would be,
// without a timeout.
func TestRecoveryIsAsQuickAsLinux(t *testing.T) {
	for _, r := range recoveries {
		t.Run(r.name, func(t *testing.T) {
			o := r.path.run(t)
			require.LessOrEqual(t, o.took, r.atMost)
			o.isClean(t, r.again)
			keep(t, "recovery-"+r.name, o.String())
		})
	}
}

// isClean demands that nothing timed out, that what was lost was sent again
// and no more than again segments besides.
func (o *outcome) isClean(t *testing.T, again int) {
	t.Helper()
	require.Zero(t, o.timers[uint32(rtx.TimerRTO)], "timeouts")
	i := o.flow.send.Conn().Info()
	require.GreaterOrEqual(t, int(i.RetransTotal), o.lost)
	require.LessOrEqual(t, int(i.RetransTotal), o.lost+again)
}

func (o *outcome) String() string {
	i := o.flow.send.Conn().Info()
	return fmt.Sprintf("%d octets in %.3f s, %d sent again, %d lost, %d probes, %d timeouts, reordering %d\n%s",
		o.flow.received, o.took.Seconds(), i.RetransTotal, o.lost, o.timers[uint32(rtx.TimerTLP)], o.timers[uint32(rtx.TimerRTO)],
		i.Reordering, o.rounds)
}

// The figures hold wherever the gap is, and whatever the seed.
func TestRecoveryIsAsQuickWhereverTheGapIs(t *testing.T) {
	long(t)
	for from := 600; from < 4000; from += 331 {
		for _, n := range []int{1, 20, 100} {
			o := lossy{from: from, to: from + n}.run(t)
			require.LessOrEqual(t, o.took, 950*time.Millisecond, "%d lost from %d on", n, from)
			o.isClean(t, 0)
		}
	}
	for seed := range 8 {
		o := lossy{impair: fmt.Sprintf("reorder=2%%/8ms,seed=%d", seed)}.run(t)
		require.LessOrEqual(t, o.took, 920*time.Millisecond, "seed %d", seed)
		o.isClean(t, 10)
	}
	for n := 1; n < 30; n++ { // the last packets of 256 KB
		o := lossy{octets: 256 << 10, from: 182 - n, to: 182}.run(t)
		require.LessOrEqual(t, o.took, 640*time.Millisecond, "the last %d", n)
		o.isClean(t, 1)
	}
}

// Random loss of 1 %: Linux needs 11 to 26 s.
func TestRandomLossCostsWhatItCostsLinux(t *testing.T) {
	var took []time.Duration
	for seed := range 11 {
		o := lossy{impair: fmt.Sprintf("loss=1%%,seed=%d", seed)}.run(t)
		took = append(took, o.took)
		require.LessOrEqual(t, o.took, 26*time.Second, "seed %d", seed)
		if seed < 2 {
			keep(t, fmt.Sprintf("recovery-random-1-percent-%d", seed), o.String())
		}
	}
	slices.Sort(took)
	t.Logf("%v", took)
	require.LessOrEqual(t, took[len(took)/2], 20*time.Second, "Linux 6.18's median of 30 transfers was 20.7 s")
}
