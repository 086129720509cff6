package inet

import (
	"sync/atomic"
	"syscall"
	"time"

	"github.com/slankdev/ministack/clock"
)

// Deadline bounds the blocking calls of one direction of a socket. Moving it
// takes effect on calls that sleep already, if the socket is woken.
type Deadline struct{ at atomic.Int64 }

// Set moves the deadline; the zero Time removes it.
func (d *Deadline) Set(at clock.Time) { d.at.Store(int64(at)) }

// Get returns the deadline, zero if there is none.
func (d *Deadline) Get() clock.Time { return clock.Time(d.at.Load()) }

// Passed reports whether there is a deadline and the clock has reached it.
func (d *Deadline) Passed(c clock.Clock) bool {
	at := d.Get()
	return at != 0 && at <= c.Now()
}

// Patience says how long a call may sleep.
type Patience struct {
	NonBlock bool
	Timeout  time.Duration                 // SO_RCVTIMEO or SO_SNDTIMEO, 0: none
	Deadline interface{ Get() clock.Time } // may be nil; it may move while a call sleeps

	until clock.Time
}

// Sleep waits for one of the events as Block does. It returns EAGAIN when the
// patience is at its end; the caller then returns what it has.
func (s *Sock) Sleep(events Ready, p *Patience) error { return s.SleepUntil(events, p, 0) }

// SleepUntil is Sleep for a caller who looks again at a time of his own, 0 for
// never, whether an event came or not.
func (s *Sock) SleepUntil(events Ready, p *Patience, look clock.Time) error {
	until, err := s.patienceEnds(p)
	if err != nil {
		return err
	}
	if look != 0 && (until == 0 || look < until) {
		until = look
	}
	s.Block(events, until)
	return nil
}

// patienceEnds is the time until which to sleep, 0 for no limit. Error: EAGAIN.
func (s *Sock) patienceEnds(p *Patience) (clock.Time, error) {
	if p.NonBlock {
		return 0, syscall.EAGAIN
	}
	if p.Timeout > 0 && p.until == 0 {
		p.until = s.env.Clock.Now().Add(p.Timeout)
	}
	until := p.until
	if p.Deadline != nil {
		if d := p.Deadline.Get(); d != 0 && (until == 0 || d < until) {
			until = d
		}
	}
	if until != 0 && until <= s.env.Clock.Now() {
		return 0, syscall.EAGAIN
	}
	return until, nil
}
