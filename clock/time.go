// Package clock is where a stack's time comes from: a monotonic clock with
// timers, once real and once virtual. Protocol code never asks package time
// for the hour; a stack on the virtual clock is repeatable to the nanosecond.
package clock

import "time"

// Time is a monotonic instant: nanoseconds since the clock was started.
// The zero Time is the clock's start and doubles as "never" where a deadline
// or a past event is optional.
type Time int64

// Add returns t moved by d.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub returns how long after u the instant t is.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Before reports whether t is earlier than u.
func (t Time) Before(u Time) bool { return t < u }

// After reports whether t is later than u.
func (t Time) After(u Time) bool { return t > u }

// Milliseconds returns t in whole milliseconds, as TCP timestamps want it.
func (t Time) Milliseconds() int64 { return int64(t) / int64(time.Millisecond) }
