package drill

import (
	"time"

	"github.com/slankdev/ministack/clock"
)

// A script's calls may block while the script goes on. On a virtual clock the
// caller of a blocking call would drive time by itself; here each call runs in
// a goroutine that hands the control back when it must wait, so that exactly
// one of them and the player runs at any moment, and a run stays a function of
// the script and the seed.

// taskClock is the clock of the stack under test: waits of a task give the
// control back to the player.
type taskClock struct {
	*clock.VirtualClock
	current *task // the task that runs, nil while the player does
}

// Wait implements clock.Clock.
func (c *taskClock) Wait(ready <-chan struct{}, until clock.Time) bool {
	if c.current == nil {
		return c.VirtualClock.Wait(ready, until)
	}
	return c.current.wait(ready, until)
}

// task is a call in progress.
type task struct {
	clk      *taskClock
	control  chan struct{} // the task may go on
	yielded  chan struct{} // the player may go on
	ready    <-chan struct{}
	until    clock.Time
	woken    bool
	finished bool
	at       clock.Time // when it finished
}

// begin runs fn as far as it goes.
func (c *taskClock) begin(fn func()) *task {
	t := &task{clk: c, control: make(chan struct{}), yielded: make(chan struct{})}
	go func() {
		<-t.control
		fn()
		t.finished, t.at = true, c.Now()
		t.yielded <- struct{}{}
	}()
	t.resume()
	return t
}

// resume lets the task run until it waits or ends.
func (t *task) resume() {
	t.clk.current = t
	t.control <- struct{}{}
	<-t.yielded
	t.clk.current = nil
}

// wait runs in the task.
func (t *task) wait(ready <-chan struct{}, until clock.Time) bool {
	select {
	case <-ready:
		return true
	default:
	}
	t.ready, t.until, t.woken = ready, until, false
	t.yielded <- struct{}{}
	<-t.control
	return t.woken
}

// poll resumes the task if what it waits for has come, and reports whether it
// ran.
func (t *task) poll() bool {
	if t.finished {
		return false
	}
	select {
	case <-t.ready:
		t.woken = true
	default:
		if t.until == 0 || t.clk.Now() < t.until {
			return false
		}
	}
	t.resume()
	return true
}

// driveTo runs the stack, and the task if there is one, up to and including
// the instant end, or until stop reports true.
func (c *taskClock) driveTo(end clock.Time, t *task, stop func() bool) {
	for !stop() {
		if t != nil && t.poll() {
			continue
		}
		next, any := c.Next()
		if t != nil && !t.finished && t.until != 0 && (!any || t.until < next) {
			next, any = t.until, true
			if next <= end {
				c.Run(max(next.Sub(c.Now()), 0))
				continue
			}
		}
		if !any || next > end {
			c.Run(max(end.Sub(c.Now()), 0))
			if t == nil || !t.poll() {
				return
			}
			continue
		}
		c.Step()
	}
}

func never() bool { return false }

// settle runs what is due at this instant.
func (c *taskClock) settle(t *task) { c.driveTo(c.Now(), t, never) }

// microseconds converts for messages.
func inSeconds(d time.Duration) string {
	return time.Duration.Round(d, time.Microsecond).String()
}
