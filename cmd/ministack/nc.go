package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slankdev/ministack/control"
)

type ncFlags struct {
	stackFlags
	listen, udp, verbose, zero, shut, keep bool
	port, source                           string
	wait                                   float64
}

func newNC(a *app) *cobra.Command {
	f := &ncFlags{}
	cmd := &cobra.Command{
		Use:   "nc [flags] [ADDRESS] PORT",
		Short: "Read and write connections of a stack",
		Long: `nc connects standard input and output with a TCP connection or a UDP socket of a
stack, as nc(1) does: to ADDRESS and PORT, or with -l from whoever connects. It
ends when the peer has closed its half, with status 1 if it could not connect.`,
		Example: `  echo hello | ministack nc -N 10.9.0.1 7
  ministack nc -l 7000 > file
  ministack nc -zv 10.9.0.1 20-25
  ministack nc -u 10.9.0.1 53`,
		Args: func(cmd *cobra.Command, args []string) error { return f.check(args) },
		RunE: func(_ *cobra.Command, args []string) error { return a.nc(f, args) },
	}
	f.addToolFlags(cmd)
	fs := cmd.Flags()
	fs.BoolVarP(&f.listen, "listen", "l", false, "wait for a connection")
	fs.BoolVarP(&f.keep, "keep", "k", false, "with -l: wait for another one when one has ended")
	fs.BoolVarP(&f.udp, "udp", "u", false, "UDP instead of TCP")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "say what happens")
	fs.BoolVarP(&f.zero, "zero", "z", false, "only see whether somebody listens; PORT may be a range")
	fs.BoolVarP(&f.shut, "shutdown", "N", false, "close our half at the end of the input")
	fs.StringVarP(&f.port, "port", "p", "", "local port")
	fs.StringVarP(&f.source, "source", "s", "", "local address")
	fs.Float64VarP(&f.wait, "wait", "w", 0, "seconds to wait for a connection, or in which nothing happens")
	fs.BoolP("numeric", "n", true, "addresses are never looked up; for the hands' habit")
	return cmd
}

func (f *ncFlags) check(args []string) error {
	switch {
	case f.listen && f.zero:
		return usage("-l and -z do not go together")
	case f.keep && !f.listen:
		return usage("-k goes with -l")
	case f.keep && f.udp:
		return usage("-k goes with TCP: a UDP socket has one peer here")
	case f.listen && len(args) == 1, f.listen && f.port != "" && len(args) == 0, !f.listen && len(args) == 2, f.listen && len(args) == 2:
		return nil
	case f.listen:
		return usage("the PORT to listen on is missing: ministack nc -l 7000")
	}
	return usage("ADDRESS and PORT are wanted: ministack nc 10.9.0.1 7")
}

func (f *ncFlags) network() string {
	if f.udp {
		return "udp"
	}
	return "tcp"
}

// local is where to listen, or to connect from; "" for anywhere.
func (f *ncFlags) local(args []string) string {
	addr, port := f.source, f.port
	if f.listen && len(args) > 0 {
		port = args[len(args)-1]
		if len(args) == 2 {
			addr = args[0]
		}
	}
	if addr == "" && port == "" {
		return ""
	}
	return net.JoinHostPort(addr, port)
}

func (a *app) nc(f *ncFlags, args []string) error {
	c, done, err := a.connect(&f.stackFlags)
	if err != nil {
		return err
	}
	defer done()
	if f.listen {
		return a.ncListen(f, c, f.local(args))
	}
	from, to, err := portRange(args[1])
	if err != nil {
		return err
	}
	if from != to && !f.zero {
		return usage("a range of ports goes with -z")
	}
	any := false
	for port := from; port <= to && a.ctx.Err() == nil; port++ {
		ok, err := a.ncConnect(f, c, net.JoinHostPort(args[0], strconv.Itoa(port)))
		if err != nil {
			return err
		}
		any = any || ok
	}
	if !any {
		return exitCode(1)
	}
	return nil
}

// portRange reads 80 or 20-25.
func portRange(s string) (from, to int, err error) {
	first, last, both := strings.Cut(s, "-")
	if !both {
		last = first
	}
	from, err1 := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	if err1 != nil || err2 != nil || from < 1 || to > 65535 || from > to {
		return 0, 0, usage("%q: a port is a number from 1 to 65535, a range is two of them: 20-25", s)
	}
	return from, to, nil
}

// ncConnect reports whether it could connect.
func (a *app) ncConnect(f *ncFlags, c *control.Client, to string) (bool, error) {
	ctx, cancel := a.ctx, context.CancelFunc(func() {})
	if f.wait > 0 {
		ctx, cancel = context.WithTimeout(ctx, seconds(f.wait))
	}
	conn, err := c.DialFrom(ctx, f.network(), f.local(nil), to)
	cancel()
	host, port, _ := net.SplitHostPort(to)
	if err != nil {
		if f.verbose || !f.zero {
			fmt.Fprintf(a.err, "nc: connect to %s port %s (%s) failed: %s\n", host, port, f.network(), plain(err))
		}
		return false, nil
	}
	defer conn.Close()
	if f.zero && f.udp {
		return a.probeUDP(f, conn, host, port), nil
	}
	if f.verbose {
		fmt.Fprintf(a.err, "Connection to %s %s port [%s] succeeded!\n", host, port, f.network())
	}
	if f.zero {
		return true, nil
	}
	return true, a.copyBoth(f, conn)
}

// probeUDP sends a byte and takes silence for a yes, as nothing better is to be
// had of UDP.
func (a *app) probeUDP(f *ncFlags, conn net.Conn, host, port string) bool {
	_, err := conn.Write([]byte("X"))
	if err == nil {
		wait := time.Second
		if f.wait > 0 {
			wait = seconds(f.wait)
		}
		_ = conn.SetReadDeadline(time.Now().Add(wait))
		_, err = conn.Read(make([]byte, 1))
	}
	if ne, ok := err.(net.Error); err != nil && !(ok && ne.Timeout()) {
		return false
	}
	if f.verbose {
		fmt.Fprintf(a.err, "Connection to %s %s port [udp] succeeded!\n", host, port)
	}
	return true
}

// ncListen takes one connection, or one after the other.
func (a *app) ncListen(f *ncFlags, c *control.Client, at string) error {
	l, err := c.Listen(a.ctx, f.network(), at)
	if err != nil {
		return fmt.Errorf("cannot listen at %s: %s", at, plain(err))
	}
	defer l.Close()
	if f.verbose {
		fmt.Fprintf(a.err, "Listening on %s\n", l.Addr())
	}
	stop := context.AfterFunc(a.ctx, func() { l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if a.ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if f.verbose {
			fmt.Fprintf(a.err, "Connection received on %s from %s\n", conn.LocalAddr(), conn.RemoteAddr())
		}
		err = a.copyBoth(f, conn)
		conn.Close()
		if err != nil || !f.keep {
			return err
		}
	}
}
