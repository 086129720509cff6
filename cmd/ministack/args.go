package main

import (
	"github.com/spf13/cobra"
)

// exactly refuses any other number of arguments, and says what they are.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < n:
			return usage("%s is missing; see ministack %s --help", what, cmd.Name())
		case len(args) > n:
			return usage("%q is one argument too many; see ministack %s --help", args[n], cmd.Name())
		}
		return nil
	}
}

// atMost refuses more arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return usage("%q is one argument too many; see ministack %s --help", args[n], cmd.Name())
		}
		return nil
	}
}
