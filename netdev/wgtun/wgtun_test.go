package wgtun_test

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/netdev/wgtun"
	"github.com/slankdev/ministack/skb"
	"github.com/stretchr/testify/require"
)

// event stands for wireguard-go's tun.Event.
type event int

func stack(t *testing.T, drv netdev.Driver, addr string) *ministack.Stack {
	s, err := ministack.New(ministack.Config{})
	require.NoError(t, err)
	_, err = s.Attach(drv, "wg0")
	require.NoError(t, err)
	require.NoError(t, s.AddAddr("wg0", netip.MustParsePrefix(addr)))
	t.Cleanup(func() { check(t, s) })
	return s
}

func check(t *testing.T, s *ministack.Stack) {
	_ = s.Close() // once more for some tests
	require.Zero(t, s.Pool().Count().Live)
}

// One stack behind the device that wireguard-go would hold, another that uses
// the same device as wireguard-go would: both directions at once.
func TestTwoStacksTalkThroughATunDevice(t *testing.T) {
	before := runtime.NumGoroutine()
	dev, near := wgtun.New[event](wgtun.Options{Queue: 64})
	far, err := wgtun.NewDriver(dev)
	require.NoError(t, err)
	require.True(t, far.Features().Has(netdev.NoLink))
	a, b := stack(t, near, "10.7.0.1/24"), stack(t, far, "10.7.0.2/24")
	l, err := b.Listen("tcp", ":80")
	require.NoError(t, err)
	data := bytes.Repeat([]byte("ministack"), 100_000)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, _ = c.Write(data)
			_ = c.Close()
		}
	}()
	c, err := a.Dial("tcp", "10.7.0.2:80")
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got))
	check(t, a)
	check(t, b)
	_, err = dev.Read(make([][]byte, 1), make([]int, 1), 16)
	require.ErrorIs(t, err, os.ErrClosed)
	for runtime.NumGoroutine() > before {
		runtime.Gosched()
	}
}

func TestTheDeviceSaysWhatItIs(t *testing.T) {
	dev, drv := wgtun.New[event](wgtun.Options{})
	mtu, err := dev.MTU()
	require.NoError(t, err)
	require.Equal(t, 1420, mtu)
	require.Equal(t, 1420, drv.MTU())
	name, err := dev.Name()
	require.NoError(t, err)
	require.Equal(t, "ministack", name)
	require.Nil(t, dev.File())
	require.Equal(t, 128, dev.BatchSize())
	require.Equal(t, event(1), <-dev.Events(), "it is up")
	require.NoError(t, dev.Close())
	require.NoError(t, dev.Close())
	_, open := <-dev.Events()
	require.False(t, open)
	_, err = dev.Write([][]byte{make([]byte, 40)}, 16)
	require.ErrorIs(t, err, os.ErrClosed)
}

func TestReadTakesBatchesAtAnOffset(t *testing.T) {
	dev, drv := wgtun.New[event](wgtun.Options{})
	pool := skb.NewPool(nil)
	var src []*skb.Buffer
	for n := range 5 {
		b := pool.New(8)
		b.Append([]byte{0x45, byte(n)})
		src = append(src, b)
	}
	n, err := drv.Write(src)
	require.NoError(t, err)
	require.Equal(t, 5, n)
	bufs, sizes := make([][]byte, 3), make([]int, 3)
	for i := range bufs {
		bufs[i] = make([]byte, 32)
	}
	n, err = dev.Read(bufs, sizes, 10)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Equal(t, []int{2, 2, 2}, sizes)
	require.Equal(t, []byte{0x45, 2}, bufs[2][10:12])
	n, err = dev.Read(bufs, sizes, 10)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	for _, b := range src {
		b.Consume()
	}
}

// script is a device that does what a test says.
type script struct {
	events chan event
	reads  []func(bufs [][]byte, sizes []int, offset int) (int, error)
	write  func(bufs [][]byte, offset int) (int, error)
	mtu    int
}

func (s *script) File() *os.File { return nil }
func (s *script) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	f := s.reads[0]
	s.reads = s.reads[1:]
	return f(bufs, sizes, offset)
}
func (s *script) Write(bufs [][]byte, offset int) (int, error) { return s.write(bufs, offset) }
func (s *script) MTU() (int, error)                            { return s.mtu, nil }
func (s *script) Name() (string, error)                        { return "script", nil }
func (s *script) Events() <-chan event                         { return s.events }
func (s *script) Close() error                                 { return os.ErrClosed }
func (s *script) BatchSize() int                               { return 4 }

func packets(n int, err error) func([][]byte, []int, int) (int, error) {
	return func(bufs [][]byte, sizes []int, offset int) (int, error) {
		for i := range n {
			bufs[i][offset], sizes[i] = byte(i), i // the first is empty
		}
		return n, err
	}
}

// An error beside packets is not the device's end: wireguard-go's own devices
// say so that a super-segment had more segments than there were buffers.
func TestTheDriverPassesOnAllPacketsOfABatch(t *testing.T) {
	s := &script{events: make(chan event), mtu: 1400}
	s.reads = append(s.reads, packets(4, nil), packets(1, nil), packets(2, errors.New("too many segments")), packets(0, os.ErrClosed))
	d, err := wgtun.NewDriver(s)
	require.NoError(t, err)
	pool, dst := skb.NewPool(nil), make([]*skb.Buffer, 2)
	for _, want := range []int{2, 1, 1} {
		n, err := d.Read(pool, dst)
		require.NoError(t, err)
		require.Equal(t, want, n)
		for _, b := range dst[:n] {
			b.Consume()
		}
	}
	_, err = d.Read(pool, dst)
	require.ErrorContains(t, err, "closed")
	require.NoError(t, d.Close())
}

func TestTheDriverWritesBatchesAndReportsLosses(t *testing.T) {
	s := &script{events: make(chan event), mtu: 4}
	d, err := wgtun.NewDriver(s)
	require.NoError(t, err)
	defer d.Close()
	pool := skb.NewPool(nil)
	var src []*skb.Buffer
	for n := range 6 {
		b := pool.New(16)
		b.Append(bytes.Repeat([]byte{byte(n)}, n+1))
		src = append(src, b)
	}
	var got []byte
	s.write = func(bufs [][]byte, offset int) (int, error) {
		require.LessOrEqual(t, len(bufs), 4)
		require.GreaterOrEqual(t, offset, 10, "room for a vnet header")
		for _, p := range bufs {
			got = append(got, byte(len(p)-offset), p[offset])
		}
		return 12345, nil
	}
	n, err := d.Write(src)
	require.NoError(t, err)
	require.Equal(t, 6, n)
	require.Equal(t, []byte{1, 0, 2, 1, 3, 2, 4, 3, 5, 4, 6, 5}, got)
	s.write = func([][]byte, int) (int, error) { return 0, errors.New("refused") }
	n, err = d.Write(src)
	require.Error(t, err)
	require.Equal(t, 3, n, "one of the batch is lost")
	s.write = func([][]byte, int) (int, error) { return 0, os.ErrClosed }
	n, err = d.Write(src)
	require.ErrorContains(t, err, "closed")
	require.Zero(t, n)
	for _, b := range src {
		b.Consume()
	}
}

func TestTheDriverFollowsTheDevicesMTU(t *testing.T) {
	s := &script{events: make(chan event), mtu: 1400}
	d, err := wgtun.NewDriver(s)
	require.NoError(t, err)
	told := make(chan int)
	d.(netdev.MTUChanger).OnMTU(func(mtu int) { told <- mtu })
	s.events <- 1
	s.mtu = 1300
	s.events <- 4
	require.Equal(t, 1300, <-told)
	require.Equal(t, 1300, d.MTU())
	require.NoError(t, d.Close())
}
