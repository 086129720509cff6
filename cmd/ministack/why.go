package main

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/control"
)

type whyFlags struct {
	stackFlags
	json bool
}

func newWhy(a *app) *cobra.Command {
	f := &whyFlags{}
	cmd := &cobra.Command{
		Use:   "why [PEER]",
		Short: "Explain what went wrong lately",
		Long: `why reads a stack's flight recorder, which always runs, and explains what went
wrong lately: packets dropped, segments sent again, resets, neighbours that did
not answer. What is of one kind, with one peer and on one port, is one line. With
PEER, an address, only what concerns it is shown.`,
		Example: `  ministack why
  ministack why 10.9.0.1`,
		Args: atMost(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.why(f, args) },
	}
	f.addToolFlags(cmd)
	cmd.Flags().BoolVarP(&f.json, "json", "j", false, "print JSON")
	return cmd
}

func (a *app) why(f *whyFlags, args []string) (err error) {
	var peer netip.Addr
	if len(args) == 1 {
		if peer, err = parseAddr(args[0]); err != nil {
			return err
		}
	}
	c, done, err := a.connect(&f.stackFlags)
	if err != nil {
		return err
	}
	defer done()
	w, err := c.Why(peer)
	if err != nil {
		return err
	}
	if f.json {
		return writeJSON(a.out, w)
	}
	a.printWhy(&w)
	return nil
}

func (a *app) printWhy(w *control.Why) {
	for i := range w.Findings {
		fmt.Fprintln(a.out, w.Findings[i].Line(wallClock(w.Now, w.Wall)))
	}
	if len(w.Findings) == 0 {
		fmt.Fprintln(a.out, "nothing went wrong that the stack remembers")
	}
}

// wallClock says what time of day an instant of the stack's clock was.
func wallClock(now clock.Time, wall time.Time) func(clock.Time) time.Time {
	return func(at clock.Time) time.Time { return wall.Add(at.Sub(now)).Local() }
}
