package netdev

import (
	"runtime"
	"runtime/metrics"
)

// Giving way. A batch that woke a reader has made a goroutine runnable, on the
// very core that runs the device's goroutine. Were this one to go to sleep in
// the kernel now, the reader would have to wait for another thread to wake and
// fetch it, which takes longer than all the work of a small answer. So the
// device's goroutine steps behind those that wait for a core, and only then
// looks for more. Where nobody waits it goes on: stepping back would wake a
// thread for nothing.

// scheduler asks the runtime whether goroutines wait for a core. One goroutine
// at a time may use it.
type scheduler struct {
	samples [2]metrics.Sample
	ready   bool
}

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

// giveWay lets others run that want to.
func (s *scheduler) giveWay() {
	if s.wanted() {
		runtime.Gosched()
	}
}
