package clock

import (
	"container/heap"
	"sync"
	"time"
)

// VirtualClock stands still until it is driven: by Step, Run, or a caller that
// waits. Events of one instant run in the order in which they were armed, so a
// run is a function of its inputs. Functions that it calls must not wait on it.
type VirtualClock struct {
	run sync.Mutex // held by whoever drives; serializes events

	mu      sync.Mutex
	now     Time
	events  eventHeap
	changed chan struct{} // closed and renewed when an event is armed or the driver rests
	parked  int           // callers of Wait that look at changed
}

var _ Clock = (*VirtualClock)(nil)

// NewVirtual returns a virtual clock a second past its zero Time, which thus
// stays free to mean "never".
func NewVirtual() *VirtualClock {
	return &VirtualClock{now: Time(time.Second), changed: make(chan struct{})}
}

// Now returns the virtual time.
func (v *VirtualClock) Now() Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// Wall returns a time of day that started at 2020-01-01 UTC.
func (v *VirtualClock) Wall() time.Time {
	return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(v.Now()))
}

// Virtual reports true.
func (v *VirtualClock) Virtual() bool { return true }

// Close does nothing: a virtual clock has no goroutine.
func (v *VirtualClock) Close() {}

// Post runs fn as an event of the present instant.
func (v *VirtualClock) Post(fn func()) {
	t := &Timer{clock: v, fn: func(any) { fn() }}
	t.Reset(0)
}

// Step moves to the next event and runs it; false if there is none.
func (v *VirtualClock) Step() bool {
	v.run.Lock()
	defer v.run.Unlock()
	return v.step(0)
}

// Run drives the clock d further, with all events on the way.
func (v *VirtualClock) Run(d time.Duration) {
	v.run.Lock()
	defer v.run.Unlock()
	end := v.Now().Add(d)
	for v.step(end) {
	}
}

// RunUntil drives the clock until done reports true or limit has passed, and
// returns what done said last.
func (v *VirtualClock) RunUntil(done func() bool, limit time.Duration) bool {
	v.run.Lock()
	defer v.run.Unlock()
	end := v.Now().Add(limit)
	for !done() {
		if !v.step(end) {
			return done()
		}
	}
	return true
}

// Next returns when the next event is due, false if there is none.
func (v *VirtualClock) Next() (Time, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.events.list) == 0 {
		return 0, false
	}
	return max(v.now, v.events.list[0].at), true
}

// step runs the next event that is due by the time end (0: any), or moves to
// end and reports false.
func (v *VirtualClock) step(end Time) bool {
	v.mu.Lock()
	if len(v.events.list) == 0 || end != 0 && v.events.list[0].at > end {
		v.now = max(v.now, end)
		v.mu.Unlock()
		return false
	}
	t := heap.Pop(&v.events).(*Timer)
	t.armed = false
	v.now = max(v.now, t.at)
	fn, arg := t.fn, t.arg // it may serve another as soon as the lock is given up
	v.mu.Unlock()
	fn(arg)
	return true
}

// Wait drives the clock until ready or until. Where nothing is due it waits
// for another goroutine to send on ready or to arm a timer.
func (v *VirtualClock) Wait(ready <-chan struct{}, until Time) bool {
	for {
		select {
		case <-ready:
			return true
		default:
		}
		changed := v.park()
		if v.run.TryLock() {
			stepped := v.step(until)
			v.run.Unlock()
			changed = v.driven()
			if stepped {
				continue
			}
			if until != 0 {
				return received(ready)
			}
		}
		select {
		case <-ready:
			return true
		case <-changed:
		}
	}
}

func received(ready <-chan struct{}) bool {
	select {
	case <-ready:
		return true
	default:
		return false
	}
}

// park returns the channel that tells of the next change.
func (v *VirtualClock) park() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.parked++
	return v.changed
}

// driven tells the parked that the driver rests, and returns the channel that
// tells of the next change, closed already where events stand waiting.
func (v *VirtualClock) driven() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.parked--
	v.wake()
	if len(v.events.list) > 0 {
		c := make(chan struct{})
		close(c)
		return c
	}
	v.parked++
	return v.changed
}

func (v *VirtualClock) wake() {
	if v.parked == 0 {
		return
	}
	close(v.changed)
	v.changed = make(chan struct{})
	v.parked = 0
}

func (v *VirtualClock) arm(t *Timer, at Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	t.at = max(at, v.now)
	if t.armed {
		v.events.list[t.index] = v.events.entry(t)
		heap.Fix(&v.events, int(t.index))
	} else {
		t.armed = true
		heap.Push(&v.events, t)
	}
	v.wake()
}

func (v *VirtualClock) stop(t *Timer) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !t.armed {
		return false
	}
	heap.Remove(&v.events, int(t.index))
	t.armed = false
	return true
}

// event is an armed timer. Ties fire in the order they were armed.
type event struct {
	at    Time
	order uint64
	t     *Timer
}

// eventHeap orders timers by time, then by when they were armed.
type eventHeap struct {
	list  []event
	order uint64
}

func (h *eventHeap) entry(t *Timer) event {
	h.order++
	return event{t.at, h.order, t}
}

func (h *eventHeap) Len() int { return len(h.list) }

func (h *eventHeap) Less(i, j int) bool {
	a, b := &h.list[i], &h.list[j]
	return a.at < b.at || a.at == b.at && a.order < b.order
}

func (h *eventHeap) Swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.list[i].t.index, h.list[j].t.index = int32(i), int32(j)
}

func (h *eventHeap) Push(x any) {
	t := x.(*Timer)
	t.index = int32(len(h.list))
	h.list = append(h.list, h.entry(t))
}

func (h *eventHeap) Pop() any {
	last := len(h.list) - 1
	t := h.list[last].t
	h.list[last] = event{}
	if h.list = h.list[:last]; last == 0 && cap(h.list) > 1024 {
		h.list = nil // it has been long, perhaps
	}
	return t
}
