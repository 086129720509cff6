package arp

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
)

// Neighbour unreachability detection (RFC 4861 7.3, which Linux applies to ARP
// as well): an entry is believed for a while after it was confirmed, then used
// on trust, then asked again.
//
//	            packet          reply             time
//	NONE ----> INCOMPLETE ----> REACHABLE ----> STALE
//	FAILED <--- 3 requests        ^               | packet
//	  ^                  confirm  |               v
//	  +---- 3 unicasts -- PROBE <-+---- 5 s ---- DELAY

// State is a neighbour's state, with Linux's numbers (NUD_*).
type State uint8

// The states.
const (
	None       State = 0
	Incomplete State = 0x01
	Reachable  State = 0x02
	Stale      State = 0x04
	Delay      State = 0x08
	Probe      State = 0x10
	Failed     State = 0x20
	NoARP      State = 0x40
	Permanent  State = 0x80
)

const (
	connected = Permanent | NoARP | Reachable
	valid     = connected | Probe | Stale | Delay
)

// String returns the name that ip neigh shows.
func (s State) String() string {
	switch s {
	case Incomplete:
		return "INCOMPLETE"
	case Reachable:
		return "REACHABLE"
	case Stale:
		return "STALE"
	case Delay:
		return "DELAY"
	case Probe:
		return "PROBE"
	case Failed:
		return "FAILED"
	case NoARP:
		return "NOARP"
	case Permanent:
		return "PERMANENT"
	}
	return "NONE"
}

// moves are the transitions that there are. A permanent entry stays one until
// it is deleted.
var moves = map[State]State{
	None:       Incomplete | Reachable | Stale | Permanent,
	Incomplete: Reachable | Stale | Failed | Permanent,
	Reachable:  Stale | Delay | Permanent,
	Stale:      Reachable | Delay | Permanent,
	Delay:      Reachable | Stale | Probe | Permanent,
	Probe:      Reachable | Stale | Failed | Permanent,
	Failed:     Incomplete | Reachable | Stale | Permanent,
}

// Allowed reports whether a neighbour may go from one state to the other in
// one step.
func Allowed(from, to State) bool { return moves[from]&to != 0 }

// Why a state changed, for the event neigh.state.
const (
	whyPacket uint32 = iota
	whyHeard
	whyTimer
	whyConfirmed
	whyUser
)

// setState is the only place where a neighbour's state changes. The entry's
// lock is held.
func (e *entry) setState(to State, why uint32) {
	from := e.state
	if from != to && !Allowed(from, to) {
		panic("arp: " + from.String() + " to " + to.String() + " is not in the table of transitions")
	}
	e.state = to
	e.publish()
	if from == to {
		return
	}
	e.updated = e.m.env.Clock.Now()
	if to == Permanent {
		e.m.collectable.Add(-1)
	}
	if tr := e.m.env.Trace; tr.On(trace.NeighState) {
		tr.Event(trace.NeighState, 0, trace.Addr(e.key.ip), uint32(from), uint32(to), why)
	}
}

// publish puts the address where the transmit path finds it without a lock,
// if packets may be sent without further ado.
func (e *entry) publish() {
	if e.state&(connected|Delay|Probe) == 0 {
		e.fast.Store(0)
		return
	}
	e.fast.Store(pack(e.mac))
}

// pack puts an address and a bit that says so into one word.
func pack(m netdev.MACAddr) uint64 {
	return 1<<48 | uint64(m[0])<<40 | uint64(m[1])<<32 | uint64(m[2])<<24 | uint64(m[3])<<16 | uint64(m[4])<<8 | uint64(m[5])
}

func unpack(v uint64) netdev.MACAddr {
	return netdev.MACAddr{byte(v >> 40), byte(v >> 32), byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
}

// todo is what is to be sent when the entry's lock is given up.
type todo struct {
	request bool           // an ARP request,
	unicast bool           // to the address that is known
	mac     netdev.MACAddr // where held packets, or the unicast, go
	cause   uint64         // the packet that the request is for
	send    skb.Queue      // packets that may go now
	fail    skb.Queue      // packets that can not
}

// expire is the entry's timer.
func (e *entry) expire() {
	var do todo
	now := e.m.env.Clock.Now()
	e.mu.Lock()
	if !e.dead {
		e.tick(now, &do)
	}
	e.mu.Unlock()
	e.m.carryOut(e, &do)
	e.m.env.Dev.Flush()
}

// tick does what the time asks for in each state (neigh_timer_handler).
func (e *entry) tick(now clock.Time, do *todo) {
	delay := seconds(e.m.set.delayProbe)
	switch e.state {
	case Reachable:
		e.tickReachable(now, delay)
	case Delay:
		if e.confirmed() != 0 && now <= e.confirmed().Add(delay) {
			e.reach(now, whyConfirmed)
			return
		}
		e.setState(Probe, whyTimer)
		e.probes = 0
		e.tickProbe(now, do)
	case Probe:
		if e.confirmed() > e.asked {
			e.reach(now, whyConfirmed)
			return
		}
		e.tickProbe(now, do)
	case Incomplete:
		e.tickProbe(now, do)
	}
}

// tickReachable: the confirmation is old; is the entry in use?
func (e *entry) tickReachable(now clock.Time, delay time.Duration) {
	if end := e.confirmed().Add(e.trust); now < end {
		e.timer.Reset(end)
		return
	}
	if now <= clock.Time(e.used.Load()).Add(delay) {
		e.setState(Delay, whyTimer)
		e.timer.Reset(now.Add(delay))
		return
	}
	e.setState(Stale, whyTimer)
}

// tickProbe asks once more, or gives up.
func (e *entry) tickProbe(now clock.Time, do *todo) {
	limit := e.m.set.multicastProbes.Get()
	if e.state == Probe {
		limit = e.m.set.unicastProbes.Get()
	}
	if e.probes >= limit {
		e.failed(do)
		return
	}
	e.probes++
	e.asked = now
	do.request, do.unicast, do.mac = true, e.state == Probe, e.mac
	if b := e.held.Peek(); b != nil {
		do.cause = b.ID
	}
	e.timer.Reset(now.Add(milliseconds(e.m.set.retransTime)))
}

// failed gives up what waits for the address (neigh_invalidate).
func (e *entry) failed(do *todo) {
	n := e.held.Len()
	e.setState(Failed, whyTimer)
	e.m.env.Trace.Slow(trace.NeighFail, 0, 0, [4]uint32{trace.Addr(e.key.ip), uint32(n)})
	do.fail.Splice(&e.held)
	e.heldBytes = 0
}

// reach enters REACHABLE.
func (e *entry) reach(now clock.Time, why uint32) {
	e.confirmedAt.Store(int64(now))
	e.trust = e.m.reachable()
	e.setState(Reachable, why)
	e.timer.Reset(now.Add(e.trust))
}

// heard takes what an ARP packet said of the neighbour (neigh_update): its
// address, and whether that confirms that it can be reached. override lets a
// new address replace one that is still believed.
func (e *entry) heard(now clock.Time, mac netdev.MACAddr, to State, override bool, do *todo) {
	if e.state == Permanent || e.dead {
		return
	}
	had := e.state&valid != 0
	changed := !had || e.mac != mac
	switch {
	case had && changed && !override:
		return
	case had && !changed && to == Stale:
		return // nothing new
	}
	if changed {
		e.updated = now
	}
	e.mac = mac
	if to == Reachable {
		e.reach(now, whyHeard)
	} else {
		e.setState(to, whyHeard)
	}
	if !had {
		e.release(do)
	}
}
