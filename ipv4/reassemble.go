package ipv4

import (
	"container/list"
	"net/netip"
	"sort"
	"sync"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// Reassembly (RFC 791 3.2, RFC 1122 3.3.2; ip_fragment.c). A datagram is known
// by source, destination, protocol and identification. An exact duplicate is
// ignored; any other overlap ends the whole datagram, since only an attack
// overlaps (RFC 5722 says so for IPv6, Linux does so for both). What is not
// whole in 30 s is given up, and its sender told if the first fragment came
// (B35). Where memory runs out, the oldest datagram goes: it is the least
// likely to become whole.

type fragKey struct {
	src, dst netip.Addr
	id       uint16
	proto    uint8
}

// fragments is one unfinished datagram.
type fragments struct {
	key   fragKey
	r     *reassembler
	parts []*skb.Buffer // by offset, each with its header pulled
	first *skb.Buffer   // a clone of the first fragment, with its header
	end   int           // where the last fragment ends, -1 until it came
	have  int           // bytes that are here
	mem   int           // true size of it all
	ecn   uint8         // which ECN fields were seen, a bit each
	peer  *fragPeer
	rid   uint32 // the peer's count when the last fragment came
	timer clock.Timer
	place *list.Element
}

// fragPeer counts the fragments of one source, for ipfrag_max_dist.
type fragPeer struct {
	rid  uint32
	open int // unfinished datagrams
}

type reassembler struct {
	m    *Module
	mu   sync.Mutex
	open map[fragKey]*fragments
	peer map[netip.Addr]*fragPeer
	age  list.List // of *fragments, the oldest first
	mem  int
}

// cb of a part: where in the datagram it stands.
const (
	cbFrom = iota
	cbTo
)

func (r *reassembler) init(m *Module) {
	r.m, r.open, r.peer = m, map[fragKey]*fragments{}, map[netip.Addr]*fragPeer{}
}

// add takes a fragment over. It returns the whole datagram when this was the
// last piece, else nil and the reason if the fragment was dropped.
func (r *reassembler) add(b *skb.Buffer) (*skb.Buffer, skb.Reason) {
	st := r.m.env.Stat
	st.Inc(stat.IpReasmReqds)
	h := Header(b.Data())
	from, size := h.Offset(), b.Len()-h.Len()
	if size <= 0 || h.MF() && size%8 != 0 || h.Len()+from+size > maxLen {
		st.Inc(stat.IpReasmFails)
		return nil, b.Drop(skb.FragInvalid)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.find(fragKey{b.Net.Src, b.Net.Dst, h.ID(), h.Proto()})
	if q.tooFar() {
		q.restart()
	}
	if b.Traced {
		r.m.env.Trace.Packet(trace.IPv4FragHold, b, trace.Addr(b.Net.Src), uint32(h.ID()), uint32(from), uint32(size))
	}
	if reason := q.insert(b, from, from+size, h); reason != skb.NotDropped {
		return nil, reason
	}
	if q.end >= 0 && q.have == q.end {
		return r.join(q)
	}
	r.limit()
	return nil, skb.NotDropped
}

func (r *reassembler) find(k fragKey) *fragments {
	if q := r.open[k]; q != nil {
		return q
	}
	p := r.peer[k.src]
	if p == nil {
		p = new(fragPeer)
		r.peer[k.src] = p
	}
	p.open++
	q := &fragments{key: k, r: r, end: -1, peer: p, rid: p.rid}
	q.timer.Init(r.m.env.Clock, func(x any) { x.(*fragments).expire() }, q)
	q.arm()
	r.open[k] = q
	q.place = r.age.PushBack(q)
	return q
}

func (q *fragments) arm() {
	c := q.r.m.env.Clock
	q.timer.Reset(c.Now().Add(time.Duration(q.r.m.set.fragTime.Get()) * time.Second))
}

// tooFar counts a fragment, and reports whether its source sent more than
// ipfrag_max_dist others since the last one of this datagram: then the
// identification has come round, and what is held belongs to another datagram
// (ip_frag_too_far; RFC 4963 on what happens otherwise).
func (q *fragments) tooFar() bool {
	limit, last := q.r.m.set.fragGap.Get(), q.rid
	q.peer.rid++
	q.rid = q.peer.rid
	return limit > 0 && len(q.parts) > 0 && int(q.rid-last) > limit
}

// restart begins the datagram anew (ip_frag_reinit).
func (q *fragments) restart() {
	q.r.m.env.Stat.Inc(stat.IpReasmFails)
	q.empty(skb.FragInvalid)
	q.r.mem -= q.mem
	q.end, q.have, q.mem, q.ecn = -1, 0, 0, 0
	q.arm()
}

// insert puts a fragment in its place and takes it over.
func (q *fragments) insert(b *skb.Buffer, from, to int, h Header) skb.Reason {
	if !h.MF() {
		if q.end >= 0 && q.end != to || q.last() > to {
			return q.overlap(b)
		}
		q.end = to
	} else if q.end >= 0 && to > q.end {
		return q.overlap(b)
	}
	i := sort.Search(len(q.parts), func(i int) bool { return int(q.parts[i].CB[cbTo]) > from })
	if i < len(q.parts) && int(q.parts[i].CB[cbFrom]) < to {
		if int(q.parts[i].CB[cbFrom]) == from && int(q.parts[i].CB[cbTo]) == to {
			return b.Drop(skb.DupFrag)
		}
		return q.overlap(b)
	}
	q.ecn |= 1 << (h.TOS() & ecnMask)
	hlen := h.Len() // Compact may move the header
	b.Compact()
	b.SetNetwork()
	if from == 0 {
		q.first = b.Clone()
	}
	b.Pull(hlen)
	b.CB[cbFrom], b.CB[cbTo] = uint32(from), uint32(to)
	q.charge(b.TrueSize())
	q.parts = append(q.parts, nil)
	copy(q.parts[i+1:], q.parts[i:])
	q.parts[i] = b
	q.have += to - from
	return skb.NotDropped
}

// last is where the farthest part ends.
func (q *fragments) last() int {
	if n := len(q.parts); n > 0 {
		return int(q.parts[n-1].CB[cbTo])
	}
	return 0
}

func (q *fragments) charge(n int) {
	q.mem += n
	q.r.mem += n
}

// overlap ends the whole datagram.
func (q *fragments) overlap(b *skb.Buffer) skb.Reason {
	q.r.m.env.Stat.Inc(stat.IpReasmFails)
	q.discard(skb.FragOverlap)
	return b.Drop(skb.FragOverlap)
}

// discard drops all parts for the reason r.
func (q *fragments) discard(reason skb.Reason) {
	q.remove()
	q.empty(reason)
}

func (q *fragments) empty(reason skb.Reason) {
	for _, p := range q.parts {
		p.Drop(reason)
	}
	q.parts = nil
	if q.first != nil {
		q.first.Consume()
		q.first = nil
	}
}

func (q *fragments) remove() {
	q.timer.Stop()
	delete(q.r.open, q.key)
	q.r.age.Remove(q.place)
	if q.peer.open--; q.peer.open == 0 {
		delete(q.r.peer, q.key.src)
	}
	q.r.mem -= q.mem
	q.mem = 0
}

// join makes one datagram of all parts: the first fragment's header, with the
// whole length, and the payloads behind it by reference, or copied where there
// are more than a buffer can reference. It returns nil and a reason where the
// parts do not go together.
func (r *reassembler) join(q *fragments) (*skb.Buffer, skb.Reason) {
	first := q.first
	hlen := Header(first.Data()).Len()
	if hlen+q.end > maxLen || !q.ecnAgrees() {
		r.m.env.Stat.Inc(stat.IpReasmFails)
		q.discard(skb.FragInvalid)
		return nil, skb.FragInvalid
	}
	q.remove()
	whole := r.header(q, hlen, len(q.parts) > skb.MaxFrags/2)
	for _, p := range q.parts {
		if len(q.parts) <= skb.MaxFrags/2 {
			whole.Take(p)
			continue
		}
		p.CopyOut(0, whole.Put(p.Len()))
		p.Consume()
	}
	first.Consume()
	r.m.env.Stat.Inc(stat.IpReasmOKs)
	if whole.Traced {
		r.m.env.Trace.Packet(trace.IPv4FragDone, whole, trace.Addr(q.key.src), uint32(q.key.id), uint32(q.end), 0)
	}
	return whole, skb.NotDropped
}

// ecnAgrees reports whether all fragments are of an ECN-capable transport, or
// none is (RFC 3168 5.3).
func (q *fragments) ecnAgrees() bool { return q.ecn == 1 || q.ecn&1 == 0 }

// header begins the whole datagram with the first fragment's header.
func (r *reassembler) header(q *fragments, hlen int, copied bool) *skb.Buffer {
	room := hlen
	if copied {
		room += q.end
	}
	whole := r.m.env.Pool.New(room)
	id := whole.ID
	whole.Meta = q.first.Meta
	whole.ID, whole.Cause = id, q.first.ID
	whole.Csum = skb.CsumNone
	h := Header(whole.Put(hlen))
	copy(h, q.first.Data()[:hlen])
	h.setFragment(0, 0)
	h.setTotal(hlen + q.end)
	if q.ecn&(1<<ecnCE) != 0 {
		h[offTOS] |= ecnCE
		whole.Net.TOS |= ecnCE
	}
	h.seal()
	whole.SetNetwork()
	return whole
}

// limit keeps the memory of all unfinished datagrams in bounds: the oldest go.
func (r *reassembler) limit() {
	for r.mem > r.m.set.fragHigh.Get() {
		oldest := r.age.Front()
		if oldest == nil {
			return
		}
		r.m.env.Stat.Inc(stat.IpReasmFails)
		oldest.Value.(*fragments).discard(skb.FragMemLimit)
	}
}

// expire gives up after the time limit, and tells the sender if the first
// fragment came (RFC 1122 3.3.2).
func (q *fragments) expire() {
	r := q.r
	r.mu.Lock()
	if r.open[q.key] != q {
		r.mu.Unlock()
		return
	}
	r.m.env.Stat.Inc(stat.IpReasmTimeout)
	r.m.env.Stat.Inc(stat.IpReasmFails)
	from, to := q.missing()
	r.m.env.Trace.Slow(trace.IPv4FragTimeout, 0, 0, [4]uint32{trace.Addr(q.key.src), uint32(q.key.id), uint32(from), uint32(to)})
	first := q.first
	q.first = nil
	q.discard(skb.FragReasmTimeout)
	r.mu.Unlock()
	if first != nil {
		r.m.SendError(first, &inet.Error{Kind: inet.ReasmTimeExceeded})
		first.Consume() // a clone: the fragment itself was dropped above
		r.m.env.Dev.Flush()
	}
}

// missing is the first gap, as the bytes from and to; to is 0 where the end is
// not known.
func (q *fragments) missing() (from, to int) {
	for _, p := range q.parts {
		if int(p.CB[cbFrom]) > from {
			return from, int(p.CB[cbFrom]) - 1
		}
		from = int(p.CB[cbTo])
	}
	return from, max(q.end-1, 0)
}

func (r *reassembler) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.open {
		q.discard(skb.QueuePurge)
	}
}
