package icmp

import (
	"net/netip"
	"sync"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/stat"
)

// Rate limits (RFC 1812 4.3.2.8, B36): one bucket for the stack, which fills by
// icmp_msgs_per_sec up to icmp_msgs_burst, and one for each target, which
// fills by one each icmp_ratelimit milliseconds, up to six.

const (
	targetBurst = 6
	// maxTargets bounds the memory; beyond it the buckets that are full are
	// forgotten, which changes nothing.
	maxTargets = 4096
)

type limits struct {
	mu      sync.Mutex
	credit  int
	stamp   clock.Time
	targets map[netip.Addr]*target
}

type target struct {
	tokens time.Duration
	last   clock.Time
}

func (l *limits) init() { l.targets = map[netip.Addr]*target{} }

// allow takes one message to dst from both buckets, if both have one.
func (l *limits) allow(m *Module, dst netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := m.env.Clock.Now()
	if !l.global(m, now) {
		m.env.Stat.Inc(stat.IcmpOutRateLimitGlobal)
		return false
	}
	if !l.host(now, dst, time.Duration(m.set.ratelimit.Get())*time.Millisecond) {
		m.env.Stat.Inc(stat.IcmpOutRateLimitHost)
		return false
	}
	l.credit--
	return true
}

func (l *limits) global(m *Module, now clock.Time) bool {
	burst := m.set.msgsBurst.Get()
	if l.stamp == 0 {
		l.credit, l.stamp = burst, now
	}
	if n := int(min(now.Sub(l.stamp), time.Second) * time.Duration(m.set.msgsPerSec.Get()) / time.Second); n > 0 {
		l.credit, l.stamp = min(l.credit+n, burst), now
	}
	return l.credit > 0
}

func (l *limits) host(now clock.Time, dst netip.Addr, gap time.Duration) bool {
	if gap == 0 {
		return true
	}
	t := l.targets[dst]
	if t == nil {
		l.forget(now, gap)
		t = &target{tokens: targetBurst * gap, last: now}
		l.targets[dst] = t
	}
	t.tokens = min(t.tokens+now.Sub(t.last), targetBurst*gap)
	t.last = now
	if t.tokens < gap {
		return false
	}
	t.tokens -= gap
	return true
}

func (l *limits) forget(now clock.Time, gap time.Duration) {
	if len(l.targets) < maxTargets {
		return
	}
	for a, t := range l.targets {
		if t.tokens+now.Sub(t.last) >= targetBurst*gap {
			delete(l.targets, a)
		}
	}
	if len(l.targets) >= maxTargets {
		clear(l.targets)
	}
}
