// Command ministack runs a TCP/IP stack in user space on a TAP interface or on
// an interface of the host, and is the set of tools to use it and to see into
// it: ping, nc, get, ss, addr, route, neigh, sysctl, trace, why, stats; rawsend,
// rawrecv, packetsend, packetrecv, tcpd and probe for who learns how a stack
// works; hub and bridge; drill, which runs packet scripts.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// app is what a command has to do with the world.
type app struct {
	ctx      context.Context // ends with SIGINT or SIGTERM
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	a := &app{ctx: ctx, in: os.Stdin, out: os.Stdout, err: os.Stderr}
	code := a.main(os.Args[1:])
	stop()
	os.Exit(code)
}

// main runs a command line and returns the exit status.
func (a *app) main(args []string) int {
	root := newRoot(a)
	root.SetArgs(args)
	root.SetContext(a.ctx)
	cmd, err := root.ExecuteC()
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintf(a.err, "%s: %s\n", cmd.CommandPath(), explain(err))
	return statusOf(err)
}

// exitCode ends the program with a status of its own; what there is to say was
// said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }
