package main

import (
	"github.com/spf13/cobra"
)

func newDemo(a *app) *cobra.Command {
	f := &demoFlags{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the stack at work against the kernel's own, without root where the system allows",
		Long: `demo makes a network of its own, in a network namespace and, without root, a user
namespace: the kernel's stack at 10.9.0.1, ours at 10.9.0.2, joined by a TAP
interface, or by a veth pair and AF_PACKET where there is no TAP to be had. It
has the host's ping and curl, or clients of its own where they are missing, speak
to our stack, and shows the way of some of their packets. Nothing is left behind.
It says what the system refused and what it did instead. The exit status is 0 if
everything worked.`,
		Example: `  ministack demo
  ministack demo --src`,
		Args: atMost(0),
		RunE: func(*cobra.Command, []string) error { return a.demo(f) },
	}
	cmd.Flags().BoolVar(&f.source, "src", false, "show source line and RFC of each step")
	cmd.Flags().BoolVar(&f.veth, "veth", false, "use a veth pair even where a TAP is to be had")
	cmd.Flags().BoolVar(&f.builtin, "builtin", false, "use our own clients even where ping and curl are installed")
	return cmd
}

type demoFlags struct{ source, veth, builtin bool }
