package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/spf13/cobra"
)

type tcpdFlags struct {
	stackFlags
	keep bool
}

func newTCPD(a *app) *cobra.Command {
	f := &tcpdFlags{}
	cmd := &cobra.Command{
		Use:   "tcpd [flags] PORT",
		Short: "Accept a connection and dump what comes",
		Long: `tcpd listens on PORT, accepts a connection, and prints what the peer sends as a
hexdump with offsets into the stream. When the peer has closed its half it says
so and ends with status 0. It sends nothing.`,
		Example: `  ministack tcpd 7000
  ministack tcpd -k 7000`,
		Args: exactly(1, "the PORT to listen on"),
		RunE: func(_ *cobra.Command, args []string) error { return a.tcpd(f, args[0]) },
	}
	f.addToolFlags(cmd)
	cmd.Flags().BoolVarP(&f.keep, "keep", "k", false, "wait for another connection when one has ended")
	return cmd
}

func (a *app) tcpd(f *tcpdFlags, port string) error {
	if from, to, err := portRange(port); err != nil || from != to {
		return usage("%q: a port is a number from 1 to 65535", port)
	}
	c, done, err := a.connect(&f.stackFlags)
	if err != nil {
		return err
	}
	defer done()
	l, err := c.Listen(a.ctx, "tcp", net.JoinHostPort("", port))
	if err != nil {
		return fmt.Errorf("cannot listen at %s: %s", port, plain(err))
	}
	defer l.Close()
	fmt.Fprintf(a.out, "listening on %s\n", l.Addr())
	stop := context.AfterFunc(a.ctx, func() { l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			if a.ctx.Err() != nil {
				return nil
			}
			return err
		}
		if err := a.dumpStream(conn); err != nil || !f.keep {
			return err
		}
	}
}

// dumpStream prints a connection until its end, which is no error however it
// came.
func (a *app) dumpStream(conn net.Conn) error {
	defer conn.Close()
	stop := context.AfterFunc(a.ctx, func() { conn.Close() })
	defer stop()
	fmt.Fprintf(a.out, "connection from %s\n", conn.RemoteAddr())
	d := &hexWriter{w: a.out}
	_, err := io.Copy(d, conn)
	switch {
	case d.err != nil:
		return d.err
	case err != nil && !errors.Is(err, net.ErrClosed) && a.ctx.Err() == nil:
		fmt.Fprintf(a.out, "connection closed: %s\n", plain(err))
	default:
		fmt.Fprintln(a.out, "connection closed")
	}
	return nil
}
