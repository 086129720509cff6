package netdev

import (
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
)

// host is a table without a stack above it: what is received is kept.
type host struct {
	*Table
	mu   sync.Mutex
	got  []*skb.Buffer
	more chan struct{}
}

func newHost(c clock.Clock) *host {
	h := &host{more: make(chan struct{}, 1)}
	tr := trace.New(c)
	h.Table = NewTable(Config{
		Clock: c, Rand: rand.New(rand.NewPCG(1, 2)), Trace: tr, Pool: skb.NewPool(tr.Dropped),
		Rx: func(d *Device, b *skb.Buffer) skb.Reason {
			h.mu.Lock()
			h.got = append(h.got, b)
			h.mu.Unlock()
			select {
			case h.more <- struct{}{}:
			default:
			}
			return skb.NotDropped
		},
	})
	return h
}

// take returns what was received and forgets it.
func (h *host) take() []*skb.Buffer {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.got
	h.got = nil
	return list
}

func (h *host) attach(t testing.TB, drv Driver) *Device {
	d, err := h.Attach(drv, "")
	require.NoError(t, err)
	return d
}

func (h *host) send(t testing.TB, d *Device, b *skb.Buffer) {
	require.Equal(t, skb.NotDropped, d.Transmit(b))
	h.Flush()
}

func TestDevicesAreNumberedNamedAndFound(t *testing.T) {
	h := newHost(clock.NewVirtual())
	lo, err := h.Attach(NewLoopback(65536), "lo")
	require.NoError(t, err)
	a, b := Pipe(1400)
	eth0, eth1 := h.attach(t, a), h.attach(t, b)
	require.Equal(t, []*Device{lo, eth0, eth1}, h.All())
	require.Equal(t, 2, eth0.Index)
	require.Equal(t, "eth1", eth1.Name)
	require.Same(t, eth1, h.ByIndex(3))
	require.Same(t, lo, h.ByName("lo"))
	for _, i := range []int{-1, 0, 4} {
		require.Nil(t, h.ByIndex(i))
	}
	require.Nil(t, h.ByName("eth2"))
	require.Equal(t, 1400, eth0.MTU())
	require.Equal(t, Up|IsLoopback|NoARP, lo.Flags())
	require.Equal(t, Up|IsBroadcast|IsMulticast, eth0.Flags())
	require.False(t, lo.HasLink())
	require.Equal(t, byte(2), eth0.MAC[0]&3, "locally administered, unicast")
	require.NotEqual(t, eth0.MAC, eth1.MAC)
}

// blocking hides a pipe's Poll.
type blocking struct{ Driver }

func TestAttachRefusesWithAnErrno(t *testing.T) {
	h := newHost(clock.NewVirtual())
	a, b := Pipe(1500)
	_, err := h.Attach(a, "eth7")
	require.NoError(t, err)
	_, err = h.Attach(b, "eth7")
	require.ErrorIs(t, err, syscall.EEXIST)
	_, err = h.Attach(b, "a name past 15 bytes")
	require.ErrorIs(t, err, syscall.EINVAL)
	_, err = h.Attach(blocking{b}, "")
	require.ErrorIs(t, err, syscall.EINVAL)
	h.Close()
	_, err = h.Attach(b, "")
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestTwoVirtualHostsExchangeFrames(t *testing.T) {
	v := clock.NewVirtual()
	x, y := newHost(v), newHost(v)
	a, b := Pipe(1500)
	da, db := x.attach(t, a), y.attach(t, b)
	x.send(t, da, frameOf(x.Pool, "ping"))
	y.send(t, db, frameOf(y.Pool, "pong"))
	require.Empty(t, y.take(), "nothing moves unless the clock does")
	v.Run(0)
	got := y.take()
	require.Len(t, got, 1)
	require.Equal(t, "ping", string(got[0].Bytes()))
	require.Equal(t, int32(db.Index), got[0].IfIndex)
	require.Equal(t, v.Now(), got[0].Time)
	dropAll(got)
	dropAll(x.take())
	require.Equal(t, uint64(1), db.Counters.RxPackets.Load())
	require.Equal(t, uint64(4), db.Counters.RxBytes.Load())
	require.Equal(t, uint64(1), da.Counters.TxPackets.Load())
	x.Close()
	y.Close()
	requireBalance(t, x.Pool)
	requireBalance(t, y.Pool)
}

func TestADeviceDoesInSoftwareWhatItsDriverCannot(t *testing.T) {
	v := clock.NewVirtual()
	x, y := newHost(v), newHost(v)
	a, b := Pipe(1500)
	da := x.attach(t, a)
	y.attach(t, b)
	x.send(t, da, frameSpec{payload: make([]byte, 5000)}.super(t, x.Pool, 1000, 5000))
	var batch [8]*skb.Buffer
	n := b.(Poller).Poll(y.Pool, batch[:]) // before GRO joins them again
	require.Equal(t, 5, n)
	for _, f := range batch[:n] {
		require.Equal(t, skb.CsumNone, f.Csum)
		require.Len(t, decode(t, f.Bytes(), false).payload, 1000)
	}
	dropAll(batch[:n])
	x.send(t, da, frameSpec{payload: make([]byte, 5000)}.super(t, x.Pool, 1000, 5000))
	v.Run(0)
	got := y.take()
	require.Len(t, got, 1, "software GRO")
	require.Equal(t, uint16(5), got[0].GSOSegs)
	require.Equal(t, uint64(5), y.ByIndex(1).Counters.RxPackets.Load())
	dropAll(got)
	requireBalance(t, x.Pool)
	requireBalance(t, y.Pool)
}

// A router takes what GRO joined and hands it to a device that segments: the
// checksum must become partial on the way.
func TestAJoinedSegmentCanBeForwardedToADeviceThatCutsAndToOneThatDoesNot(t *testing.T) {
	for _, offload := range []bool{true, false} {
		v := clock.NewVirtual()
		h := newHost(v)
		a, b := PipeWith(PipeOptions{Offload: offload})
		d := h.attach(t, a)
		got := joinSegments(received(t, h.Pool, run(3, 1000)), etherLen)
		require.Len(t, got, 1)
		markHeaders(got[0], 14, 34)
		tap := got[0].Clone()
		h.send(t, d, got[0])
		tap.Consume()
		var batch [4]*skb.Buffer
		n := b.(Poller).Poll(h.Pool, batch[:])
		var frames [][]byte
		for _, f := range batch[:n] {
			require.Equal(t, offload, f.Csum == skb.CsumPartial)
			frames = append(frames, undo(t, f, etherLen)...)
		}
		require.Len(t, frames, 3)
		for i, raw := range frames {
			require.Equal(t, run(3, 1000)[i].bytes(t), raw)
		}
		requireBalance(t, h.Pool)
	}
}

func TestAnUnfinishedChecksumIsFinishedBehindAnotherLinkHeader(t *testing.T) {
	v := clock.NewVirtual()
	h := newHost(v)
	in, peer := PipeWith(PipeOptions{Offload: true})
	out, far := PipeWith(PipeOptions{NoLink: true})
	h.attach(t, in)
	dOut := h.attach(t, out)
	f := frameSpec{payload: []byte("routed")}
	b := f.super(t, h.Pool, 0, 100)
	b.GSO = skb.GSONone
	writeAll(t, peer, b)
	v.Run(0)
	got := h.take()
	require.Len(t, got, 1)
	require.True(t, got[0].Pull(14))
	h.send(t, dOut, got[0])
	var batch [1]*skb.Buffer
	require.Equal(t, 1, far.(Poller).Poll(h.Pool, batch[:]))
	f.noLink = true
	require.Equal(t, f.bytes(t), batch[0].Bytes())
	dropAll(batch[:])
	requireBalance(t, h.Pool)
}

func TestMetadataThatTheFrameDoesNotHoldIsDropped(t *testing.T) {
	v := clock.NewVirtual()
	h := newHost(v)
	a, peer := PipeWith(PipeOptions{Offload: true})
	d := h.attach(t, a)
	b := frameOf(h.Pool, "short")
	b.Csum, b.CsumStart, b.CsumOffset = skb.CsumPartial, 0xffff, 0xffff
	c := frameOf(h.Pool, "short")
	c.GSO, c.GSOSize = skb.GSOUDPv4, 1
	writeAll(t, peer, b, c)
	v.Run(0)
	require.Empty(t, h.take())
	require.Equal(t, int64(2), h.Pool.Drops(skb.HdrTrunc))
	require.Equal(t, uint64(2), d.Counters.RxDropped.Load())
	requireBalance(t, h.Pool)
}

func TestUDPSuperSegmentsAreDeliveredAsDatagrams(t *testing.T) {
	v := clock.NewVirtual()
	h := newHost(v)
	a, peer := PipeWith(PipeOptions{Offload: true})
	h.attach(t, a)
	writeAll(t, peer, udpSuper(t, h.Pool, make([]byte, 2500), 1000, true))
	v.Run(0)
	got := h.take()
	require.Len(t, got, 3)
	for _, b := range got {
		decode(t, finish(t, b), false)
	}
	dropAll(got)
	requireBalance(t, h.Pool)
}

func TestADeviceThatIsDownPassesNothing(t *testing.T) {
	v := clock.NewVirtual()
	h := newHost(v)
	a, peer := Pipe(1500)
	d := h.attach(t, a)
	d.SetFlags(0, Up)
	require.Equal(t, skb.DevReady, d.Transmit(frameOf(h.Pool, "out")))
	writeAll(t, peer, frameOf(h.Pool, "in"))
	v.Run(0)
	require.Empty(t, h.take())
	require.Equal(t, int64(2), h.Pool.Drops(skb.DevReady))
	d.SetFlags(Up, 0)
	writeAll(t, peer, frameOf(h.Pool, "in"))
	v.Run(0)
	require.Len(t, h.got, 1)
	dropAll(h.take())
}

// refusing takes frames until it meets one that it refuses.
type refusing struct {
	Poller
	room int
	errs map[string]error
	took []string
}

func (r *refusing) Write(src []*skb.Buffer) (int, error) {
	for i, b := range src {
		if err := r.errs[string(b.Bytes())]; err != nil {
			return i, err
		}
		if len(r.took) == r.room {
			return i, nil
		}
		r.took = append(r.took, string(b.Bytes()))
	}
	return len(src), nil
}

func TestARefusedFrameCostsOnlyItselfAndAFullDeviceTheRest(t *testing.T) {
	v := clock.NewVirtual()
	h := newHost(v)
	a, _ := Pipe(1500)
	r := &refusing{Poller: a.(Poller), room: 3, errs: map[string]error{
		"big": syscall.EMSGSIZE, "odd": fmt.Errorf("wrapped: %w", syscall.EINVAL), "down": syscall.EIO}}
	d := h.attach(t, r)
	for _, text := range []string{"1", "big", "2", "odd", "down", "3", "4", "5"} {
		require.Equal(t, skb.NotDropped, d.Transmit(frameOf(h.Pool, text)))
	}
	h.Flush()
	require.Equal(t, []string{"1", "2", "3"}, r.took)
	for reason, n := range map[skb.Reason]int64{skb.PktTooBig: 1, skb.DevHdr: 1, skb.DevReady: 1, skb.FullRing: 2} {
		require.Equal(t, n, h.Pool.Drops(reason), reason)
	}
	require.Equal(t, uint64(3), d.Counters.TxPackets.Load())
	require.Equal(t, uint64(3), d.Counters.TxErrors.Load())
	require.Equal(t, uint64(2), d.Counters.TxDropped.Load())
	requireBalance(t, h.Pool)
}

func TestTheTransmitQueueIsBounded(t *testing.T) {
	v := clock.NewVirtual()
	h := newHost(v)
	a, _ := Pipe(1500)
	d := h.attach(t, a)
	for range txQueueLen {
		require.Equal(t, skb.NotDropped, d.Transmit(frameOf(h.Pool, "x")))
	}
	require.Equal(t, skb.QdiscDrop, d.Transmit(frameOf(h.Pool, "x")))
	require.Equal(t, uint64(1), d.Counters.TxDropped.Load())
	require.True(t, h.Trace.Fired(trace.LinkTxFull))
	h.Close()
	require.Equal(t, int64(txQueueLen), h.Pool.Drops(skb.QueuePurge))
	requireBalance(t, h.Pool)
}

// Of a super-segment's pieces those are queued for which there is room, the
// first ones; only where none is the sender is told.
func TestASuperSegmentTakesTheRoomThereIs(t *testing.T) {
	v := clock.NewVirtual()
	h := newHost(v)
	a, _ := Pipe(1500)
	r := &refusing{Poller: a.(Poller), room: 100}
	d := h.attach(t, r)
	d.SetTxQueueLen(3)
	super := func() *skb.Buffer { return frameSpec{payload: make([]byte, 500)}.super(t, h.Pool, 100, 500) }
	require.Equal(t, skb.NotDropped, d.Transmit(super()))
	require.Equal(t, uint64(2), d.Counters.TxDropped.Load())
	require.Equal(t, skb.QdiscDrop, d.Transmit(super()))
	require.Equal(t, uint64(7), d.Counters.TxDropped.Load())
	h.Flush()
	require.Equal(t, uint64(3), d.Counters.TxPackets.Load())
	require.Equal(t, skb.NotDropped, d.Transmit(super()), "there is room again")
	h.Flush()
	h.Close()
	require.Equal(t, skb.DevReady, d.tx[0].push(d, frameOf(h.Pool, "x")))
	requireBalance(t, h.Pool)
}

// ending is an owner that hears of its packet's end.
type ending func()

func (e ending) Freed(int) { e() }

// Who closes while another does waits for it, and not for ever.
func TestTwoMayCloseATransmitQueue(t *testing.T) {
	v := clock.NewVirtual()
	h := newHost(v)
	a, _ := Pipe(1500)
	q := h.attach(t, a).tx[0]
	second := make(chan struct{})
	b := frameOf(h.Pool, "x")
	b.SetOwner(ending(func() {
		go func() {
			q.close()
			close(second)
		}()
		time.Sleep(20 * time.Millisecond) // it waits by now
	}), 1)
	require.Equal(t, skb.NotDropped, q.push(h.ByIndex(1), b))
	q.close()
	select {
	case <-second:
	case <-time.After(5 * time.Second):
		require.Fail(t, "it waits for ever")
	}
	h.Close()
	requireBalance(t, h.Pool)
}

// shared is a driver that several may send by.
type shared struct{ Poller }

func (s shared) NewWriter() Writer { return s }

// Where a batch is full more frames wait: the timer goroutine sends what it
// made due, if the driver has others send meanwhile. After the last frames the
// receive goroutine does.
func TestWhoHasMoreToReceiveLeavesSendingToOthers(t *testing.T) {
	v := clock.NewVirtual()
	h := newHost(v)
	a, _ := Pipe(1500)
	d := h.attach(t, shared{a.(Poller)})
	deliver := func(n int) {
		batch := make([]*skb.Buffer, n)
		for i := range batch {
			batch[i] = frameOf(h.Pool, "in")
		}
		require.Equal(t, skb.NotDropped, d.Transmit(frameOf(h.Pool, "out")))
		d.deliver(batch)
	}
	deliver(rxBatch)
	deliver(rxBatch)
	require.Zero(t, d.Counters.TxPackets.Load())
	v.Run(0)
	require.EqualValues(t, 2, d.Counters.TxPackets.Load())
	deliver(rxBatch - 1)
	require.EqualValues(t, 3, d.Counters.TxPackets.Load())
	dropAll(h.take())
	h.Close()
	requireBalance(t, h.Pool)
}

// counting counts what is written and lets go of it.
type counting struct {
	Driver
	n       atomic.Int64
	writers atomic.Int32
}

func (c *counting) Write(src []*skb.Buffer) (int, error) {
	if c.writers.Add(1) != 1 {
		panic("two writers at once")
	}
	runtime.Gosched()
	c.n.Add(int64(len(src)))
	c.writers.Add(-1)
	return len(src), nil
}

// No frame may be left in the queue once every sender has flushed, however
// their pushes and flushes interleave.
func TestNoFrameIsStuckWhenSendersFlushForEachOther(t *testing.T) {
	c := clock.NewReal()
	defer c.Close()
	h := newHost(c)
	const senders, rounds = 8, 2000
	var drivers [2]*counting
	for i := range drivers {
		a, _ := Pipe(1500)
		drivers[i] = &counting{Driver: a}
		h.attach(t, drivers[i])
	}
	var wg sync.WaitGroup
	for s := range senders {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range rounds {
				h.ByIndex(1 + s%2).Transmit(frameOf(h.Pool, "x"))
				h.Flush()
			}
		}()
	}
	wg.Wait()
	require.Eventually(t, func() bool { // the timer goroutine may have the rest to send
		written := drivers[0].n.Load() + drivers[1].n.Load()
		return written+h.Pool.Drops(skb.QdiscDrop) == senders*rounds
	}, 20*time.Second, time.Millisecond)
	h.Close() // waits for who is still in a flush
	requireBalance(t, h.Pool)
}

func TestCloseWhileOthersSendLosesNoBuffer(t *testing.T) {
	for range 50 {
		c := clock.NewReal()
		h := newHost(c)
		a, b := Pipe(1500)
		d, e := h.attach(t, a), h.attach(t, b)
		var wg sync.WaitGroup
		start := make(chan struct{})
		for _, dev := range []*Device{d, e, d, e} {
			wg.Add(1)
			go func() {
				defer wg.Done()
				<-start
				for range 100 {
					dev.Transmit(frameOf(h.Pool, "x"))
					h.Flush()
				}
			}()
		}
		close(start)
		runtime.Gosched()
		h.Close()
		wg.Wait()
		dropAll(h.take())
		requireBalance(t, h.Pool)
		c.Close()
	}
}

func TestADriverThatFailsTakesItsDeviceDownAndSaysWhy(t *testing.T) {
	c := clock.NewReal()
	defer c.Close()
	h := newHost(c)
	a, _ := Pipe(1500)
	d := h.attach(t, failing{a})
	<-d.done
	require.ErrorIs(t, d.Err(), syscall.ENODEV)
	require.False(t, d.Up())
	h.Close()

	h = newHost(c)
	a, _ = Pipe(1500)
	d = h.attach(t, a)
	require.NoError(t, d.Err())
	h.Close()
	require.NoError(t, d.Err(), "a device that was closed has not failed")
}

type failing struct{ Driver }

func (failing) Read(*skb.Pool, []*skb.Buffer) (int, error) { return 0, syscall.ENODEV }

func TestGroupMembershipsAreCounted(t *testing.T) {
	h := newHost(clock.NewVirtual())
	a, _ := Pipe(1500)
	d := h.attach(t, a)
	g := MACAddr{1, 0, 0x5e, 0, 0, 1}
	require.False(t, d.InGroup(g))
	d.JoinGroup(g, 1)
	d.JoinGroup(g, 1)
	d.JoinGroup(g, -1)
	require.True(t, d.InGroup(g))
	d.JoinGroup(g, -1)
	require.False(t, d.InGroup(g))
	require.True(t, g.IsMulticast())
	require.Equal(t, "01:00:5e:00:00:01", g.String())
}

func TestSteadyStateTransmissionAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector sync.Pool drops items at random")
	}
	c := clock.NewReal()
	defer c.Close()
	h := newHost(c)
	a, _ := Pipe(1500)
	d := h.attach(t, &counting{Driver: a})
	defer h.Close()
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		b := h.Pool.New(1500)
		b.Put(1500)
		d.Transmit(b)
		h.Flush()
	}))
}
