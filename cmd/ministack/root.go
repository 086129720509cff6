package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "ministack",
		Short: "A TCP/IP stack in user space that works as Linux's does, and the tools to see into it",
		Long: `ministack runs a TCP/IP stack in user space and shows everything that happens in it.

The tools act on a running stack, which --name or --control chooses where there
are several; or they bring up a stack of their own with --dev and --addr.`,
		Example: `  ministack demo
  ministack run --dev tap:ms0 --host-addr 10.9.0.1/24 --addr 10.9.0.2/24 --serve http:80=. &
  ministack ping 10.9.0.1
  ministack trace --src tcp port 81`,
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(flagError)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetIn(a.in)
	root.AddCommand(newRun(a), newDemo(a), newPing(a), newNC(a), newGet(a), newSS(a), newAddr(a), newRoute(a),
		newNeigh(a), newRawSend(a), newRawRecv(a), newPacketSend(a), newPacketRecv(a), newTCPD(a), newHub(a), newBridge(a), newDrill(a), newSysctl(a), newTrace(a), newProbe(a), newWhy(a), newStats(a))
	return root
}

func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	s := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		s = "; did you mean " + near[0] + "?"
	}
	return usage("there is no command %q%s; see ministack --help", args[0], s)
}

// flagError takes away what pflag puts before our own words, and makes the rest
// a mistake in the command line.
func flagError(cmd *cobra.Command, err error) error {
	var u *usageError
	if errors.As(err, &u) {
		return u
	}
	return usage("%v; see %s --help", err, cmd.CommandPath())
}
