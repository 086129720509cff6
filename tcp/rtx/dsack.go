package rtx

// A DSACK (RFC 2883) reports octets that arrived twice: the first block lies
// below the cumulative ACK, or inside the second block. It proves that one
// transmission was needless, which may undo a reduction (RFC 3708) and teaches
// RACK to wait longer (RFC 8985 6.2 step 4).

// checkDSACK reports whether the first block is a believable DSACK, and
// accounts for it.
func (s *Sender) checkDSACK(a *ack, blocks []Block) bool {
	b := blocks[0]
	switch {
	case b.Start.Before(a.Seq):
		s.past().counters.DSACKRecv++
	case len(blocks) > 1 && !b.End.After(blocks[1].End) && !b.Start.Before(blocks[1].Start):
		s.past().counters.DSACKOfoRecv++
	default:
		return false
	}
	segs := s.dsackSegs(a, b)
	if segs == 0 {
		s.past().counters.DSACKIgnored++
		return false
	}
	s.past().counters.DSACKSegs += uint32(segs)
	if !b.End.After(a.priorUna) { // the range is no longer in the queue
		s.undo.duplicated(b.End, segs)
	}
	return true
}

// dsackSegs returns how many segments arrived twice, 0 if that cannot be: more
// than the window, or more duplicates than were ever retransmitted (the
// network, or a liar, made them).
func (s *Sender) dsackSegs(a *ack, b Block) int {
	octets := b.End.Sub(b.Start)
	if octets <= 0 || octets > a.MaxWindow {
		return 0
	}
	tlp := octets <= s.CC.MSS && s.tlp.out && s.tlp.high == b.End
	segs := segments(octets, s.CC.MSS)
	h := s.past()
	h.dsackDups += uint32(segs)
	if h.dsackDups > h.retrans {
		return 0
	}
	if tlp {
		a.flags |= flagDSACKTLP
	} else if s.board.reordSeen > 0 {
		s.rack.dsackSeen = true
	}
	a.flags |= flagDSACK
	a.sackDelivered += segs
	return segs
}
