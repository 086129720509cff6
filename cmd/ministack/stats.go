package main

import (
	"fmt"
	"path"

	"github.com/spf13/cobra"

	"github.com/slankdev/ministack/control"
)

type statsFlags struct {
	stackFlags
	zeros, devices, json bool
}

func newStats(a *app) *cobra.Command {
	f := &statsFlags{}
	cmd := &cobra.Command{
		Use:   "stats [-z] [-s] [PATTERN...]",
		Short: "Show a stack's counters",
		Long: `stats shows the counters of a stack under the names of nstat(8): those that are
not zero, or with -z all, and of these those that match a PATTERN such as
'TcpExt*'. Group Drop has a counter for each reason of a drop. With -s it shows
the counters of the devices instead.`,
		Example: `  ministack stats
  ministack stats -z 'Tcp*'
  ministack stats 'Drop*'
  ministack stats -s`,
		RunE: func(_ *cobra.Command, args []string) error { return a.stats(f, args) },
	}
	f.addToolFlags(cmd)
	fs := cmd.Flags()
	fs.BoolVarP(&f.zeros, "zeros", "z", false, "show counters that are zero as well")
	fs.BoolVarP(&f.devices, "devices", "s", false, "show the devices' counters")
	fs.BoolVarP(&f.json, "json", "j", false, "print JSON")
	fs.BoolP("absolute", "a", true, "values count from the start of the stack, always; for the hands' habit")
	return cmd
}

func (a *app) stats(f *statsFlags, patterns []string) error {
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return usage("%q is not a pattern such as 'TcpExt*'", p)
		}
	}
	c, done, err := a.connect(&f.stackFlags)
	if err != nil {
		return err
	}
	defer done()
	if f.devices {
		return a.deviceStats(f, c)
	}
	all, err := c.Counters()
	if err != nil {
		return err
	}
	shown := []control.Counter{}
	for _, n := range all {
		if (f.zeros || n.Value != 0) && matches(patterns, n.Group+n.Name) {
			shown = append(shown, n)
		}
	}
	if f.json {
		return writeJSON(a.out, shown)
	}
	for _, n := range shown {
		fmt.Fprintf(a.out, "%-32s %d\n", n.Group+n.Name, n.Value)
	}
	return nil
}

func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, name); ok {
			return true
		}
	}
	return len(patterns) == 0
}

func (a *app) deviceStats(f *statsFlags, c *control.Client) error {
	links, err := c.Links()
	if err != nil {
		return err
	}
	if f.json {
		return writeJSON(a.out, links)
	}
	t := &table{}
	t.row("Device", "RX-pkts", "RX-bytes", "RX-drop", "TX-pkts", "TX-bytes", "TX-drop", "TX-err")
	for _, l := range links {
		t.row(l.Name, fmt.Sprint(l.RxPackets), fmt.Sprint(l.RxBytes), fmt.Sprint(l.RxDropped),
			fmt.Sprint(l.TxPackets), fmt.Sprint(l.TxBytes), fmt.Sprint(l.TxDropped), fmt.Sprint(l.TxErrors))
	}
	return t.write(a.out)
}
