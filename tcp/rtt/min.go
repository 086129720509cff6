package rtt

import (
	"time"

	"github.com/slankdev/ministack/clock"
)

// A windowed minimum in constant space (after Kathleen Nichols): the best
// sample, the best since that one, and the best since the second. When the
// best grows older than the window the second takes its place, and is at most
// a window old. Quarter and half points keep the three spread in time, so that
// a steady series never leaves the window with only one, old, candidate.

type stamped struct {
	at clock.Time
	v  time.Duration
}

type minFilter struct{ s [3]stamped }

func (f *minFilter) best() time.Duration { return f.s[0].v }

func (f *minFilter) update(now clock.Time, v time.Duration, window time.Duration) {
	n := stamped{now, v}
	switch {
	case f.s[0].v == 0, v <= f.s[0].v, now.Sub(f.s[2].at) > window:
		f.s = [3]stamped{n, n, n}
		return
	case v <= f.s[1].v:
		f.s[1], f.s[2] = n, n
	case v <= f.s[2].v:
		f.s[2] = n
	}
	f.age(n, window)
}

// age moves the candidates up as the window passes over them.
func (f *minFilter) age(n stamped, window time.Duration) {
	passed := n.at.Sub(f.s[0].at)
	switch {
	case passed > window:
		f.shift(n)
		if n.at.Sub(f.s[0].at) > window {
			f.shift(n)
		}
	case f.s[1].at == f.s[0].at && passed > window/4:
		f.s[1], f.s[2] = n, n
	case f.s[2].at == f.s[1].at && passed > window/2:
		f.s[2] = n
	}
}

func (f *minFilter) shift(n stamped) { f.s[0], f.s[1], f.s[2] = f.s[1], f.s[2], n }
