package tcp

import "github.com/slankdev/ministack/tcp/seq"

// The receiver's side of selective acknowledgement: which blocks to report
// (RFC 2018 4), most recent first, and D-SACK (RFC 2883).

// sackAdd notes that [from, to) was queued out of order. The block that it
// belongs to comes first, grown by it and by the blocks that it now touches.
func (a *ofoQueue) sackAdd(from, to seq.Num) {
	b := Block{Start: from, End: to}
	kept := a.sacks[:0]
	for _, o := range a.sacks[:a.nsack] {
		if o.Start.AtOrBefore(b.End) && b.Start.AtOrBefore(o.End) {
			b.Start, b.End = seq.Min(b.Start, o.Start), seq.Max(b.End, o.End)
			continue
		}
		kept = append(kept, o)
	}
	n := min(len(kept), maxSackBlocks-1)
	copy(a.sacks[1:], kept[:n])
	a.sacks[0] = b
	a.nsack = n + 1
}

// sackTrim forgets the blocks that RCV.NXT has passed.
func (a *ofoQueue) sackTrim(nxt seq.Num) {
	kept := a.sacks[:0]
	for _, o := range a.sacks[:a.nsack] {
		if o.End.After(nxt) {
			kept = append(kept, o)
		}
	}
	a.nsack = len(kept)
}

// dsackSet notes a duplicate for the next acknowledgement: the last one counts.
func (a *ofoQueue) dsackSet(from, to seq.Num) {
	a.dsack, a.hasDsack = Block{Start: from, End: to}, true
}

// dsackExtend notes one that came about while others were sorted: what is noted
// already stays, and grows if it touches it.
func (a *ofoQueue) dsackExtend(from, to seq.Num) {
	if !a.hasDsack {
		a.dsackSet(from, to)
		return
	}
	if from.AtOrBefore(a.dsack.End) && a.dsack.Start.AtOrBefore(to) {
		a.dsack.Start, a.dsack.End = seq.Min(a.dsack.Start, from), seq.Max(a.dsack.End, to)
	}
}

// sackForget forgets the blocks: what they reported may be gone (RFC 2018 8), or
// is no longer out of order.
func (a *ofoQueue) sackForget() {
	if a != nil {
		a.nsack = 0
	}
}

// reported returns how many blocks there are to report, and whether the first is
// a D-SACK.
func (a *ofoQueue) reported() (n int, dsack bool) {
	switch {
	case a == nil:
		return 0, false
	case a.hasDsack:
		return a.nsack + 1, true
	}
	return a.nsack, false
}

// blocks appends to dst what the next acknowledgement reports, at most room
// blocks, the D-SACK first.
func (a *ofoQueue) blocks(dst []Block, room int) []Block {
	if a == nil {
		return dst
	}
	if a.hasDsack && room > 0 {
		dst = append(dst, a.dsack)
		room--
	}
	return append(dst, a.sacks[:min(a.nsack, room)]...)
}
