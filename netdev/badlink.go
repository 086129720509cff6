package netdev

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
)

// direction is one way of a bad link: what happens to each frame, and those
// that are under way, by the time at which they are due.
type direction struct {
	o     Impairment
	wrap  *impaired
	out   func(*skb.Buffer) // delivers; the frame stays the direction's
	mu    sync.Mutex
	rand  *rand.Rand
	held  []underWay
	last  clock.Time   // when the last frame in order is due
	queue []clock.Time // when each frame that waits for the rate will have gone
	timer clock.Timer
	done  Counts
	shut  bool
}

type underWay struct {
	due   clock.Time
	frame *skb.Buffer
}

func (t *direction) init(w *impaired, o Impairment, stream uint64, out func(*skb.Buffer)) {
	t.o, t.wrap, t.out = o, w, out
	if t.o.ReorderBy == 0 {
		t.o.ReorderBy = defaultReorderBy
	}
	if t.o.Limit == 0 {
		t.o.Limit = txQueueLen
	}
	t.rand = rand.New(rand.NewPCG(o.Seed, stream))
	t.timer.Init(w.clk, func(x any) { x.(*direction).expire() }, t)
}

func (t *direction) counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.done
}

// pass decides the fate of a frame, which stays the caller's.
func (t *direction) pass(b *skb.Buffer) {
	var parts skb.Queue
	c := t.wrap.own().Share(b)
	markNetwork(c, t.wrap.link)
	if c.GSO == skb.GSONone {
		parts.PushBack(c)
	} else if Segment(c, &parts) != skb.NotDropped {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for s := parts.PopFront(); s != nil; s = parts.PopFront() {
		t.fate(s)
	}
	t.release(t.wrap.clk.Now())
}

// markNetwork lets Segment find the headers of a frame that came from outside.
func markNetwork(b *skb.Buffer, link bool) {
	if !link {
		b.SetNetwork()
		return
	}
	if b.MayPull(etherLen) {
		b.Pull(etherLen)
		b.SetNetwork()
		b.Push(etherLen)
	}
}

func (t *direction) chance(share float64) bool { return share > 0 && t.rand.Float64() < share }

// fate is what happens to one frame. The order of the questions is fixed, so
// that a seed repeats itself.
func (t *direction) fate(b *skb.Buffer) {
	if t.shut || t.chance(t.o.Loss) {
		t.done.Lost++
		b.Drop(skb.Impaired)
		return
	}
	if t.chance(t.o.Corrupt) {
		b = t.corrupt(b)
	}
	if t.chance(t.o.Duplicate) {
		t.done.Duplicated++
		t.hold(b.Clone())
	}
	t.hold(b)
}

// corrupt turns one bit. The checksum is finished first and no longer vouched
// for, so that whoever receives the frame finds out.
func (t *direction) corrupt(b *skb.Buffer) *skb.Buffer {
	if b.Csum == skb.CsumPartial && FinishChecksum(b) != skb.NotDropped {
		return b
	}
	n := b.Len()
	c := t.wrap.own().New(n)
	b.CopyOut(0, c.Put(n))
	b.Consume()
	c.Csum = skb.CsumNone
	if n > 0 {
		bit := t.rand.IntN(8 * n)
		c.Data()[bit/8] ^= 1 << (bit % 8)
	}
	t.done.Corrupted++
	return c
}

// hold puts a frame under way.
func (t *direction) hold(b *skb.Buffer) {
	due, ok := t.due(b)
	if !ok {
		t.done.Overflowed++
		b.Drop(skb.Impaired)
		return
	}
	if t.chance(t.o.Reorder) {
		t.done.Reordered++
		due = due.Add(t.o.ReorderBy)
	} else {
		due = max(due, t.last)
		t.last = due
	}
	t.done.Passed++
	i := len(t.held)
	for i > 0 && t.held[i-1].due > due {
		i--
	}
	t.held = append(t.held, underWay{})
	copy(t.held[i+1:], t.held[i:])
	t.held[i] = underWay{due, b}
}

// due is when the frame would arrive in its turn; false if the queue that
// waits for the rate is full.
func (t *direction) due(b *skb.Buffer) (clock.Time, bool) {
	now := t.wrap.clk.Now()
	due := now
	if t.o.Rate > 0 {
		waiting := t.waiting(now)
		if waiting >= t.o.Limit {
			return 0, false
		}
		if t.o.Mark > 0 && waiting >= t.o.Mark && markCE(b, t.wrap.link) {
			t.done.Marked++
		}
		if waiting > 0 {
			due = t.queue[waiting-1]
		}
		due = due.Add(time.Duration(int64(b.Len()) * 8 * int64(time.Second) / t.o.Rate))
		t.queue = append(t.queue, due)
	}
	due = due.Add(t.o.Delay)
	if t.o.Jitter > 0 {
		due = due.Add(time.Duration(t.rand.Int64N(int64(t.o.Jitter))))
	}
	return due, true
}

// waiting returns how many frames wait for the rate, the one that is being sent
// among them.
func (t *direction) waiting(now clock.Time) int {
	gone := 0
	for gone < len(t.queue) && t.queue[gone] <= now {
		gone++
	}
	t.queue = t.queue[:copy(t.queue, t.queue[gone:])]
	return len(t.queue)
}

func (t *direction) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.release(t.wrap.clk.Now())
}

// release delivers what is due, in order, and sets the timer for the rest.
func (t *direction) release(now clock.Time) {
	n := 0
	for n < len(t.held) && t.held[n].due <= now {
		b := t.held[n].frame
		n++
		t.out(b)
		b.Consume()
	}
	left := copy(t.held, t.held[n:])
	clear(t.held[left:])
	t.held = t.held[:left]
	if left > 0 {
		t.timer.Reset(t.held[0].due)
	}
}

// close drops what is under way.
func (t *direction) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shut = true
	t.timer.Stop()
	for _, u := range t.held {
		u.frame.Drop(skb.Impaired)
	}
	t.held = nil
}
