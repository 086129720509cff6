package main

import (
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
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetIn(a.in)
	root.AddCommand(newRun(a), newDemo(a), newPing(a), newNC(a), newGet(a), newSS(a), newAddr(a), newRoute(a),
		newNeigh(a), newSysctl(a), newTrace(a), newWhy(a), newStats(a))
	return root
}
