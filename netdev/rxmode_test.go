package netdev

import (
	"syscall"
	"testing"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
	"github.com/stretchr/testify/require"
)

// filtering is a driver that must be told what to let through, and may refuse.
type filtering struct {
	Poller
	told []bool // promisc and allMulti in turn
	err  error
}

func (f *filtering) SetRxMode(promisc, allMulti bool) error {
	if f.err == nil {
		f.told = append(f.told, promisc, allMulti)
	}
	return f.err
}

func newFiltering(t *testing.T) (*Device, *filtering) {
	c := clock.NewVirtual()
	tbl := NewTable(Config{Clock: c, Rand: oneRand{}, Pool: skb.NewPool(nil), Trace: trace.New(c)})
	t.Cleanup(tbl.Close)
	p, _ := Pipe(1500)
	f := &filtering{Poller: p.(Poller)}
	d, err := tbl.Attach(f, "eth0")
	require.NoError(t, err)
	return d, f
}

type oneRand struct{}

func (oneRand) Uint32() uint32 { return 1 }
func (oneRand) Uint64() uint64 { return 1 }

func TestTheDriverIsToldOnceHoweverManyWantEverything(t *testing.T) { // B22
	d, f := newFiltering(t)
	require.NoError(t, d.AddPromiscuity(1))
	require.NoError(t, d.AddPromiscuity(1))
	d.SetFlags(Promisc, 0)
	d.SetFlags(Promisc, 0) // the flag is one more, not two
	require.Equal(t, 3, d.Promiscuity())
	require.Equal(t, []bool{true, false}, f.told)
	d.SetFlags(0, Promisc)
	require.NoError(t, d.AddPromiscuity(-1))
	require.NotZero(t, d.Flags()&Promisc)
	require.NoError(t, d.AddAllMulti(1))
	require.NoError(t, d.AddPromiscuity(-1))
	require.Zero(t, d.Flags()&Promisc)
	require.Equal(t, []bool{true, false, true, true, false, true}, f.told)
}

func TestADriverThatRefusesLeavesEverythingAsItWas(t *testing.T) {
	d, f := newFiltering(t)
	f.err = syscall.EPERM
	require.Equal(t, syscall.EPERM, d.AddPromiscuity(1))
	d.SetFlags(Promisc, 0)
	require.Zero(t, d.Promiscuity())
	require.Zero(t, d.Flags()&Promisc)
	f.err = nil
	require.NoError(t, d.AddPromiscuity(1))
	f.err = syscall.EPERM
	require.NoError(t, d.AddPromiscuity(-1), "that it lets too much through is no error")
	require.Zero(t, d.Flags()&Promisc)
}

func TestThoseWhoWatchLearnThatADeviceGoesDownAndComesUp(t *testing.T) {
	d, _ := newFiltering(t)
	var seen []bool
	d.table.Watch(func(of *Device, up bool) {
		require.Same(t, d, of)
		require.Equal(t, up, of.Up())
		seen = append(seen, up)
	})
	d.SetFlags(0, Up)
	d.SetFlags(Promisc, Up) // it is down already
	d.SetFlags(Up, Promisc)
	require.Equal(t, []bool{false, true}, seen)
}
