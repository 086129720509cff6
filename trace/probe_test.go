package trace

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/clock"
)

func stepAt(us int, goroutine uint64, event Event, calls ...string) Step {
	s := Step{Entry: Decode(&Record{Event: event, Time: clock.Time(us * 1000), Sock: 7}), Goroutine: goroutine}
	for _, f := range calls {
		s.Calls = append(s.Calls, Call{f, "x.go:1"})
	}
	return s
}

// Functions that are new on a goroutine's stack were entered, those that are
// gone were left; a second call of the same function is shown as one.
func TestStepsBecomeACallGraph(t *testing.T) {
	const send = "socket.(*Socket).Send"
	var b strings.Builder
	p := &ProbePrinter{W: &b, Packages: []string{"socket", "tcp"}}
	require.NoError(t, p.Print([]Step{
		stepAt(10, 1, SockCall, "main.main", send, "socket.(*Socket).open"),
		stepAt(12, 1, SockWrite, "main.main", send, "tcp.(*Conn).Send", "ipv4.(*Module).Output"),
		stepAt(13, 2, SockWake, "netdev.(*Device).loop", "tcp.(*Module).Input"),
		stepAt(14, 1, SockReturn, "main.main", send, "socket.(*Socket).end"),
		stepAt(20, 1, SockCall, "main.main", send, "socket.(*Socket).open"),
		stepAt(21, 1, SockReturn, "main.main", send, "socket.(*Socket).end"),
	}))
	golden(t, "probe.txt", b.String())
}

//go:noinline
func (t *Tracer) outer() { t.Event(SockWake, 1, 0, 0, 0, 0) }

// StartProbe records what is watched, and no more after Stop. cmd/ministack tests
// the calls themselves: the tracer's own functions are left out.
func TestAProbeTakesTheStack(t *testing.T) {
	tr := New(clock.NewVirtual())
	tr.StartProbe(Watch{Events: []Event{SockWake}})
	require.True(t, tr.On(SockCall), "a call has a beginning whatever is watched")
	tr.outer()
	tr.Slow(TCPState, 1, 0, [4]uint32{})
	steps, lost := tr.Steps()
	require.Zero(t, lost)
	require.Len(t, steps, 1, "only what is watched")
	require.Equal(t, "socket.wake", steps[0].Event)
	require.NotZero(t, steps[0].Goroutine)
	steps, _ = tr.Steps()
	require.Empty(t, steps, "they were taken")
	tr.Stop()
	tr.outer()
	steps, _ = tr.Steps()
	require.Empty(t, steps)
}

func TestAProbeThatNobodyReadsIsBounded(t *testing.T) {
	tr := New(clock.NewVirtual())
	tr.StartProbe(Watch{Events: []Event{SockWake}})
	for range probeSteps + 3 {
		tr.outer()
	}
	steps, lost := tr.Steps()
	require.Len(t, steps, probeSteps)
	require.EqualValues(t, 3, lost)
}

func TestNamesOfFunctionsAreShort(t *testing.T) {
	require.Equal(t, "tcp/rtx.(*Sender).Ack", shortFunc("/tcp/rtx.(*Sender).Ack"))
	require.Equal(t, "ministack.(*Stack).Dial", shortFunc(".(*Stack).Dial"))
}
