package clock

import (
	"sync"
	"time"
)

// RealClock follows the machine's monotonic clock. One goroutine, started with
// the first timer, turns the wheel and runs what is due; it sleeps until the
// next due slot, not every tick.
type RealClock struct {
	start time.Time

	mu      sync.Mutex
	wheel   wheel
	wakeAt  Time // when the goroutine wakes by itself, 0: not asleep on a timer
	running bool
	closed  bool
	kick    chan struct{}
	done    chan struct{}
	posts   []func()
}

var _ Clock = (*RealClock)(nil)

// NewReal returns a running clock. Close stops its goroutine.
func NewReal() *RealClock {
	return &RealClock{start: time.Now().Add(-time.Second), kick: make(chan struct{}, 1), done: make(chan struct{})}
}

// Now returns the time since the clock's start, which lies a second before its
// creation, so that no event falls on the zero Time.
func (r *RealClock) Now() Time { return Time(time.Since(r.start)) }

// Wall returns the time of day.
func (r *RealClock) Wall() time.Time { return time.Now() }

// Virtual reports false.
func (r *RealClock) Virtual() bool { return false }

// Post runs fn in the timer goroutine.
func (r *RealClock) Post(fn func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.posts = append(r.posts, fn)
	r.wakeLocked()
}

// Wait parks the caller; see Clock.
func (r *RealClock) Wait(ready <-chan struct{}, until Time) bool {
	if until == 0 {
		<-ready
		return true
	}
	left := until.Sub(r.Now())
	if left <= 0 {
		return received(ready)
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-ready:
		return true
	case <-t.C:
		return false
	}
}

// Close stops the goroutine and waits for it. What was posted still runs, since
// it may hold buffers; no timer fires, and no function runs afterwards.
func (r *RealClock) Close() {
	r.mu.Lock()
	wait := r.running
	r.closed = true
	r.wakeLocked()
	r.mu.Unlock()
	if wait {
		<-r.done
	}
}

func (r *RealClock) arm(t *Timer, at Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if t.armed {
		r.wheel.remove(t)
	}
	r.wheel.insert(t, at)
	if !r.running {
		r.running = true
		go r.loop()
		return
	}
	if r.wakeAt != 0 && t.at < r.wakeAt {
		r.wakeLocked()
	}
}

func (r *RealClock) stop(t *Timer) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !t.armed {
		return false
	}
	r.wheel.remove(t)
	return true
}

func (r *RealClock) wakeLocked() {
	if !r.running && !r.closed {
		r.running = true
		go r.loop()
	}
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// loop runs what is due and sleeps until the next slot that holds a timer.
func (r *RealClock) loop() {
	defer close(r.done)
	sleep := time.NewTimer(time.Hour)
	defer sleep.Stop()
	for r.runDue() {
		r.mu.Lock()
		next, any := r.wheel.next()
		if !any {
			next = r.Now().Add(time.Hour)
		}
		r.wakeAt = next
		r.mu.Unlock()
		sleep.Reset(max(next.Sub(r.Now()), 0))
		select {
		case <-sleep.C:
		case <-r.kick:
		}
	}
}

// runDue runs the functions that are due, without the lock; false after Close.
func (r *RealClock) runDue() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wakeAt = 0
	for !r.closed || len(r.posts) > 0 {
		if len(r.posts) > 0 {
			fn := r.posts[0]
			r.posts = r.posts[1:]
			r.mu.Unlock()
			fn()
			r.mu.Lock()
			continue
		}
		t := r.wheel.expire(r.Now())
		if t == nil {
			return true
		}
		fn, arg := t.fn, t.arg // it may serve another as soon as the lock is given up
		r.mu.Unlock()
		fn(arg)
		r.mu.Lock()
	}
	return false
}
