package iperf3

import (
	"errors"
	"time"

	"github.com/slankdev/ministack/clock"
)

// interval is what a line of the report stands for.
const interval = time.Second

var (
	errLate = errors.New("the client does not end its test")
	errIdle = errors.New("nothing moves")
)

// watch is what has to happen while a test runs: the end of the time to be
// omitted, a line of the report every second, and the end of a test whose client
// does not end it.
type watch struct {
	t      *test
	omit   clock.Time // 0: past, or none
	line   clock.Time // 0: none
	limit  clock.Time // 0: none
	look   clock.Time // at whether something moved
	moved  int64
	period time.Duration
}

func newWatch(t *test) *watch {
	w := &watch{t: t, look: t.began.Add(idleTime), period: idleTime}
	if t.p.Omit > 0 {
		w.omit = t.began.Add(seconds(t.p.Omit))
	}
	if t.p.ServerOutput {
		w.line = t.began.Add(interval)
	}
	if t.p.Time > 0 {
		w.limit = t.began.Add(seconds(t.p.Omit+t.p.Time) + graceTime)
	}
	return w
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// next is when something has to happen.
func (w *watch) next() clock.Time {
	at := w.look
	for _, other := range []clock.Time{w.omit, w.line, w.limit} {
		if other != 0 && other < at {
			at = other
		}
	}
	return at
}

// tick does what is due.
func (w *watch) tick(now clock.Time) error {
	t := w.t
	if w.line != 0 && now >= w.line {
		t.report.interval(t, now, !t.counting.Load())
		w.line = w.line.Add(interval)
	}
	if w.omit != 0 && now >= w.omit {
		w.omit = 0
		w.omitted()
	}
	if w.limit != 0 && now >= w.limit {
		return fail(reasonNoReason, errLate)
	}
	if now < w.look {
		return nil
	}
	moved := t.moved()
	if moved == w.moved {
		return fail(reasonNoReason, errIdle)
	}
	w.moved, w.look = moved, now.Add(w.period)
	return nil
}

// omitted makes this moment the beginning of what counts.
func (w *watch) omitted() {
	t := w.t
	for _, s := range t.streams {
		s.omit()
	}
	t.begin()
	t.counting.Store(true)
	t.report.from = t.began
	if w.line != 0 {
		w.line = t.began.Add(interval)
	}
}

// moved is how many bytes the streams have moved.
func (t *test) moved() int64 {
	n := int64(0)
	for _, s := range t.streams {
		n += s.bytes.Load()
	}
	return n
}
