package trace

import "strings"

// Selector keeps what the event words of a filter ask for, and, where a filter
// chose packets, drops events that belong to none of them. It remembers the
// packets and sockets that it has seen.
type Selector struct {
	filter  *Filter
	packets map[uint64]bool
	socks   map[uint32]bool
}

// NewSelector returns a selector for a filter.
func NewSelector(f *Filter) *Selector {
	return &Selector{filter: f, packets: map[uint64]bool{}, socks: map[uint32]bool{}}
}

// Keep returns the entries that are asked for: whole ways of packets, and
// events without a packet.
func (s *Selector) Keep(entries []Entry) []Entry {
	if s.all() {
		return entries
	}
	wanted := s.wanted(entries)
	var kept []Entry
	for i := range entries {
		if e := &entries[i]; s.keeps(e, wanted) {
			s.remember(e)
			kept = append(kept, *e)
		}
	}
	return kept
}

// all reports whether nothing is left out.
func (s *Selector) all() bool {
	return s.filter.Packet == nil && s.filter.Sock == 0 && s.filter.Why == ""
}

// wanted are the packets of which one entry is asked for.
func (s *Selector) wanted(entries []Entry) map[uint64]bool {
	wanted := map[uint64]bool{}
	for i := range entries {
		e := &entries[i]
		if e.Packet != 0 && s.matches(e) {
			wanted[e.Packet] = true
		}
	}
	return wanted
}

// keeps decides by the packet; without one, by the packet that caused the
// event or the socket that it is about.
func (s *Selector) keeps(e *Entry, wanted map[uint64]bool) bool {
	switch {
	case e.Packet != 0:
		return wanted[e.Packet] || s.packets[e.Packet]
	case !s.matches(e):
		return false
	}
	return s.filter.Packet == nil || s.packets[e.Cause] || wanted[e.Cause] || s.socks[e.Sock]
}

// rememberedSelections bounds the memory of a long trace.
const rememberedSelections = 1 << 16

func (s *Selector) remember(e *Entry) {
	if len(s.packets) > rememberedSelections {
		clear(s.packets)
	}
	if e.Packet != 0 {
		s.packets[e.Packet] = true
	}
	if e.Sock != 0 {
		s.socks[e.Sock] = true
	}
}

// matches applies sock= and why= to one entry.
func (s *Selector) matches(e *Entry) bool {
	f := s.filter
	if f.Sock != 0 && e.Sock != f.Sock {
		return false
	}
	if f.Why == "" {
		return true
	}
	for _, has := range []string{e.Reason, e.Args.Get("why"), e.Args.Get("verdict"), e.Args.Get("which")} {
		if strings.EqualFold(has, f.Why) {
			return true
		}
	}
	return false
}

// KeepSteps is Keep for the steps of a probe.
func (s *Selector) KeepSteps(steps []Step) []Step {
	if s.all() {
		return steps
	}
	entries := make([]Entry, len(steps))
	for i := range steps {
		entries[i] = steps[i].Entry
	}
	wanted := s.wanted(entries)
	var kept []Step
	for i := range steps {
		if e := &steps[i].Entry; s.keeps(e, wanted) {
			s.remember(e)
			kept = append(kept, steps[i])
		}
	}
	return kept
}
