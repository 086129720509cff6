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
		require.Equal(t, segments(n.len(), int(n.mss)), segs, "segments of a range")
		require.False(t, n.has(sacked) && n.has(lost), "SACKed and lost")
		require.False(t, n.has(retrans) && !n.has(ever), "in flight again but never retransmitted")
		require.True(t, n.end.After(n.start), "empty range")
		if i > 0 {
			require.Equal(t, s.q.at(i-1).end, n.start, "gap in the queue")
		}
	}
	require.Equal(t, out, st.PacketsOut, "packets out")
	require.Equal(t, lostOut, st.LostOut, "lost")
	require.Equal(t, retransOut, st.RetransOut, "retransmitted")
	if s.cfg.SACK {
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
		prev := int32(list)
		for id := s.q.nodes[list].next; id != list; id = s.q.nodes[id].next {
			n := &s.q.nodes[id]
			require.Equal(t, list, n.list)
			require.Equal(t, prev, n.prev)
			if list == parked {
				require.True(t, n.tags&(lost|retrans) == lost, "parked without being lost")
			}
			if prev != list {
				require.False(t, s.q.nodes[prev].sentAt.After(n.sentAt), "list by time out of order")
			}
			prev = id
		}
	}
}

// checkRuns: what a SACKed range claims to be SACKed behind it, is.
func checkRuns(t testing.TB, s *Sender) {
	for i := range s.q.len() {
		n := s.q.at(i)
		if !n.has(sacked) {
			continue
		}
		for j := i; j < s.q.len() && s.q.at(j).start.Before(n.runEnd); j++ {
			require.True(t, s.q.at(j).has(sacked), "run of SACKed ranges has a hole")
		}
	}
}

// checkHint: no range that waits for retransmission lies before the hint.
func checkHint(t testing.TB, s *Sender) {
	for i := range s.q.len() {
		n := s.q.at(i)
		if n.tags&(lost|retrans) == lost {
			require.False(t, n.end.AtOrBefore(seq.Max(s.board.hint, s.CC.SndUna)), "lost range before the hint")
		}
	}
}
