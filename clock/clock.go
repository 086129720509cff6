package clock

import "time"

// Clock tells the time and keeps the timers of one or more stacks.
type Clock interface {
	// Now returns the monotonic time.
	Now() Time
	// Wall returns the time of day, for timestamps that people read.
	Wall() time.Time
	// Wait parks the caller until ready can be received from, which it does,
	// or until the clock passes until (0: no limit). It reports whether ready
	// was received from. On a virtual clock the caller itself drives time on.
	Wait(ready <-chan struct{}, until Time) bool
	// Post runs fn soon, outside the caller's locks: on a virtual clock as the
	// next event of this instant, on a real one in the timer goroutine.
	Post(fn func())
	// Virtual reports whether time stands still unless somebody drives it; a
	// stack on such a clock starts no goroutine.
	Virtual() bool
	// Close stops a real clock's goroutine; timers that are armed never fire.
	Close()

	arm(t *Timer, at Time)
	stop(t *Timer) bool
}

// Timer calls a function once at a set time. It is meant to be embedded: it
// allocates nothing, and an unarmed timer stands in no list. One that has been
// stopped, or has called its function, may be initialized anew.
type Timer struct {
	clock Clock
	fn    func(any)
	arg   any

	at         Time
	next, prev *Timer // the wheel's slot list
	index      int32  // the heap's place
	level, pos uint8  // the wheel's slot
	armed      bool
}

// Init prepares the timer to call fn(arg). It must come before any other call.
// fn runs without locks held; it may arm the timer again.
func (t *Timer) Init(c Clock, fn func(any), arg any) {
	t.clock, t.fn, t.arg = c, fn, arg
}

// Reset arms the timer for the time at, or moves it there; a time that has
// passed fires at once. The real clock's resolution is one millisecond, and it
// never fires early.
func (t *Timer) Reset(at Time) { t.clock.arm(t, at) }

// At returns when an armed timer fires.
func (t *Timer) At() Time { return t.at }

// Stop disarms the timer and reports whether it was armed. A function that is
// being called goes on: it must look at its own state under its own lock.
func (t *Timer) Stop() bool { return t.clock.stop(t) }
