package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slankdev/ministack/control"
	"github.com/slankdev/ministack/trace"
)

type traceFlags struct {
	stackFlags
	source, json, coarse, flight bool
	count                        int
}

func newTrace(a *app) *cobra.Command {
	f := &traceFlags{}
	cmd := &cobra.Command{
		Use:   "trace [flags] [FILTER]",
		Short: "Show the way of packets through a stack",
		Long: `trace shows each packet that FILTER lets through with its way through the layers,
what it was dropped for and what the stack did because of it, until it is
interrupted. FILTER is in the words of tcpdump for packets (host, net, port,
portrange, proto, src, dst, ip, arp, tcp, udp, icmp, and, or, not), and has words
of its own for events:

  ev=tcp.rtx,drop   these events only, or all of a layer: ev=neigh
  sock=7            what concerns socket #7, as ss numbers it
  why=rto           what happened for that reason

docs/events.md lists the events, docs/drops.md the reasons of drops.`,
		Example: `  ministack trace --src tcp port 81
  ministack trace -c 10 icmp and host 10.9.0.1
  ministack trace ev=drop
  ministack trace --json sock=7`,
		RunE: func(_ *cobra.Command, args []string) error { return a.trace(f, strings.Join(args, " ")) },
	}
	f.addToolFlags(cmd)
	fs := cmd.Flags()
	fs.SetInterspersed(false) // what follows the first word is the filter
	fs.BoolVar(&f.source, "src", false, "show source line and RFC of each step")
	fs.BoolVarP(&f.json, "json", "j", false, "print an event a line, in JSON")
	fs.BoolVar(&f.coarse, "coarse", false, "read the clock once a packet instead of at each event")
	fs.BoolVar(&f.flight, "flight", false, "show what the flight recorder has, and end")
	fs.IntVarP(&f.count, "count", "c", 0, "end after so many packets")
	return cmd
}

var errEnough = errors.New("enough")

func (a *app) trace(f *traceFlags, filter string) error {
	if _, err := trace.ParseFilter(filter); err != nil {
		return usage("%v", err)
	}
	c, done, err := a.connect(&f.stackFlags)
	if err != nil {
		return err
	}
	defer done()
	t := &traceReport{a: a, f: f, seen: map[uint64]bool{}}
	t.printer = trace.Printer{W: a.out, Source: f.source}
	err = c.Trace(a.ctx, control.TraceRequest{Filter: filter, Coarse: f.coarse, Flight: f.flight}, t.batch)
	if errors.Is(err, errEnough) {
		err = nil
	}
	if err == nil {
		fmt.Fprintf(a.err, "%d packets, %d events lost by the trace\n", t.packets, t.lost)
	}
	return err
}

// traceReport prints a trace.
type traceReport struct {
	a       *app
	f       *traceFlags
	printer trace.Printer
	packets int
	lost    uint64
	seen    map[uint64]bool
}

func (t *traceReport) batch(b control.TraceBatch) error {
	t.lost += b.Lost
	t.printer.Wall = wallClock(b.Now, b.Wall)
	if len(b.Devs) > 2 { // more than loopback and one
		t.printer.Device = func(i int) string { return b.Devs[i] }
	}
	entries := t.limit(b.Entries)
	if t.f.json {
		if err := t.json(entries); err != nil {
			return err
		}
	} else if _, err := t.printer.Print(entries); err != nil {
		return err
	}
	if t.f.count > 0 && t.packets >= t.f.count {
		return errEnough
	}
	return nil
}

// limit counts packets, and leaves out those that come after the last one that
// is wanted.
func (t *traceReport) limit(entries []trace.Entry) []trace.Entry {
	kept := entries[:0]
	for _, e := range entries {
		if e.Packet != 0 && !t.seen[e.Packet] {
			if t.f.count > 0 && t.packets == t.f.count {
				continue
			}
			if len(t.seen) > 1<<16 {
				clear(t.seen) // a packet that comes again after so many counts twice
			}
			t.packets++
			t.seen[e.Packet] = true
		}
		kept = append(kept, e)
	}
	return kept
}

func (t *traceReport) json(entries []trace.Entry) error {
	e := json.NewEncoder(t.a.out)
	for i := range entries {
		if err := e.Encode(&entries[i]); err != nil {
			return err
		}
	}
	return nil
}
