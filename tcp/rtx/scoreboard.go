package rtx

import "github.com/slankdev/ministack/tcp/seq"

// scoreboard is what the tags of the queue do not say.
type scoreboard struct {
	highest       seq.Num // end of the highest SACKed range, while SackedOut > 0
	hint          seq.Num // no range before it waits for retransmission
	reordering    int32   // segments by which the path reorders: dupthresh
	reordSeen     uint32  // how often it did
	renegeOngoing bool    // the receiver took SACKs back; until recovery ends
}

// highestSack returns the forward edge of what was SACKed (FACK).
func (s *Sender) highestSack() seq.Num {
	if s.CC.SackedOut == 0 || !s.sack {
		return s.CC.SndUna
	}
	return s.board.highest
}

// drop takes n segments with tags t off all counters.
func (s *Sender) drop(t tag, n int) {
	s.CC.PacketsOut -= n
	s.uncount(t, n)
}

// uncount takes n segments off the counters of the tags t.
func (s *Sender) uncount(t tag, n int) {
	if t&sacked != 0 {
		s.CC.SackedOut -= n
	}
	if t&retrans != 0 {
		s.CC.RetransOut -= n
	}
	if t&lost != 0 {
		s.CC.LostOut -= n
	}
}

// split cuts a range off octets after its start, into segments of mss octets.
func (s *Sender) split(pos, off, mss int) {
	old := int(s.q.at(pos).segs)
	s.q.split(pos, off)
	segs := recut(s.q.at(pos), mss) + recut(s.q.at(pos+1), mss)
	s.recount(s.q.at(pos).tags, old-segs)
}

// resegment counts a range anew for segments of mss octets.
func (s *Sender) resegment(n *node, mss int) {
	old := int(n.segs)
	s.recount(n.tags, old-recut(n, mss))
}

func recut(n *node, mss int) int {
	n.mss = uint16(mss)
	n.segs = int32(segments(n.len(), mss))
	return int(n.segs)
}

// recount adjusts the counters when a range turns out to be fewer segments.
func (s *Sender) recount(t tag, fewer int) {
	if fewer == 0 {
		return
	}
	s.drop(t, fewer)
	if fewer > 0 && !s.sack {
		s.CC.SackedOut -= min(s.CC.SackedOut, fewer)
	}
}

// markLost notes that a range left the network without being delivered. A
// retransmission of it that was in flight is lost as well.
func (s *Sender) markLost(n *node) {
	if n.has(sacked) || n.tags&(lost|retrans) == lost {
		return
	}
	if n.start.Before(s.board.hint) {
		s.board.hint = n.start
	}
	segs := int(n.segs)
	if n.has(retrans) {
		n.tags &^= retrans
		s.CC.RetransOut -= segs
		s.past().counters.LostRetransmit += uint32(segs)
	}
	if !n.has(lost) {
		n.tags |= lost
		s.CC.LostOut += segs
	}
	s.CC.Lost += uint32(segs)
	s.out.Lost += n.segs
}
