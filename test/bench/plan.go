package main

import (
	"time"

	"github.com/slankdev/ministack/test/bench/link"
	"github.com/slankdev/ministack/test/bench/work"
)

// pair is a work on a link.
type pair struct {
	link link.Spec
	work work.Work
}

// row of a plan: each of the works on each of the links, as the command line
// has them.
type row struct{ links, works string }

// full is what docs/performance.md is made of.
var full = []row{
	{"tap-vnet", "bulk-?x,bulk-?x-copy,bulk-?x-8,bulk-?x-64,pingpong*,ping,crc-*,http-*,udp-*,idle-*,bulk-?x-100k-idle"},
	{"tap", "bulk-?x,bulk-?x-8,pingpong*,ping,http-small,udp-*,bulk-?x-lossy"},
	{"tap-vnet/9000,tap/9000", "bulk-?x"},
	{"tun-vnet,tun", "bulk-?x,ping"},
	{"packet-gso", "bulk-?x,bulk-?x-8,pingpong*,ping,crc-server,http-*"},
	{"packet", "bulk-?x,pingpong,udp-*,bulk-?x-lossy"},
	{"packet-gso/9000,packet/9000", "bulk-?x"},
	{"pipe-gso,pipe", "bulk-?x,bulk-tx-8,pingpong,crc-client"},
}

// quick is a look at what matters most.
var quick = []row{
	{"tap-vnet", "bulk-?x,bulk-tx-8,pingpong*,ping,crc-server,http-*,udp-*,idle-10k"},
	{"tap,packet-gso", "bulk-?x"},
	{"pipe-gso,pipe", "bulk-tx"},
}

// pairs resolves a plan. What a link cannot do is left out.
func pairs(plan []row) (list []pair, err error) {
	for _, r := range plan {
		links, err := link.Parse(r.links)
		if err != nil {
			return nil, err
		}
		works, err := work.Parse(r.works)
		if err != nil {
			return nil, err
		}
		for _, l := range links {
			for _, w := range works {
				list = append(list, pair{l, w})
			}
		}
	}
	return list, nil
}

// Besides the time that is measured, a measurement takes that long to make its
// link, its processes and its connections, and to end them.
const overhead = 60 * time.Millisecond

// count returns how many measurements there are, and how long they take
// without warm-up and measured time.
func (o *options) count() (n int, besides time.Duration) {
	for _, p := range o.pairs {
		for _, c := range o.subjects {
			if c.can(p.link, p.work) && p.skip() == "" {
				rounds := o.roundsOf(p.work)
				n += rounds
				besides += time.Duration(rounds) * (overhead + p.work.Setup/4 + p.work.Tail + p.work.Least)
			}
		}
	}
	return n, besides
}

// estimate is how long all of it takes.
func (o *options) estimate() time.Duration {
	n, besides := o.count()
	return besides + time.Duration(n)*(o.warmup+o.time)
}

// fit chooses warm-up and time of each measurement so that all of them take
// total.
func (o *options) fit(total time.Duration) {
	n, besides := o.count()
	each := (total - besides) / time.Duration(max(n, 1))
	o.warmup = min(max(each/4, 150*time.Millisecond), 500*time.Millisecond).Truncate(10 * time.Millisecond)
	o.time = max(each-o.warmup, 100*time.Millisecond).Truncate(10 * time.Millisecond)
}

func (o *options) roundsOf(w work.Work) int {
	if w.Rounds > 0 {
		return min(o.rounds, w.Rounds)
	}
	return o.rounds
}

// timeOf is how long a work is measured.
func (o *options) timeOf(w work.Work) time.Duration { return max(o.time, w.Least) }

func (p pair) skip() string {
	if p.work.Skip == nil {
		return ""
	}
	return p.work.Skip(p.link)
}
