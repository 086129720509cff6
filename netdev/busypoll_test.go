package netdev

import (
	"net"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
)

// watched is a BusyPoller that counts how often it is looked at, and tells
// when its reader goes to sleep.
type watched struct {
	Poller
	looks, sleeps atomic.Int64
	closed        atomic.Bool
	asleep, ready chan struct{}
}

func (w *watched) TryRead(pool *skb.Pool, dst []*skb.Buffer) (int, error) {
	w.looks.Add(1)
	if w.closed.Load() {
		return 0, net.ErrClosed
	}
	return w.Poll(pool, dst), nil
}

func (w *watched) Await() error {
	w.sleeps.Add(1)
	select {
	case w.asleep <- struct{}{}:
	default:
	}
	<-w.ready
	return nil
}

func (w *watched) Close() error {
	w.closed.Store(true)
	w.wake()
	return w.Poller.Close()
}

func (w *watched) wake() {
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// polled is a host whose device can be polled, and the other end of its wire.
type polled struct {
	*host
	drv  *watched
	dev  *Device
	peer *host
	from *Device
}

// newPolled makes it with a bound on polling, as net.core.busy_poll has it.
func newPolled(t *testing.T, micros string) *polled {
	a, b := Pipe(1500)
	w := &watched{Poller: a.(Poller), asleep: make(chan struct{}, 1), ready: make(chan struct{}, 1)}
	w.OnReadable(w.wake)
	c := clock.NewReal()
	p := &polled{host: newHost(c), drv: w, peer: newHost(c)}
	require.NoError(t, p.Sysctl.Set("net.core.busy_poll", micros))
	p.dev, p.from = p.attach(t, w), p.peer.attach(t, b)
	t.Cleanup(func() {
		p.Close()
		p.peer.Close()
		c.Close()
		for _, b := range p.take() {
			b.Consume()
		}
		requireBalance(t, p.Pool)
	})
	return p
}

// frame sends one and waits until it was received.
func (p *polled) frame(t *testing.T) {
	p.peer.send(t, p.from, frameSpec{payload: []byte("x")}.buffer(t, p.peer.Pool))
	<-p.more
}

func (p *polled) found() uint64 { return p.Stat.Get(stat.TcpExtBusyPollRxPackets) }

// untilPolled sends frames until polling finds one.
func (p *polled) untilPolled(t *testing.T) {
	for p.found() == 0 {
		p.frame(t)
	}
}

func TestADeviceThatHadNoTrafficSleepsAndIsNotPolled(t *testing.T) {
	p := newPolled(t, "1000000")
	<-p.drv.asleep
	require.EqualValues(t, 1, p.drv.looks.Load(), "one look, then sleep")
	p.frame(t)
	<-p.drv.asleep
	require.EqualValues(t, 3, p.drv.looks.Load(), "one for the frame, one that finds nothing")
}

func TestADeviceIsPolledOnceThatHasPaid(t *testing.T) {
	p := newPolled(t, "1000000")
	p.untilPolled(t)
	require.Greater(t, p.drv.looks.Load(), p.drv.sleeps.Load())
}

func TestADeviceIsNotPolledWhereTheSettingIsZero(t *testing.T) {
	p := newPolled(t, "0")
	<-p.drv.asleep
	for i := range 50 {
		p.frame(t)
		<-p.drv.asleep
		require.EqualValues(t, 2*i+3, p.drv.looks.Load())
	}
	require.Zero(t, p.found())
}

// A poll that finds nothing comes to an end: the reader sleeps.
func TestPollingInVainEndsInSleep(t *testing.T) {
	p := newPolled(t, "1000000")
	p.untilPolled(t)
	require.NoError(t, p.Sysctl.Set("net.core.busy_poll", "100"))
	slept := p.drv.sleeps.Load()
	for p.drv.sleeps.Load() == slept {
		<-p.drv.asleep
	}
}

func TestADeviceThatIsPolledCanBeClosed(t *testing.T) {
	p := newPolled(t, "1000000")
	p.untilPolled(t)
	p.Close()
	<-p.dev.Done()
	require.NoError(t, p.dev.Err())
}

// With one core, what was made runnable has run before the next look.
func TestPollingGivesWayToGoroutines(t *testing.T) {
	p := newPolled(t, "1000000")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	q := &poller{driver: p.drv, table: p.Table, pace: pace{short: 1024}}
	var ran atomic.Bool
	go ran.Store(true)
	require.NoError(t, q.next(0))
	require.True(t, ran.Load())
}
