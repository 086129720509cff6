package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slankdev/ministack/control"
	"github.com/slankdev/ministack/trace"
)

type probeFlags struct {
	stackFlags
	json, all bool
	packages  []string
}

func newProbe(a *app) *cobra.Command {
	f := &probeFlags{}
	cmd := &cobra.Command{
		Use:   "probe [flags] [FILTER]",
		Short: "Show the functions that calls and packets pass",
		Long: `probe shows, until it is interrupted, which functions of the stack are passed by
socket calls, by packets and by timers: entered and left, indented by depth, with
the events between them. The number in brackets is the goroutine's. Times are
microseconds since it entered the outermost function; a function that was left
between two events has no time there.

FILTER is that of trace. No function can be hidden from it: the stack of calls is
taken at each event, whoever is on it.`,
		Example: `  ministack probe
  ministack probe icmp
  ministack probe -p tcp tcp port 80
  ministack probe -a ev=raw,ipv4,link`,
		RunE: func(_ *cobra.Command, args []string) error { return a.probe(f, strings.Join(args, " ")) },
	}
	f.addToolFlags(cmd)
	fs := cmd.Flags()
	fs.SetInterspersed(false) // what follows the first word is the filter
	fs.BoolVarP(&f.all, "all", "a", false, "functions of all packages")
	fs.StringSliceVarP(&f.packages, "packages", "p", []string{"socket", "raw", "packet", "udp", "tcp"}, "functions of these packages")
	fs.BoolVarP(&f.json, "json", "j", false, "print a step a line, in JSON")
	return cmd
}

func (a *app) probe(f *probeFlags, filter string) error {
	if _, err := trace.ParseFilter(filter); err != nil {
		return usage("%v", err)
	}
	c, done, err := a.connect(&f.stackFlags)
	if err != nil {
		return err
	}
	defer done()
	p := &trace.ProbePrinter{W: a.out, Packages: f.packages}
	if f.all {
		p.Packages = nil
	}
	began := false
	return c.Probe(a.ctx, control.ProbeRequest{Filter: filter}, func(b control.ProbeBatch) error {
		if !began {
			began = true
			fmt.Fprintln(a.err, "probing")
		}
		if b.Lost > 0 {
			fmt.Fprintf(a.err, "%d steps lost\n", b.Lost)
		}
		if !f.json {
			return p.Print(b.Steps)
		}
		e := json.NewEncoder(a.out)
		for i := range b.Steps {
			if err := e.Encode(&b.Steps[i]); err != nil {
				return err
			}
		}
		return nil
	})
}
