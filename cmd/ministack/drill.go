package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slankdev/ministack/drill"
)

type drillFlags struct {
	json, verbose bool
	pcapng        string
	define        []string
	sysctl        []string
}

func newDrill(a *app) *cobra.Command {
	var f drillFlags
	cmd := &cobra.Command{
		Use:   "drill [--json] [-v] [--pcapng FILE] SCRIPT|DIR...",
		Short: "Run packetdrill scripts against a stack in this process, in virtual time",
		Long: `drill runs packet scripts in packetdrill's language. Each gets a stack of its own, on a clock of its own:
no root, no interface, no waiting, and the same result every time.

Besides packetdrill's own rules, checksums and payload of what the stack sends are checked.`,
		Example: `  ministack drill test/drill
  ministack drill -v --pcapng out.pcapng script.pkt`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.drill(&f, args) },
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.json, "json", false, "one JSON object a script, then the counts")
	fl.BoolVarP(&f.verbose, "verbose", "v", false, "show each event as it is passed")
	fl.StringVar(&f.pcapng, "pcapng", "", "keep all packets in this `file`")
	fl.StringArrayVarP(&f.define, "define", "D", nil, "`name=value`: a symbol that scripts use")
	fl.StringArrayVar(&f.sysctl, "sysctl", nil, "`name=value`: a setting that every script starts from")
	return cmd
}

func (a *app) drill(f *drillFlags, args []string) (err error) {
	scripts, err := drill.Expand(a.ctx, args)
	if err != nil {
		return err
	}
	if len(scripts) == 0 {
		return usage("no scripts (*.pkt) in %s", strings.Join(args, " "))
	}
	cfg, err := f.config(a)
	if err != nil {
		return err
	}
	if f.pcapng != "" {
		file, err := drill.CreatePcapng(f.pcapng)
		if err != nil {
			return err
		}
		defer func() { err = firstError(err, file.Close()) }()
		cfg.Capture = func(at time.Time, packet []byte) { err = firstError(err, file.Write(at, packet)) }
	}
	return a.drillAll(f, cfg, scripts)
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (f *drillFlags) config(a *app) (*drill.Config, error) {
	cfg := &drill.Config{}
	if f.verbose {
		cfg.Verbose = a.err
	}
	var err error
	if cfg.Symbols, err = assignments("-D", f.define); err != nil {
		return nil, err
	}
	cfg.Sysctl, err = assignments("--sysctl", f.sysctl)
	return cfg, err
}

// assignments reads name=value arguments of a flag.
func assignments(flag string, list []string) (map[string]string, error) {
	m := map[string]string{}
	for _, s := range list {
		name, v, ok := strings.Cut(s, "=")
		if !ok {
			return nil, usage("%s %s: expected NAME=VALUE", flag, s)
		}
		m[name] = v
	}
	return m, nil
}

// drillAll runs the scripts; its exit status is 1 if one failed.
func (a *app) drillAll(f *drillFlags, cfg *drill.Config, scripts []string) error {
	var sum drill.Summary
	for _, path := range scripts {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		r := drill.Run(path, cfg)
		sum.Add(&r)
		if !f.json {
			r.Text(a.out)
			continue
		}
		if err := r.JSON(a.out); err != nil {
			return err
		}
	}
	if f.json {
		if err := json.NewEncoder(a.out).Encode(sum); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(a.out, sum)
	}
	if sum.Failed > 0 {
		return exitCode(1)
	}
	return nil
}
