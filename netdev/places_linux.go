package netdev

import (
	"golang.org/x/sys/unix"

	"github.com/slankdev/ministack/skb"
)

// places are where the frames land that are read by one call. Each that stands
// ready costs 66 KB; so as many are asked for as there were frames the last time,
// and one more, or twice as many where all were there.
type places struct {
	land  []landing
	least int  // are asked for
	meta  bool // comes before the frame
	want  int
	ready int // at most so many, the first ones, hold storage
}

func newPlaces(n, least int, meta, bare bool) places {
	p := places{land: make([]landing, n), least: least, meta: meta}
	for i := range p.land {
		p.land[i].bare = bare
	}
	return p
}

// ask returns for how many frames to ask, most at most.
func (p *places) ask(most int) int { return min(max(p.want, p.least), most, len(p.land)) }

// got notes how many of the frames that were asked for were there. It reports
// whether all were: then there may be more.
func (p *places) got(n, asked int) bool {
	if n < asked {
		p.want = n + 1
		return false
	}
	p.want = 2 * asked
	return true
}

// at makes place i ready.
func (p *places) at(i int, pool *skb.Pool) []unix.Iovec {
	p.ready = max(p.ready, i+1)
	return p.land[i].ready(pool, p.meta)
}

// frame is what landed at i, n bytes; nil where it had to be dropped.
func (p *places) frame(i int, pool *skb.Pool, n int) *skb.Buffer {
	if p.meta {
		return p.land[i].takeDescribed(pool, n)
	}
	return p.land[i].take(pool, n)
}

// spare reports whether more stand ready than the next call will ask for, and
// trim gives these back.
func (p *places) spare() bool { return p.ready > p.ask(len(p.land)) }

func (p *places) trim() { p.keep(p.ask(len(p.land))) }

func (p *places) release() { p.keep(0) }

func (p *places) keep(n int) {
	for ; p.ready > n; p.ready-- {
		p.land[p.ready-1].release()
	}
}
