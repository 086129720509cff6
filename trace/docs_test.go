package trace

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
)

// The documents that are written from the tables in the code.

const generated = "<!-- Written by go generate ./trace from the tables in the code. Do not edit. -->\n\n"

func TestGeneratedDocsAreCurrent(t *testing.T) {
	for name, text := range map[string]string{"events.md": eventsDoc(), "drops.md": dropsDoc(), "counters.md": countersDoc()} {
		sameFile(t, filepath.Join("..", "docs", name), generated+text)
	}
}

func eventsDoc() string {
	var b strings.Builder
	b.WriteString("# Events\n\nWhat `ministack trace` can show. The arguments are named in their order; `ports` are source and destination, " +
		"`local.peer` the ports of a connection. An event marked with * is kept by the flight recorder as well, which is always on and which `ministack why` reads.\n")
	for l := range numLayers {
		fmt.Fprintf(&b, "\n## %s\n\n| event | arguments | corresponds to |\n|---|---|---|\n", l)
		for ev := range NumEvents {
			info := ev.Describe()
			if info.Layer != l {
				continue
			}
			star := ""
			if info.Slow() {
				star = " *"
			}
			fmt.Fprintf(&b, "| `%s`%s | %s | %s |\n", ev, star, info.Fields, info.Ref)
		}
	}
	return b.String()
}

func dropsDoc() string {
	var b strings.Builder
	b.WriteString("# Drop reasons\n\nEvery packet that dies before its reader has one of these; there is no catch-all. Each counts under its own name, " +
		"which `ministack stats` shows in group Drop, and under Linux's counters where Linux has one.\n\n| reason | what happened | counters | see |\n|---|---|---|---|\n")
	for r := skb.NotDropped + 1; r < skb.NumReasons; r++ {
		var mibs []string
		for _, id := range stat.MIBs(r) {
			mibs = append(mibs, id.String())
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r, r.Text(), strings.Join(mibs, " "), dropRefs[r])
	}
	return b.String()
}

func countersDoc() string {
	reasons := map[stat.ID][]string{}
	for r := range skb.NumReasons {
		for _, id := range stat.MIBs(r) {
			reasons[id] = append(reasons[id], "`"+r.String()+"`")
		}
	}
	var b strings.Builder
	b.WriteString("# Counters\n\nThe names are those of nstat(8) and /proc/net/snmp; groups Arp, Dev and Drop are ours. " +
		"A counter with reasons beside it counts, among others, the packets that died of them.\n")
	group := ""
	for id := stat.ID(0); int(id) < stat.Count; id++ {
		if id == stat.OfReason(skb.NotDropped) {
			continue
		}
		if id.Group() != group {
			group = id.Group()
			fmt.Fprintf(&b, "\n## %s\n\n| counter | drop reasons |\n|---|---|\n", group)
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", id, strings.Join(reasons[id], " "))
	}
	return b.String()
}

func TestEveryEventIsDescribed(t *testing.T) {
	seen := map[string]Event{}
	for ev := range NumEvents {
		info := ev.Describe()
		require.NotEmpty(t, info.Name, "event %d", ev)
		require.NotEmpty(t, info.Ref, "%s", ev)
		require.LessOrEqual(t, len(strings.Fields(info.Fields)), len(Record{}.Args), "%s", ev)
		other, twice := seen[ev.String()]
		require.False(t, twice, "%d and %d are both called %s", ev, other, ev)
		seen[ev.String()] = ev
	}
}

func TestEveryDropReasonHasAName(t *testing.T) {
	seen := map[string]bool{}
	for r := range skb.NumReasons {
		require.NotEmpty(t, r.String(), "reason %d", r)
		require.NotEmpty(t, r.Text(), "%s", r)
		require.False(t, seen[r.String()], "%s twice", r)
		seen[r.String()] = true
	}
}
