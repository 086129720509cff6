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

// Times count in ticks, modulo 2^32, which spares a connection twelve bytes.
type minFilter struct {
	v  [3]time.Duration
	at [3]uint32
}

// tickFor is a microsecond, or a millisecond for windows that have too many.
func tickFor(window time.Duration) time.Duration {
	if window > 30*time.Minute {
		return time.Millisecond
	}
	return time.Microsecond
}

func (f *minFilter) best() time.Duration { return f.v[0] }

func (f *minFilter) set(i int, v time.Duration, at uint32) { f.v[i], f.at[i] = v, at }

func (f *minFilter) update(now clock.Time, v time.Duration, window time.Duration) {
	unit := tickFor(window)
	at, span := uint32(time.Duration(now)/unit), uint32(window/unit)
	switch {
	case f.v[0] == 0, v <= f.v[0], at-f.at[2] > span:
		f.set(0, v, at)
		f.set(1, v, at)
		f.set(2, v, at)
		return
	case v <= f.v[1]:
		f.set(1, v, at)
		f.set(2, v, at)
	case v <= f.v[2]:
		f.set(2, v, at)
	}
	f.age(v, at, span)
}

// age moves the candidates up as the window passes over them.
func (f *minFilter) age(v time.Duration, at, span uint32) {
	passed := at - f.at[0]
	switch {
	case passed > span:
		f.shift(v, at)
		if at-f.at[0] > span {
			f.shift(v, at)
		}
	case f.at[1] == f.at[0] && passed > span/4:
		f.set(1, v, at)
		f.set(2, v, at)
	case f.at[2] == f.at[1] && passed > span/2:
		f.set(2, v, at)
	}
}

func (f *minFilter) shift(v time.Duration, at uint32) {
	f.set(0, f.v[1], f.at[1])
	f.set(1, f.v[2], f.at[2])
	f.set(2, v, at)
}
