package arp

import (
	"math/bits"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/trace"
	"github.com/stretchr/testify/require"
)

var allStates = []State{None, Incomplete, Reachable, Stale, Delay, Probe, Failed, NoARP, Permanent}

// reach brings the peer's entry into a state.
func (x *bench) reachState(s State) {
	switch s {
	case None:
		x.m.create(x.d, theirs)
	case Incomplete, Failed:
		x.use()
	case Reachable:
		x.use()
		x.reply()
	case Stale:
		x.hear(x.says(OpRequest, theyAre))
	case Delay, Probe:
		x.hear(x.says(OpRequest, theyAre))
		x.use()
	}
	if s == Failed || s == Probe {
		x.until(s)
	}
	require.Equal(x.t, s, x.state())
}

// causes are what can move an entry.
var causes = map[string]func(*bench){
	"a packet":   func(x *bench) { x.use() },
	"a reply":    func(x *bench) { x.reply() },
	"a request":  func(x *bench) { x.hear(x.says(OpRequest, another)) },
	"the user":   func(x *bench) { x.m.Add(x.d, theirs, theyAre) },
	"time":       func(x *bench) { x.clk.Run(46 * time.Second) },
	"time, used": func(x *bench) { x.useUntil(46 * time.Second) },
	"time, confirmed": func(x *bench) {
		x.clk.Run(time.Millisecond)
		x.m.Confirm(x.d, theirs)
		x.clk.Run(4999 * time.Millisecond)
	},
}

func (x *bench) useUntil(d time.Duration) {
	for range int(d / time.Second) {
		x.use()
		x.clk.Run(time.Second)
	}
}

// TestTheTableOfTransitionsIsWhatHappens (B31): each cause in each state makes
// only moves that the table has, or setState would panic, and every move of the
// table is made by one of them.
func TestTheTableOfTransitionsIsWhatHappens(t *testing.T) {
	seen := map[State]State{}
	for _, from := range allStates {
		for name, cause := range causes {
			if from == NoARP || from == Permanent {
				continue
			}
			t.Run(from.String()+" and "+name, func(t *testing.T) {
				x := newBench(t)
				x.env.Trace.Start(trace.Watch{})
				x.reachState(from)
				cause(x)
				recs, _ := x.env.Trace.Read(0, nil)
				for _, r := range recs {
					if r.Event == trace.NeighState {
						require.True(t, Allowed(State(r.Args[1]), State(r.Args[2])))
						seen[State(r.Args[1])] |= State(r.Args[2])
					}
				}
			})
		}
	}
	for _, from := range allStates {
		missing := moves[from] &^ seen[from]
		require.Zero(t, missing, "%v to %v never happened", from, State(1<<bits.TrailingZeros8(uint8(missing))))
	}
}

func TestAPermanentEntryHearsNothing(t *testing.T) { // B31
	x := newBench(t)
	require.True(t, x.m.Add(x.d, theirs, theyAre))
	x.clk.Run(10 * time.Second)
	x.hear(x.says(OpReply, another))
	x.hear(x.says(OpRequest, another))
	require.Equal(t, theyAre, x.m.Entries()[0].MAC)
	x.clk.Run(time.Hour)
	require.Equal(t, Permanent, x.state())
}

func TestAMoveThatIsNotInTheTablePanics(t *testing.T) {
	x := newBench(t)
	e := x.m.create(x.d, theirs)
	require.PanicsWithValue(t, "arp: NONE to PROBE is not in the table of transitions", func() { e.setState(Probe, whyTimer) })
}

func TestOneConfirmationCountsForOneTimeOnly(t *testing.T) { // B31: not drawn again at its end
	for range 20 {
		x := newBench(t)
		x.reachState(Reachable)
		e := x.m.lookup(x.d, theirs)
		require.GreaterOrEqual(t, e.trust, 15*time.Second)
		require.Less(t, e.trust, 45*time.Second)
		x.clk.Run(e.trust - time.Nanosecond)
		require.Equal(t, Reachable, x.state())
		x.clk.Run(time.Nanosecond)
		require.Equal(t, Stale, x.state())
	}
}

func TestAnEntryInUseIsDoubtedAtOnce(t *testing.T) { // B31: REACHABLE to DELAY, not STALE
	x := newBench(t)
	x.reachState(Reachable)
	x.clk.Run(x.m.lookup(x.d, theirs).trust - time.Second)
	x.use()
	x.clk.Run(time.Second)
	require.Equal(t, Delay, x.state())
}

func TestAReplyEndsTheProbing(t *testing.T) { // B31
	x := newBench(t)
	x.reachState(Probe)
	x.take()
	x.reply()
	require.Equal(t, Reachable, x.state())
	x.clk.Run(5 * time.Second)
	require.Empty(t, x.take())
}

func TestAConfirmationIsNotTakenForAnotherAddress(t *testing.T) { // B27, RFC 4861 7.3.3
	x := newBench(t)
	x.reachState(Reachable)
	x.clk.Run(2 * time.Second)
	x.hear(x.says(OpRequest, another, func(e *layers.Ethernet, _ *layers.ARP) { e.DstMAC = netdev.BroadcastMAC[:] }))
	require.Equal(t, Stale, x.state())
	x.use()
	x.clk.Run(5 * time.Second)
	require.Equal(t, Probe, x.state(), "the confirmation was of the address before")
}
