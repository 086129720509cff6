package netdev

import (
	"time"

	"github.com/slankdev/ministack/clock"
)

// pace learns whether to poll a device pays. The idea is that of the kernel's
// haltpoll governor (drivers/cpuidle/governors/haltpoll.c): a pause that ended
// soon after we went to sleep should have been polled through, and one that
// outlasts all polling should not be polled at all. So polling goes on while
// more than half of the last pauses, eight or so, were short.
//
// And it ceases where the core is wanted. A yield that takes longer than
// coreWanted was not for nothing: another thread was there, or the core itself
// was away. What that took is noted, and forgotten at a rate of 1/lostDecay of
// the time that passes. Beyond lostAllowed we keep off until all is forgotten:
// who sleeps is served sooner by the machine's scheduler than who spins.
type pace struct {
	short  int        // share of short pauses, exponentially weighted, in 1/1024
	empty  clock.Time // since when nothing comes, 0: something does
	polled bool       // all that time
	lost   time.Duration
	since  clock.Time // when lost was brought up to date
	off    bool
}

const (
	coreWanted  = 500 * time.Microsecond
	lostAllowed = 2 * time.Millisecond
	lostMost    = 8 * time.Millisecond
	lostDecay   = 32
)

// goOn reports whether to look again, at now, when nothing was there; polling
// lasts most at most.
func (p *pace) goOn(now clock.Time, most time.Duration) bool {
	if p.empty == 0 {
		p.empty, p.polled = now, true
	}
	p.polled = p.polled && p.pays() && now.Sub(p.empty) < most && !p.keepOff(now)
	return p.polled
}

func (p *pace) pays() bool { return p.short > 512 }

// ended notes that frames came, and reports whether polling found them.
func (p *pace) ended(now clock.Time, most time.Duration) bool {
	if p.empty == 0 {
		return false
	}
	if now.Sub(p.empty) <= most {
		p.short += (1024 - p.short + 7) / 8
	} else {
		p.short -= p.short / 8
	}
	p.empty = 0
	return p.polled
}

// yielded notes how long others had the core.
func (p *pace) yielded(from, to clock.Time) {
	if took := to.Sub(from); took > coreWanted {
		p.forget(from)
		p.lost = min(p.lost+took, lostMost)
		p.since = to
	}
}

// keepOff reports whether the core is left to others.
func (p *pace) keepOff(now clock.Time) bool {
	p.forget(now)
	p.off = p.lost > lostAllowed || p.off && p.lost > 0
	return p.off
}

func (p *pace) forget(now clock.Time) {
	p.lost = max(p.lost-now.Sub(p.since)/lostDecay, 0)
	p.since = now
}
