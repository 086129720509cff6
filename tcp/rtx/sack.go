package rtx

import (
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/seq"
)

// The scoreboard of RFC 2018 and RFC 6675 is the queue itself: a range that a
// SACK block covers is tagged and counts as delivered. Ranges of several
// segments are split at segment boundaries where a block begins or ends inside
// them; a segment covered in part counts as not covered.
//
// A receiver repeats its blocks with every ACK. So that they are not walked
// over and over, the first range of a run of SACKed ranges remembers how far
// the run reaches (node.runEnd), and the walk continues from there.

const maxBlocks = 4 // that fit in an option

// tagBlocks processes the SACK option of an acknowledgement.
func (s *Sender) tagBlocks(a *ack) {
	blocks := a.Blocks[:min(len(a.Blocks), maxBlocks)]
	dup := s.checkDSACK(a, blocks)
	if a.Seq.Before(a.priorUna.Add(-a.MaxWindow)) || s.CC.PacketsOut == 0 {
		return // too old to mean anything, or nothing to tag
	}
	var buf [maxBlocks]Block
	valid := buf[:0]
	var dupBlock *Block
	for i, b := range blocks {
		isDup := dup && i == 0
		if !s.validBlock(b, isDup, a.MaxWindow) {
			s.countDiscard(isDup)
			continue
		}
		if !b.End.After(a.priorUna) {
			continue
		}
		if isDup {
			dupBlock = &blocks[0]
		}
		valid = insertSorted(valid, b)
	}
	for _, b := range valid {
		s.tagBlock(a, b, dupBlock)
		if dupBlock != nil && dupBlock.End.AtOrBefore(b.End) {
			dupBlock = nil // counted once, though another block repeats it
		}
	}
	if s.CC.CA != cc.Loss || s.undo.armed {
		s.checkReordering(a.reord, false)
	}
}

// insertSorted inserts b by sequence, so that a walk meets ranges in order.
func insertSorted(bs []Block, b Block) []Block {
	bs = append(bs, b)
	for i := len(bs) - 1; i > 0 && bs[i].Start.Before(bs[i-1].Start); i-- {
		bs[i], bs[i-1] = bs[i-1], bs[i]
	}
	return bs
}

// countDiscard counts a block that cannot be believed.
func (s *Sender) countDiscard(dup bool) {
	c := &s.past().counters
	switch {
	case !dup:
		c.SACKDiscard++
	case s.undo.armed:
		c.DSACKIgnoredOld++
	default:
		c.DSACKNoUndo++
	}
}

// validBlock rejects blocks that do not lie in what was sent. A block that
// starts at SND.UNA makes no sense, the ACK would have covered it; one below is
// meaningful only as a DSACK, back to where an undo looks.
func (s *Sender) validBlock(b Block, dsack bool, maxWindow int) bool {
	una := s.CC.SndUna
	switch {
	case b.End.After(s.CC.SndNxt), !b.Start.Before(b.End), !b.Start.Before(s.CC.SndNxt):
		return false
	case b.Start.After(una):
		return true
	case !dsack, !s.undo.armed, b.End.After(una):
		return false
	case !b.Start.Before(s.undo.marker):
		return true
	case !b.End.After(s.undo.marker):
		return false
	}
	return !b.Start.Before(b.End.Add(-maxWindow))
}

// tagBlock walks the ranges of one block. What also lies in dup, the DSACK of
// this ACK, is visited even if it was SACKed before.
func (s *Sender) tagBlock(a *ack, b Block, dup *Block) {
	run := int32(-1) // first range of the run that the walk is in
	pos := s.q.find(b.Start)
	for pos < s.q.len() && s.q.at(pos).start.Before(b.End) {
		if !s.q.at(pos).has(sacked) || dup != nil {
			s.tagRange(a, pos, b, dup)
		}
		n := s.q.at(pos)
		if !n.has(sacked) {
			run = -1
			pos++
			continue
		}
		if run < 0 {
			run = s.q.id(pos)
		}
		pos = s.skipRun(run, n, pos, dup != nil)
	}
}

// skipRun extends the run to the end of what n knows, and returns the position
// behind it.
func (s *Sender) skipRun(run int32, n *node, pos int, slowly bool) int {
	end := n.runEnd
	if first := &s.q.nodes[run]; end.After(first.runEnd) {
		first.runEnd = end
	}
	if slowly || end == n.end {
		return pos + 1
	}
	return s.q.find(end)
}

func (s *Sender) tagRange(a *ack, pos int, b Block, dup *Block) {
	if !s.covered(pos, b) {
		return
	}
	n := s.q.at(pos)
	isDup := dup != nil && !n.start.Before(dup.Start) && !n.end.After(dup.End)
	s.tagSacked(a, n, isDup)
}

// covered reports whether the block covers the range at pos, after splitting
// off what it does not cover.
func (s *Sender) covered(pos int, b Block) bool {
	n := s.q.at(pos)
	fromStart := !b.Start.After(n.start)
	if fromStart && !b.End.Before(n.end) {
		return true
	}
	if n.segs <= 1 {
		return false
	}
	cut := s.cutAt(n, b, fromStart)
	if cut <= 0 || cut > n.len() || cut == n.len() && !fromStart {
		return false
	}
	s.split(pos, cut, int(n.mss))
	return fromStart
}

// cutAt returns where to split a range, in octets, so that only full segments
// (and a short last one) become SACKed: before the block's start rounded up, or
// behind the block's end rounded down.
func (s *Sender) cutAt(n *node, b Block, fromStart bool) int {
	mss := int(n.mss)
	if fromStart {
		return b.End.Sub(n.start) / mss * mss
	}
	return (b.Start.Sub(n.start) + mss - 1) / mss * mss
}

// tagSacked notes that the receiver has a range.
func (s *Sender) tagSacked(a *ack, n *node, dup bool) {
	if dup && n.has(ever) {
		s.undo.duplicated(n.end, int(n.segs))
		if n.has(sacked) && n.start.Before(a.reord) {
			a.reord = n.start
		}
	}
	if !n.end.After(s.CC.SndUna) {
		return // acknowledged as well, about to leave the queue
	}
	if !n.has(sacked) {
		s.delivered(a, n)
	}
	if dup && n.has(retrans) { // the retransmission has arrived as well
		n.tags &^= retrans
		s.CC.RetransOut -= int(n.segs)
	}
}

func (s *Sender) delivered(a *ack, n *node) {
	segs := int(n.segs)
	s.rackAdvance(n)
	if !n.has(ever) {
		s.firstDelivery(a, n)
	}
	if n.has(lost) { // lost, and if it was retransmitted, that has arrived
		s.uncount(n.tags&(lost|retrans), segs)
		n.tags &^= lost | retrans
	}
	if s.CC.SackedOut == 0 || n.end.After(s.board.highest) {
		s.board.highest = n.end
	}
	n.tags |= sacked
	n.runEnd = n.end
	s.CC.SackedOut += segs
	a.flags |= flagDataSacked
	a.sackDelivered += segs
	a.newlySacked += segs
	s.sampleRate(a, n)
	s.q.unlink(n)
}

// firstDelivery: a range arrived that was sent only once. If later ones were
// SACKed before, the path reorders; if it was sent before a timeout, the
// timeout may have been spurious; and its round trip is known.
func (s *Sender) firstDelivery(a *ack, n *node) {
	if n.start.Before(s.highestSack()) && n.start.Before(a.reord) {
		a.reord = n.start
	}
	if !n.end.After(s.CC.HighSeq) {
		a.flags |= flagOrigAcked
	}
	if !a.hasSackTime {
		a.firstSack, a.hasSackTime = n.sentAt, true
	}
	a.lastSack = n.sentAt
}

// checkReordering measures how far before the highest SACK low lies, and
// raises dupthresh to it: the path reorders that much.
func (s *Sender) checkReordering(low seq.Num, timestamp bool) {
	fack := s.highestSack()
	if !low.Before(fack) {
		return
	}
	distance, mss := fack.Sub(low), s.CC.MSS
	if distance > s.Reordering()*mss {
		s.board.reordering = int32(min((distance+mss-1)/mss, s.cfg.MaxReordering))
	}
	s.board.reordSeen++
	if timestamp {
		s.past().counters.TSReorder++
	} else {
		s.past().counters.SACKReorder++
	}
}
