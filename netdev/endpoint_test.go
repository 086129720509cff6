package netdev

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
	"github.com/stretchr/testify/require"
)

// endpointDevice attaches an endpoint to a table on the real clock whose Rx is
// given.
func endpointDevice(t *testing.T, o EndpointOptions, rx func(*Device, *skb.Buffer) skb.Reason) (*Endpoint, *Device) {
	clk := clock.NewReal()
	pool := skb.NewPool(nil)
	tbl := NewTable(Config{Clock: clk, Rand: fixedRand{}, Pool: pool, Trace: trace.New(clk), Rx: rx})
	e := NewEndpoint(o)
	d, err := tbl.Attach(e, "t0")
	require.NoError(t, err)
	t.Cleanup(func() {
		tbl.Close()
		clk.Close()
		require.Zero(t, pool.Count().Live)
	})
	return e, d
}

type fixedRand struct{}

func (fixedRand) Uint32() uint32 { return 1 }
func (fixedRand) Uint64() uint64 { return 1 }

func sink(_ *Device, b *skb.Buffer) skb.Reason {
	b.Consume()
	return skb.NotDropped
}

// sendNumber queues and flushes a packet with the number n.
func sendNumber(d *Device, n int) skb.Reason {
	b := d.table.Pool.New(64)
	b.Append([]byte(fmt.Sprintf("%04d", n)))
	b.SetNetwork()
	r := d.Transmit(b)
	d.table.Flush()
	return r
}

func TestAFullEndpointDropsByDefault(t *testing.T) {
	e, d := endpointDevice(t, EndpointOptions{Queue: 2, NoLink: true}, sink)
	for n := range 5 {
		sendNumber(d, n)
	}
	require.EqualValues(t, 3, d.Counters.TxDropped.Load())
	require.EqualValues(t, 3, d.table.Pool.Drops(skb.FullRing))
	require.Equal(t, []int{0, 1}, takenFrom(t, e, 2))
}

// takenFrom takes n packets and returns their numbers.
func takenFrom(t *testing.T, e *Endpoint, n int) []int {
	var got []int
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for range n {
		p := make([]byte, 64)
		k, err := e.Receive(ctx, p)
		require.NoError(t, err)
		var num int
		_, err = fmt.Sscanf(string(p[:k]), "%04d", &num)
		require.NoError(t, err)
		got = append(got, num)
	}
	return got
}

func TestAFullEndpointHoldsTheStackBack(t *testing.T) {
	e, d := endpointDevice(t, EndpointOptions{Queue: 2, NoLink: true, Backpressure: true}, sink)
	d.SetTxQueueLen(3)
	for n := range 5 {
		require.Equal(t, skb.NotDropped, sendNumber(d, n), "%d", n)
	}
	require.Equal(t, skb.QdiscDrop, sendNumber(d, 5), "the device's own queue is full, and says so")
	require.Equal(t, []int{0, 1, 2, 3, 4}, takenFrom(t, e, 5), "each Receive had the queue go on, in order")
	require.Equal(t, skb.NotDropped, sendNumber(d, 6))
	require.Equal(t, []int{6}, takenFrom(t, e, 1))
	require.Zero(t, d.Counters.TxErrors.Load())
}

// No goroutine of the stack waits in a full endpoint: it is closed at once.
func TestAFullEndpointDoesNotHoldUpClose(t *testing.T) {
	e, d := endpointDevice(t, EndpointOptions{Queue: 1, NoLink: true, Backpressure: true}, sink)
	for n := range 100 {
		sendNumber(d, n)
	}
	d.table.Close()
	require.Equal(t, []int{0}, takenFrom(t, e, 1), "what was sent before is there")
	_, err := e.Receive(context.Background(), make([]byte, 64))
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, e.Send(context.Background(), []byte("x")), net.ErrClosed)
}

// A stack that answers from its receive goroutine, and a program that sends
// and receives in turns in one goroutine, do not wait for each other.
func TestTheReceiveGoroutineMaySendToItsOwnEndpoint(t *testing.T) {
	var dev *Device
	ready := make(chan struct{})
	e, d := endpointDevice(t, EndpointOptions{Queue: 1, NoLink: true, Backpressure: true}, func(_ *Device, b *skb.Buffer) skb.Reason {
		<-ready
		return dev.Transmit(b)
	})
	dev = d
	close(ready)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for n := range 200 {
		require.NoError(t, e.Send(ctx, []byte(fmt.Sprintf("%04d", n))))
	}
	require.Equal(t, 0, takenFrom(t, e, 1)[0])
	for n := range 199 {
		require.Equal(t, []int{n + 1}, takenFrom(t, e, 1))
	}
}

func TestSendWaitsForRoomOrSaysThatThereIsNone(t *testing.T) {
	hold := make(chan struct{})
	stuck := func(d *Device, b *skb.Buffer) skb.Reason {
		<-hold
		return sink(d, b)
	}
	fill := func(e *Endpoint) error {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		for {
			if err := e.Send(ctx, []byte{0x45}); err != nil {
				return err
			}
		}
	}
	drops, _ := endpointDevice(t, EndpointOptions{Queue: 1, NoLink: true}, stuck)
	require.ErrorIs(t, fill(drops), syscall.ENOBUFS)
	waits, d := endpointDevice(t, EndpointOptions{Queue: 1, NoLink: true, Backpressure: true}, stuck)
	require.ErrorIs(t, fill(waits), context.DeadlineExceeded)
	done := make(chan error, 1)
	go func() { done <- waits.Send(context.Background(), []byte{0x45}) }()
	select {
	case err := <-done:
		require.NoError(t, err) // the stuck receiver had taken one meanwhile
	default:
	}
	close(hold)
	d.table.Close()
	go func() { done <- waits.Send(context.Background(), []byte{0x45}) }()
	for err := range done {
		if err != nil {
			require.ErrorIs(t, err, net.ErrClosed)
			break
		}
	}
	require.ErrorIs(t, drops.Send(context.Background(), make([]byte, 70000)), syscall.EMSGSIZE)
}

func TestCloseWakesAllWhoWaitForAnEndpoint(t *testing.T) {
	before := runtime.NumGoroutine()
	e := NewEndpoint(EndpointOptions{Queue: 1, Backpressure: true})
	require.NoError(t, e.Send(context.Background(), []byte("full")))
	errs := make(chan error, 4)
	for range 2 {
		go func() { errs <- e.Send(context.Background(), []byte("x")) }()
		go func() { _, err := e.Receive(context.Background(), nil); errs <- err }()
	}
	require.NoError(t, e.Close())
	for range 4 {
		require.True(t, errors.Is(<-errs, net.ErrClosed))
	}
	for runtime.NumGoroutine() > before {
		runtime.Gosched()
	}
}

func TestNotifyTellsOfTheFirstFrame(t *testing.T) {
	e, d := endpointDevice(t, EndpointOptions{NoLink: true}, sink)
	told := make(chan struct{}, 9)
	e.Notify(func() { told <- struct{}{} })
	sendNumber(d, 1)
	sendNumber(d, 2)
	require.Len(t, told, 1)
	require.Equal(t, []int{1, 2}, takenFrom(t, e, 2))
	sendNumber(d, 3)
	require.Len(t, told, 2)
}

// A wrapper that is no Waker would leave the queue stopped for ever.
func TestABusyDriverWithoutWakeUpsLosesFrames(t *testing.T) {
	clk := clock.NewReal()
	defer clk.Close()
	tbl := NewTable(Config{Clock: clk, Rand: fixedRand{}, Pool: skb.NewPool(nil), Trace: trace.New(clk), Rx: sink})
	d, err := tbl.Attach(struct{ Driver }{NewEndpoint(EndpointOptions{Queue: 1, NoLink: true, Backpressure: true})}, "")
	require.NoError(t, err)
	sendNumber(d, 1)
	sendNumber(d, 2)
	require.EqualValues(t, 1, tbl.Pool.Drops(skb.FullRing))
	tbl.Close()
}
