package iperf3

import (
	"time"

	"github.com/slankdev/ministack/clock"
)

// maxBurst is how many blocks leave together at most.
const maxBurst = 1000

// pacer holds a stream to a rate, on the average since it began: what was not
// sent while the stream waited for the network is made up for. It looks at the
// time once a tick, so that a high rate does not mean a wake-up a block.
type pacer struct {
	rate  float64 // bytes a second, 0: no bound
	block int
	burst int // blocks that leave together
	tick  time.Duration
	start clock.Time
	sent  int64 // bytes
}

// The tick where the client names none, and its bounds.
const (
	usualTick = time.Millisecond
	longTick  = time.Second
)

func newPacer(p *params, start clock.Time) pacer {
	tick := time.Duration(p.PacingTimer * float64(time.Microsecond))
	if tick <= 0 {
		tick = usualTick
	}
	return pacer{rate: p.Bandwidth / 8, block: p.Len, burst: max(p.Burst, 1), tick: min(tick, longTick), start: start}
}

// due returns how many blocks may leave now, or else how long to wait. A block
// may leave as long as what left before is within the rate.
func (p *pacer) due(now clock.Time) (blocks int, wait time.Duration) {
	if p.rate == 0 {
		return maxBurst, 0
	}
	ahead := float64(p.sent) - p.rate*now.Sub(p.start).Seconds() // bytes
	if ahead > 0 {
		wait = time.Duration(min(ahead/p.rate, longTick.Seconds()) * float64(time.Second))
		return 0, max(wait, p.tick)
	}
	bursts := 1 + int(min(-ahead/float64(p.block*p.burst), maxBurst))
	return min(bursts*p.burst, maxBurst), 0
}
