package clock

import "math/bits"

// The timer wheel. Level 0 has a slot a tick, each level above a slot for a
// whole turn of the one below; a timer stands in the slot of the coarsest unit
// in which it still differs from now, and falls a level when that unit begins.
// Arming, stopping and firing are constant time whatever the number of timers
// (Varghese and Lauck 1987, scheme 7; kernel/time/timer.c has the same idea).

const (
	tickBits  = 20 // a tick is 2^20 ns, 1.05 ms
	slotBits  = 6
	slotCount = 1 << slotBits
	levels    = 6 // 2^(20+36) ns: 2.2 years
)

type slot = *Timer // the head of a list

type wheel struct {
	tick  uint64 // ticks up to and without this one have run
	slots [levels][slotCount]slot
	used  [levels]uint64 // which slots hold timers
	due   slot           // what the present tick holds, as if of one level more
}

// tickOf rounds up, so that nothing fires early.
func tickOf(at Time) uint64 {
	if at <= 0 {
		return 0
	}
	return (uint64(at) + 1<<tickBits - 1) >> tickBits
}

func (w *wheel) insert(t *Timer, at Time) {
	t.at, t.armed = at, true
	w.place(t)
}

func (w *wheel) place(t *Timer) {
	tick := tickOf(t.at)
	if tick <= w.tick {
		w.link(levels, 0, t)
		return
	}
	level := (bits.Len64(tick^w.tick) - 1) / slotBits
	if level >= levels {
		level, tick = levels-1, w.tick-1 // past the horizon: a whole turn away
	}
	w.link(level, int(tick>>(level*slotBits)&(slotCount-1)), t)
}

func (w *wheel) slot(level, pos int) *slot {
	if level == levels {
		return &w.due
	}
	return &w.slots[level][pos]
}

func (w *wheel) link(level, pos int, t *Timer) {
	head := w.slot(level, pos)
	t.level, t.pos, t.prev, t.next = uint8(level), uint8(pos), nil, *head
	if *head != nil {
		(*head).prev = t
	}
	*head = t
	if level < levels {
		w.used[level] |= 1 << pos
	}
}

func (w *wheel) remove(t *Timer) {
	head := w.slot(int(t.level), int(t.pos))
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		*head = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	if *head == nil && t.level < levels {
		w.used[t.level] &^= 1 << t.pos
	}
	t.next, t.prev, t.armed = nil, nil, false
}

// expire takes out one timer that is due at now, nil if none is.
func (w *wheel) expire(now Time) *Timer {
	for w.due == nil {
		if !w.advance(uint64(now) >> tickBits) {
			return nil
		}
	}
	t := w.due
	w.remove(t)
	return t
}

// advance moves to the next tick up to limit at which anything happens.
func (w *wheel) advance(limit uint64) bool {
	tick, any := w.nextTick()
	if !any || tick > limit {
		w.tick = max(w.tick, limit)
		return false
	}
	w.tick = tick
	for level := levels - 1; level >= 0; level-- {
		if tick&(1<<(level*slotBits)-1) == 0 {
			w.fall(&w.slots[level][tick>>(level*slotBits)&(slotCount-1)])
		}
	}
	return true
}

// fall puts the timers of a slot whose time has begun where they belong now.
func (w *wheel) fall(s *slot) {
	for t := *s; t != nil; t = *s {
		w.remove(t)
		t.armed = true
		w.place(t)
	}
}

// nextTick returns the first tick after the present one at which a used slot
// begins.
func (w *wheel) nextTick() (uint64, bool) {
	best, any := uint64(0), false
	for level := range levels {
		if w.used[level] == 0 {
			continue
		}
		shift := level * slotBits
		unit := w.tick >> shift
		at := unit & (slotCount - 1)
		rotated := bits.RotateLeft64(w.used[level], -int(at+1)%slotCount)
		tick := (unit + 1 + uint64(bits.TrailingZeros64(rotated))) << shift
		if !any || tick < best {
			best, any = tick, true
		}
	}
	return best, any
}

// next returns when expire should be called next.
func (w *wheel) next() (Time, bool) {
	if w.due != nil {
		return Time(w.tick << tickBits), true
	}
	tick, any := w.nextTick()
	return Time(tick << tickBits), any
}
