package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/bridge"
)

type bridgeFlags struct {
	runFlags
	ageing float64
}

func newHub(a *app) *cobra.Command {
	f := &bridgeFlags{}
	cmd := &cobra.Command{
		Use:   "hub [flags] IF IF...",
		Short: "Repeat each frame of an interface on the others",
		Long: `hub opens interfaces and copies each frame that comes in by one to all others,
whomever it is for, until it is interrupted. IF is an interface of the host, or
KIND:NAME as --dev of run has it, such as tap:ms0. It is a bridge that learns
nothing. The interfaces are promiscuous until hub ends.`,
		Example: `  ministack hub eth1 eth2
  ministack hub tap:ms0 eth1`,
		Args: atLeastTwo,
		RunE: func(_ *cobra.Command, args []string) error { return a.bridge(f, args) },
	}
	f.addBridgeFlags(cmd, "hub")
	return cmd
}

func newBridge(a *app) *cobra.Command {
	f := &bridgeFlags{}
	cmd := &cobra.Command{
		Use:   "bridge [flags] IF IF...",
		Short: "Join interfaces into one network",
		Long: `bridge opens interfaces and passes frames between them until it is interrupted: by
the one behind which the destination was heard, by all others where it was not.
IF is an interface of the host, or KIND:NAME as --dev of run has it. There is no
spanning tree: the interfaces must not form a loop. At its end bridge prints what
it has learnt.`,
		Example: `  ministack bridge eth1 eth2 tap:ms0
  ministack bridge --ageing 30 eth1 eth2`,
		Args: atLeastTwo,
		RunE: func(_ *cobra.Command, args []string) error { return a.bridge(f, args) },
	}
	f.addBridgeFlags(cmd, "bridge")
	cmd.Flags().Float64Var(&f.ageing, "ageing", bridge.DefaultAgeing.Seconds(), "seconds after which a silent address is forgotten")
	return cmd
}

func (f *bridgeFlags) addBridgeFlags(cmd *cobra.Command, name string) {
	cmd.Flags().StringVar(&f.control, "control", "", "path of the control socket (default: by --name)")
	cmd.Flags().StringVar(&f.name, "name", name, "name by which tools find the stack")
}

func atLeastTwo(cmd *cobra.Command, args []string) error {
	if len(args) < 2 {
		return usage("two interfaces are wanted at least; see ministack %s --help", cmd.Name())
	}
	return nil
}

// ports makes devices of the interfaces.
func (f *bridgeFlags) ports(args []string) ([]string, error) {
	var names []string
	for _, arg := range args {
		if !strings.Contains(arg, ":") {
			arg = "packet:" + arg
		}
		if err := f.addDevice(arg); err != nil {
			return nil, err
		}
		names = append(names, f.devs[len(f.devs)-1].name)
	}
	return names, nil
}

func (a *app) bridge(f *bridgeFlags, args []string) error {
	names, err := f.ports(args)
	if err != nil {
		return err
	}
	if f.ageing < 0 {
		return usage("--ageing %v: a time is not negative", f.ageing)
	}
	s, v, done, err := a.bringUp(&f.runFlags)
	if err != nil {
		return err
	}
	defer done()
	b, err := s.NewBridge(seconds(f.ageing), names...)
	if err != nil {
		return err
	}
	a.announce(s, &f.runFlags)
	err = a.wait(s, v)
	a.printForwarded(s, b)
	return err
}

// printForwarded says what passed each port, and who is behind it.
func (a *app) printForwarded(s *ministack.Stack, b *bridge.Bridge) {
	for _, d := range s.Devices()[1:] {
		fmt.Fprintf(a.out, "%s: %d frames in, %d out\n", d.Name, d.Counters.RxPackets.Load(), d.Counters.TxPackets.Load())
	}
	for _, e := range b.Table() {
		fmt.Fprintf(a.out, "%v dev %s used %v\n", e.MAC, e.Dev.Name, e.Seen.Truncate(time.Millisecond))
	}
}
