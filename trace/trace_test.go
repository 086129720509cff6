package trace

import (
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
)

func newTracer() (*Tracer, *clock.VirtualClock, *skb.Pool) {
	c := clock.NewVirtual()
	t := New(c)
	return t, c, skb.NewPool(t.Dropped)
}

func (t *Tracer) all() []Record {
	recs, _ := t.Read(0, nil)
	return recs
}

func TestNothingIsRecordedWhileNobodyWatches(t *testing.T) {
	tr, _, pool := newTracer()
	b := pool.New(10)
	tr.Mark(b)
	require.False(t, b.Traced)
	require.False(t, tr.On(SockRead))
	tr.Event(SockRead, 1, 0, 0, 0, 0)
	b.Consume()
	require.Empty(t, tr.all())
	require.Empty(t, tr.Flight())
}

func TestAPacketsEventsAreReadWhenItEndsOrRests(t *testing.T) {
	tr, _, pool := newTracer()
	tr.Start(Watch{})
	b := pool.New(10)
	tr.Mark(b)
	tr.Packet(IPv4Rx, b, 1, 2, 3, 4)
	require.Empty(t, tr.all())
	tr.Packet(UDPDeliver, b, 1, 0, 0, 0)
	require.Len(t, tr.all(), 2, "a packet in a queue is seen")
	tr.Packet(PacketLookup, b, 0, 0, 0, 0)
	b.Drop(skb.NoSocket)
	recs := tr.all()
	require.Len(t, recs, 4)
	require.Equal(t, []Event{IPv4Rx, UDPDeliver, PacketLookup, StackDrop}, []Event{recs[0].Event, recs[1].Event, recs[2].Event, recs[3].Event})
	require.Equal(t, [4]uint32{1, 2, 3, 4}, recs[0].Args)
	require.Equal(t, skb.NoSocket, recs[3].Reason)
}

func TestALongWayIsWrittenInPieces(t *testing.T) {
	tr, _, pool := newTracer()
	tr.Start(Watch{})
	b := pool.New(10)
	tr.Mark(b)
	for i := range uint32(5 * walkLen) {
		tr.Packet(IPv4Rx, b, i, 0, 0, 0)
	}
	b.Consume()
	for i, r := range tr.all() {
		require.Equal(t, uint32(i), r.Args[0])
	}
	require.Len(t, tr.all(), 5*walkLen)
}

func TestTheFlightRecorderIsAlwaysOn(t *testing.T) {
	tr, c, pool := newTracer()
	b := pool.New(10)
	b.IfIndex = 3
	b.Drop(skb.IPCsum)
	c.Run(time.Second)
	tr.Slow(TCPRtx, 7, 9, [4]uint32{2})
	pool.New(10).Drop(skb.OtherHost)
	recs := tr.Flight()
	require.Len(t, recs, 2, "a frame for another station is no fault")
	require.Equal(t, skb.IPCsum, recs[0].Reason)
	require.Equal(t, int16(3), recs[0].If)
	require.Equal(t, Received, recs[0].Dir)
	require.Equal(t, uint32(7), recs[1].Sock)
	require.Equal(t, uint64(9), recs[1].Cause)
	require.Equal(t, time.Second, recs[1].Time.Sub(recs[0].Time))
	for range 2 * FlightRecords {
		tr.Slow(TCPState, 1, 0, [4]uint32{})
	}
	require.Len(t, tr.Flight(), FlightRecords)
}

func TestAFilterDecidesOnceAPacket(t *testing.T) {
	tr, _, pool := newTracer()
	calls := 0
	tr.Start(Watch{Filter: func(b *skb.Buffer) bool { calls++; return b.ID == 1 }})
	for range 2 {
		b := pool.New(10)
		tr.Mark(b)
		for range 3 {
			if b.Traced {
				tr.Packet(IPv4Rx, b, 0, 0, 0, 0)
			}
		}
		b.Drop(skb.NoSocket)
	}
	require.Equal(t, 2, calls)
	recs := tr.all()
	require.Len(t, recs, 4)
	for _, r := range recs {
		require.Equal(t, uint64(1), r.Packet)
	}
	require.Len(t, tr.Flight(), 2, "a filter does not blind the flight recorder")
}

func TestOnlyTheEventsAskedForAreRecorded(t *testing.T) {
	tr, _, pool := newTracer()
	tr.Start(Watch{Events: []Event{TCPRtx, IPv4Tx}})
	require.True(t, tr.On(IPv4Tx))
	require.False(t, tr.On(IPv4Rx))
	b := pool.New(10)
	tr.Mark(b)
	tr.Packet(IPv4Rx, b, 0, 0, 0, 0)
	tr.Packet(IPv4Tx, b, 0, 0, 0, 0)
	b.Consume()
	tr.Slow(TCPRtx, 1, 0, [4]uint32{})
	tr.Slow(TCPState, 1, 0, [4]uint32{})
	recs := tr.all()
	require.Len(t, recs, 2)
	require.Equal(t, IPv4Tx, recs[0].Event)
	require.Equal(t, Sent, recs[0].Dir)
	require.Equal(t, TCPRtx, recs[1].Event)
	tr.Stop()
	require.False(t, tr.On(IPv4Tx))
}

func TestAPreciseTraceReadsTheClockAtEachEvent(t *testing.T) {
	for _, precise := range []bool{false, true} {
		tr, c, pool := newTracer()
		tr.Start(Watch{Precise: precise})
		b := pool.New(10)
		tr.Mark(b)
		tr.Packet(IPv4Rx, b, 0, 0, 0, 0)
		c.Run(time.Microsecond)
		tr.Packet(IPv4Local, b, 0, 0, 0, 0)
		b.Consume()
		recs := tr.all()
		require.Equal(t, precise, recs[1].Time.Sub(recs[0].Time) == time.Microsecond)
	}
}

// MarkSent gives the filter, and a drop on the way, what the network header
// will say.
func TestWhatATransportSendsIsMarkedWithItsNames(t *testing.T) {
	tr, _, pool := newTracer()
	a, z := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	tr.Start(Watch{Filter: func(b *skb.Buffer) bool { return b.Net.Dst == z && b.Net.Proto == 6 }})
	b := pool.New(10)
	tr.MarkSent(b, a, z, 6)
	require.True(t, b.Traced)
	b.Drop(skb.IPOutNoRoutes)
	require.Equal(t, [4]uint32{Addr(a), Addr(z), 6, 0}, tr.all()[0].Args)
	require.Equal(t, Sent, tr.all()[0].Dir)
}

func TestAReaderLearnsWhatItMissed(t *testing.T) {
	tr, _, _ := newTracer()
	tr.Start(Watch{Records: 256})
	for i := range uint32(1000) {
		tr.Event(SockRead, i, 0, 0, 0, 0)
	}
	recs, next, lost := tr.ReadLost(10, nil)
	require.Equal(t, uint64(1000), next)
	require.Equal(t, uint64(1000-256-10), lost)
	require.Len(t, recs, 256)
	require.Equal(t, uint32(744), recs[0].Sock)
	recs, next, lost = tr.ReadLost(next, nil)
	require.Empty(t, recs)
	require.Equal(t, uint64(1000), next)
	require.Zero(t, lost)
}

// Every site is the line that fired the event, though many fire the same one.
func TestSitesAreExact(t *testing.T) {
	tr, _, pool := newTracer()
	tr.Start(Watch{})
	b := pool.New(10)
	tr.Mark(b)
	_, _, line, _ := runtime.Caller(0)
	tr.Packet(TCPTx, b, 0, 0, 0, 0)
	tr.Packet(TCPTx, b, 0, 0, 0, 0)
	func() { tr.Packet(TCPTx, b, 0, 0, 0, 0) }()
	b.Consume()
	tr.Event(SockRead, 0, 0, 0, 0, 0)
	tr.Slow(TCPRtx, 0, 0, [4]uint32{})
	pool.New(1).Drop(skb.NoSocket)
	var sites []string
	for _, r := range append(tr.all(), tr.Flight()...) {
		sites = append(sites, SiteString(r.Site))
	}
	var want []string
	for _, after := range []int{1, 2, 3, 5, 6, 6, 7} {
		want = append(want, fmt.Sprintf("trace/trace_test.go:%d", line+after))
	}
	require.Equal(t, want, sites)
	require.Empty(t, SiteString(0))
}

func TestRecordingAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has pools forget at random")
	}
	tr, _, pool := newTracer()
	tr.Start(Watch{Records: 1024})
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		b := pool.New(10)
		tr.Mark(b)
		for range 20 {
			tr.Packet(IPv4Rx, b, 1, 2, 3, 4)
		}
		b.Consume()
		tr.Event(SockRead, 1, 2, 3, 4, 5)
		tr.Slow(TCPState, 1, 2, [4]uint32{})
	}))
}

// Writers and a reader at once: under the race detector this shows that no
// record is read while it is written, and each arrives whole.
func TestRecordsAreReadWholeWhileTheyAreWritten(t *testing.T) {
	const writers, packets = 4, 500
	tr := New(clock.NewReal())
	pool := skb.NewPool(tr.Dropped)
	tr.Start(Watch{Records: 1 << 16})
	var wg sync.WaitGroup
	for w := range uint32(writers) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range uint32(packets) {
				b := pool.New(10)
				tr.Mark(b)
				for range 10 {
					tr.Packet(IPv4Rx, b, w, i, w, i)
				}
				b.Drop(skb.NoSocket)
				tr.Slow(TCPState, w, 0, [4]uint32{w, i, w, i})
			}
		}()
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	seen, from := 0, uint64(0)
	var recs []Record
	check := func() {
		recs, from = tr.Read(from, recs[:0])
		for _, r := range recs {
			if r.Event != StackDrop {
				require.Equal(t, [2]uint32{r.Args[0], r.Args[1]}, [2]uint32{r.Args[2], r.Args[3]})
			}
			seen++
		}
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		check()
	}
	require.Equal(t, writers*packets*12, seen)
	require.Len(t, tr.Flight(), min(FlightRecords, writers*packets*2))
}
