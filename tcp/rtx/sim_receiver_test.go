package rtx

import (
	"slices"
	"time"

	"github.com/slankdev/ministack/tcp/seq"
)

// receiver is the ideal receiver of a simulation: it keeps everything, delays
// ACKs by at most 40 ms or two segments (RFC 9293 3.8.6.3), acknowledges at
// once what is out of order or fills a hole (RFC 5681 4.2), reports up to three
// SACK blocks, the latest first, and duplicates by DSACK.
type receiver struct {
	sim      *sim
	nxt      seq.Num
	lastAck  seq.Num
	sack     bool
	blocks   []Block // out of order, the most recently changed first
	pending  int     // full segments not acknowledged
	timerSet bool
	tsRecent uint32
	acks     int
	octets   int // received, duplicates included
}

const delayedAck = 40 * time.Millisecond

// quickAcks are acknowledged at once while the sender is in its first flight.
const quickAcks = 16

func (r *receiver) receive(p packet) {
	r.octets += p.r.Len()
	if p.r.Start.AtOrBefore(r.lastAck) {
		r.tsRecent = p.ts
	}
	dup, isDup := r.duplicate(p.r)
	hadHoles := len(r.blocks) > 0
	r.insert(Block{p.r.Start, p.r.End})
	if isDup || hadHoles || len(r.blocks) > 0 {
		r.ack(dup, isDup)
		return
	}
	r.pending++
	if r.pending >= 2 || r.acks < quickAcks {
		r.ack(Block{}, false)
	} else if !r.timerSet {
		r.timerSet = true
		r.sim.after(delayedAck, r.delayedAck)
	}
}

func (r *receiver) delayedAck() {
	r.timerSet = false
	if r.pending > 0 {
		r.ack(Block{}, false)
	}
}

// duplicate returns the part of p that was received before.
func (r *receiver) duplicate(p Range) (Block, bool) {
	if p.Start.Before(r.nxt) {
		return Block{p.Start, seq.Min(p.End, r.nxt)}, true
	}
	for _, b := range r.blocks {
		if s, e := seq.Max(p.Start, b.Start), seq.Min(p.End, b.End); s.Before(e) {
			return Block{s, e}, true
		}
	}
	return Block{}, false
}

// insert adds b, merging it with what it touches, and advances nxt.
func (r *receiver) insert(b Block) {
	if b.End.AtOrBefore(r.nxt) {
		return
	}
	r.blocks = slices.DeleteFunc(r.blocks, func(o Block) bool {
		if o.End.Before(b.Start) || o.Start.After(b.End) {
			return false
		}
		b.Start, b.End = seq.Min(b.Start, o.Start), seq.Max(b.End, o.End)
		return true
	})
	if b.Start.AtOrBefore(r.nxt) {
		r.nxt = b.End
		return
	}
	r.blocks = slices.Insert(r.blocks, 0, b)
}

// ack sends an acknowledgement; it is never lost and takes half the RTT.
func (r *receiver) ack(dup Block, isDup bool) {
	a := Ack{Seq: r.nxt, TSEcr: r.tsRecent, HasTSEcr: r.sim.cfg.Timestamps}
	if r.sack {
		if isDup {
			a.Blocks = append(a.Blocks, dup)
		}
		a.Blocks = append(a.Blocks, r.blocks...)
		a.Blocks = a.Blocks[:min(len(a.Blocks), 3)]
	}
	r.lastAck = r.nxt
	r.pending = 0
	r.acks++
	r.sim.after(r.sim.rtt/2, func() { r.sim.onAckPacket(&a) })
}
