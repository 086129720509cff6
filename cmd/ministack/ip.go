package main

import (
	"github.com/spf13/cobra"

	"github.com/slankdev/ministack/control"
)

// addr, route and neigh speak as ip(8) does: an operation, then words in pairs.

// ipCommand is one of them.
type ipCommand struct {
	stackFlags
	json, stats bool
	show        func(c *control.Client, args []string) error
	change      func(c *control.Client, op string, args []string) error
}

// operations are the words for what to do; an empty line shows all.
var operations = map[string]string{"add": "add", "a": "add", "append": "add", "replace": "replace", "change": "replace", "r": "replace",
	"del": "del", "delete": "del", "d": "del", "flush": "flush", "f": "flush", "show": "show", "list": "show", "ls": "show", "s": "show"}

func (a *app) newIP(use, short, long, example string, f *ipCommand) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Example: example,
		RunE: func(cmd *cobra.Command, args []string) error { return a.ip(f, cmd.Name(), args) },
	}
	f.addToolFlags(cmd)
	cmd.Flags().BoolVarP(&f.json, "json", "j", false, "print JSON")
	cmd.Flags().BoolVarP(&f.stats, "stats", "s", false, "print statistics as well")
	return cmd
}

func (a *app) ip(f *ipCommand, name string, args []string) error {
	op := "show"
	if len(args) > 0 {
		var ok bool
		if op, ok = operations[args[0]]; !ok {
			return usage("%q: there are show, add, replace, del and flush; see ministack %s --help", args[0], name)
		}
		args = args[1:]
	}
	c, done, err := a.connect(&f.stackFlags)
	if err != nil {
		return err
	}
	defer done()
	if op == "show" {
		return f.show(c, args)
	}
	return f.change(c, op, args)
}

// pairs reads "dev tap0 via 10.9.0.1" and hands each value to the setter of its
// word; what stands alone goes to the setter of "".
func pairs(args []string, set map[string]func(string) error) error {
	for i := 0; i < len(args); i++ {
		fn, ok := set[args[i]]
		value := args[i]
		switch {
		case !ok:
			if fn, ok = set[""]; !ok {
				return usage("%q is not expected here", args[i])
			}
		case i+1 == len(args):
			return usage("%s: a value is missing", args[i])
		default:
			i++
			value = args[i]
		}
		if err := fn(value); err != nil {
			return err
		}
	}
	return nil
}

// into makes a setter for a string.
func into(s *string) func(string) error {
	return func(v string) error { *s = v; return nil }
}
