package netdev

import (
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/slankdev/ministack/clock"
)

// Giving way. A batch that woke a reader has made a goroutine runnable, on the
// very core that runs the device's goroutine. Were this one to go to sleep in
// the kernel now, the reader would have to wait for another thread to wake and
// fetch it, which takes longer than all the work of a small answer. So the
// device's goroutine steps behind those that wait for a core, and only then
// looks for more. Where nobody waits it goes on: stepping back would wake a
// thread for nothing.
//
// Who steps back joins the runtime's global queue, at which a core with
// goroutines of its own looks once in 61 times. Where many send, the device's
// goroutine would come back after tens of milliseconds, again and again, and
// the acknowledgements that all of them wait for would be lost in an overflowing
// queue. So one that had to wait long has its turn for as long: half of a core is
// the device's if there is so much to do (ksoftirqd has as much against one busy
// thread).

// scheduler asks the runtime whether goroutines wait for a core. One goroutine
// at a time may use it.
type scheduler struct {
	samples [2]metrics.Sample
	ready   bool
	turn    clock.Time // until when the core is its own
}

// longWait is what is made good. Less is a reader's work, or a writer's.
const longWait = time.Millisecond

func (s *scheduler) init() {
	s.samples[0].Name = "/sched/goroutines/runnable:goroutines"
	s.samples[1].Name = "/sched/goroutines/running:goroutines"
	s.ready = true
}

// wanted reports whether somebody waits for a core, or may without our knowing:
// where all cores are busy nobody looks after timers and the network.
func (s *scheduler) wanted() bool {
	if !s.ready {
		s.init()
	}
	metrics.Read(s.samples[:])
	runnable, running := s.samples[0].Value.Uint64(), s.samples[1].Value.Uint64()
	return runnable > 0 || running >= uint64(runtime.GOMAXPROCS(0))
}

// giveWay lets others run that want to, but after a long wait.
func (s *scheduler) giveWay(c clock.Clock) {
	before := c.Now()
	if s.hasTurn(before) || !s.wanted() {
		return
	}
	runtime.Gosched()
	s.waited(before, c.Now())
}

func (s *scheduler) hasTurn(now clock.Time) bool { return now < s.turn }

func (s *scheduler) waited(from, to clock.Time) {
	if took := to.Sub(from); took > longWait {
		s.turn = to.Add(took)
	}
}
