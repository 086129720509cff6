package rtx

import (
	"time"

	"github.com/slankdev/ministack/clock"
)

// history is what a sender remembers of losses, and of what it took for losses.
// Most connections end without any, so it is allocated with the first one.
type history struct {
	counters     Counters
	told         Counters // what TakeCounters has told of them
	retrans      uint32   // segments retransmitted
	dsackDups    uint32   // segments reported as duplicates
	bytesRetrans uint64
	rto          rtoHistory
	probe        mtuProbe
}

// past returns the history, to be changed.
func (s *Sender) past() *history {
	if s.history == nil {
		s.history = new(history)
	}
	return s.history
}

// retransmitted returns how many segments were.
func (s *Sender) retransmitted() uint32 {
	if s.history == nil {
		return 0
	}
	return s.history.retrans
}

// TakeCounters returns how often which rare event happened, now and when it was
// called last; false if nothing has happened since.
func (s *Sender) TakeCounters() (now, before Counters, any bool) {
	if s.CC.Hystart != nil {
		s.past().counters.Hystart = *s.CC.Hystart
	}
	h := s.history
	if h == nil || h.counters == h.told {
		return now, before, false
	}
	before, h.told = h.told, h.counters
	return h.counters, before, true
}

// rtoHistory counts timeouts (tcpi_total_rto and its kind).
type rtoHistory struct {
	total    int           // timeouts, ever
	episodes int           // runs of timeouts, ever
	began    clock.Time    // of the run that lasts
	time     time.Duration // total time of these runs
}

func (r *rtoHistory) count(now clock.Time, first bool) {
	if first {
		r.episodes++
		r.began = now
	}
	r.total++
}

// recovered ends a run of timeouts.
func (s *Sender) recovered() {
	if s.history == nil || s.history.rto.began == 0 {
		return
	}
	r := &s.history.rto
	r.time += s.CC.Now.Sub(r.began)
	r.began = 0
}

// totalTime includes a run that lasts.
func (r *rtoHistory) totalTime(now clock.Time) time.Duration {
	if r.began == 0 {
		return r.time
	}
	return r.time + now.Sub(r.began)
}
