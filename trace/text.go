package trace

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	"github.com/slankdev/ministack/clock"
)

// Printer shows events as people read them: a line for each packet, under it
// its way through the layers; what happened without a packet stands in the way
// of the packet that caused it, or in a line of its own.
type Printer struct {
	W      io.Writer
	Source bool                   // show the source line and the RFC of each step
	Device func(index int) string // names devices; nil: they are not shown
	Wall   func(clock.Time) time.Time

	begun map[uint64]begun
	order []uint64
}

// begun is what later lines need of a packet that was shown.
type begun struct {
	at     clock.Time
	reason string
}

// rememberedPackets bounds how many packets a Printer knows again.
const rememberedPackets = 4096

// group is what belongs together: a packet's steps, or one event without a
// packet.
type group struct {
	packet  uint64
	entries []Entry
}

// Print shows entries, in the order of the packets' first events, and returns
// how many packets it began.
func (p *Printer) Print(entries []Entry) (packets int, err error) {
	groups := groupEntries(entries, p.knows)
	fresh := make([]bool, len(groups))
	for i, g := range groups {
		fresh[i] = p.remember(g)
	}
	for i, g := range groups {
		if g.packet != 0 && fresh[i] {
			packets++
		}
		if _, err := io.WriteString(p.W, p.group(g, fresh[i])); err != nil {
			return packets, err
		}
	}
	return packets, nil
}

func (p *Printer) knows(packet uint64) bool {
	_, ok := p.begun[packet]
	return ok
}

// remember notes a packet, and reports whether it is a new one.
func (p *Printer) remember(g *group) bool {
	if g.packet == 0 {
		return true
	}
	if p.begun == nil {
		p.begun = map[uint64]begun{}
	}
	b, known := p.begun[g.packet]
	if !known {
		b.at = g.entries[0].Time
		p.order = append(p.order, g.packet)
	}
	for i := range g.entries {
		if r := g.entries[i].Reason; r != "" {
			b.reason = r
		}
	}
	p.begun[g.packet] = b
	if len(p.order) > rememberedPackets {
		delete(p.begun, p.order[0])
		p.order = p.order[1:]
	}
	return !known
}

// groupEntries gathers the steps of each packet. An event without a packet
// goes to the one that caused it if that is among them, or shown already.
func groupEntries(entries []Entry, shown func(uint64) bool) []*group {
	here := map[uint64]bool{}
	for i := range entries {
		here[entries[i].Packet] = true
	}
	var groups []*group
	byPacket := map[uint64]*group{}
	for _, e := range entries {
		id := e.Packet
		if id == 0 && e.Cause != 0 && (here[e.Cause] || shown(e.Cause)) {
			id = e.Cause
		}
		g := byPacket[id]
		if g == nil || id == 0 {
			g = &group{packet: id}
			byPacket[id] = g
			groups = append(groups, g)
		}
		g.entries = append(g.entries, e)
	}
	for _, g := range groups {
		sort.SliceStable(g.entries, func(i, j int) bool { return g.entries[i].Time < g.entries[j].Time })
	}
	sort.SliceStable(groups, func(i, j int) bool { return groups[i].entries[0].Time < groups[j].entries[0].Time })
	return groups
}

func (p *Printer) group(g *group, fresh bool) string {
	var b strings.Builder
	if g.packet == 0 {
		p.lone(&b, &g.entries[0])
		return b.String()
	}
	if fresh {
		fmt.Fprintf(&b, "%s%s\n", headline(g), p.because(g))
	} else {
		fmt.Fprintf(&b, "pkt %d ...\n", g.packet)
	}
	p.steps(&b, g)
	return b.String()
}

// steps are the lines under a headline, with the time since the first of them.
func (p *Printer) steps(b *strings.Builder, g *group) {
	start, last := p.begun[g.packet].at, g.entries[len(g.entries)-1].Time
	since := func(t clock.Time) string { return fmt.Sprintf("+%.1f", float64(t.Sub(start))/1e3) }
	width := max(len("+0.0us"), len(since(last)))
	for i := range g.entries {
		e := &g.entries[i]
		when := since(e.Time)
		if i == 0 {
			when += "us"
		}
		p.step(b, fmt.Sprintf("%-*s", width, when), e)
	}
}

// because names what made the stack send the packet.
func (p *Printer) because(g *group) string {
	for i := range g.entries {
		cause := g.entries[i].Cause
		if cause == 0 || cause == g.packet {
			continue
		}
		s := fmt.Sprintf(" cause=pkt %d", cause)
		if r := p.begun[cause].reason; r != "" {
			s += " " + r
		}
		return s
	}
	return ""
}

// lone shows an event that belongs to no packet in sight.
func (p *Printer) lone(b *strings.Builder, e *Entry) {
	when := fmt.Sprintf("%.6f", float64(e.Time)/1e9)
	if p.Wall != nil {
		when = p.Wall(e.Time).Format("15:04:05.000000")
	}
	fmt.Fprintf(b, "%s ", when)
	p.step(b, "", e)
}

// step is one line: when, the event, its arguments, where in the source and
// where in the RFCs.
func (p *Printer) step(b *strings.Builder, when string, e *Entry) {
	if when != "" {
		fmt.Fprintf(b, "  %s ", when)
	}
	line := fmt.Sprintf("%-12s %s", e.Event, p.detail(e))
	if p.Source {
		ref := ""
		if strings.HasPrefix(e.Ref, "RFC ") {
			ref = e.Ref
		}
		line = fmt.Sprintf("%-36s %-23s %s", line, e.Site, ref)
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}
