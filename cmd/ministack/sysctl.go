package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slankdev/ministack/control"
)

type sysctlFlags struct {
	stackFlags
	all, write, values bool
}

func newSysctl(a *app) *cobra.Command {
	f := &sysctlFlags{}
	cmd := &cobra.Command{
		Use:   "sysctl [-a] [NAME...] [-w NAME=VALUE...]",
		Short: "Show and change a stack's settings",
		Long:  `sysctl shows and changes the settings of a stack. They have Linux's names and defaults.`,
		Example: `  ministack sysctl -a
  ministack sysctl net.ipv4.tcp_sack net.ipv4.ip_forward
  ministack sysctl -w net.ipv4.tcp_congestion_control=reno`,
		RunE: func(_ *cobra.Command, args []string) error { return a.sysctl(f, args) },
	}
	f.addToolFlags(cmd)
	cmd.Flags().BoolVarP(&f.all, "all", "a", false, "show all")
	cmd.Flags().BoolVarP(&f.write, "write", "w", false, "change: the arguments are NAME=VALUE")
	cmd.Flags().BoolVarP(&f.values, "values", "n", false, "show values without names")
	return cmd
}

func (a *app) sysctl(f *sysctlFlags, args []string) error {
	if !f.all && len(args) == 0 {
		return usage("a NAME is missing, or -a for all; see ministack sysctl --help")
	}
	if f.all {
		args = []string{""}
	}
	for _, arg := range args {
		if f.write && !strings.Contains(arg, "=") {
			return usage("%q: -w wants NAME=VALUE", arg)
		}
	}
	c, done, err := a.connect(&f.stackFlags)
	if err != nil {
		return err
	}
	defer done()
	for _, arg := range args {
		if err := a.sysctlOne(f, c, arg); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) sysctlOne(f *sysctlFlags, c *control.Client, arg string) error {
	name, value, set := strings.Cut(arg, "=")
	name = strings.TrimSpace(name)
	if set {
		if err := c.Set(name, strings.TrimSpace(value)); err != nil {
			return err
		}
	}
	settings, err := c.Settings(name)
	if err != nil {
		return err
	}
	for _, s := range settings {
		if f.values {
			fmt.Fprintln(a.out, s.Value)
			continue
		}
		fmt.Fprintf(a.out, "%s = %s\n", s.Name, s.Value)
	}
	return nil
}
