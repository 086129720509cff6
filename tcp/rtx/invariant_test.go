package rtx

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/tcp/seq"
)

// checkInvariants recounts the counters from the tags, and checks that both
// orders of the queue are what they claim to be.
func checkInvariants(t testing.TB, s *Sender) {
	t.Helper()
	st := &s.CC
	var out, sackedOut, lostOut, retransOut int
	for i := range s.q.len() {
		n := s.q.at(i)
		segs := int(n.segs)
		out += segs
		sackedOut += count(n, sacked, segs)
		lostOut += count(n, lost, segs)
		retransOut += count(n, retrans, segs)
		switch {
		case segments(n.len(), int(n.mss)) != segs:
			t.Fatalf("%d segments of %d octets in a range of %d", segs, n.mss, n.len())
		case n.has(sacked) && n.has(lost):
			t.Fatal("SACKed and lost")
		case n.has(retrans) && !n.has(ever):
			t.Fatal("in flight again but never retransmitted")
		case !n.end.After(n.start):
			t.Fatal("empty range")
		case i > 0 && s.q.at(i-1).end != n.start:
			t.Fatal("gap in the queue")
		}
	}
	require.Equal(t, out, st.PacketsOut, "packets out")
	require.Equal(t, lostOut, st.LostOut, "lost")
	require.Equal(t, retransOut, st.RetransOut, "retransmitted")
	if s.sack {
		require.Equal(t, sackedOut, st.SackedOut, "SACKed")
	}
	require.LessOrEqual(t, st.LeftOut(), st.PacketsOut, "left the network")
	require.GreaterOrEqual(t, st.InFlight(), 0)
	require.GreaterOrEqual(t, st.SackedOut, 0)
	require.GreaterOrEqual(t, st.Cwnd, 1)
	require.GreaterOrEqual(t, st.Ssthresh, 2)
	require.Equal(t, out == 0, s.q.slab == nil, "storage is held exactly while something is outstanding")
	checkTimeLists(t, s)
	checkRuns(t, s)
	checkHint(t, s)
}

func count(n *node, tg tag, segs int) int {
	if n.has(tg) {
		return segs
	}
	return 0
}

// checkTimeLists: the lists by time are in order, hold no SACKed range, and
// agree with the nodes.
func checkTimeLists(t testing.TB, s *Sender) {
	if s.q.slab == nil {
		return
	}
	for list := range int32(nLists) {
		prev := list
		for id := s.q.nodes[list].next; id != list; id = s.q.nodes[id].next {
			n := &s.q.nodes[id]
			switch {
			case n.list != list || n.prev != prev:
				t.Fatal("list by time is not linked both ways")
			case list == parked && n.tags&(lost|retrans) != lost:
				t.Fatal("parked without being lost")
			case prev != list && s.q.nodes[prev].sentAt.After(n.sentAt):
				t.Fatal("list by time is out of order")
			}
			prev = id
		}
	}
}

// checkRuns: what a SACKed range claims to be SACKed behind it, is.
func checkRuns(t testing.TB, s *Sender) {
	run := s.CC.SndUna
	for i := range s.q.len() {
		n := s.q.at(i)
		if n.has(sacked) {
			run = seq.Max(run, n.runEnd)
		} else if n.start.Before(run) && i > 0 {
			t.Fatal("run of SACKed ranges has a hole")
		}
	}
}

// checkHint: no range that waits for retransmission lies before the hint.
func checkHint(t testing.TB, s *Sender) {
	hint := seq.Max(s.board.hint, s.CC.SndUna)
	for i := range s.q.len() {
		if n := s.q.at(i); n.tags&(lost|retrans) == lost && n.end.AtOrBefore(hint) {
			t.Fatal("lost range before the hint")
		}
	}
}
