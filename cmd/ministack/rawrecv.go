package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/slankdev/ministack/control"
	"github.com/slankdev/ministack/socket"
)

// dumpFlags are those of what dumps packets until it is interrupted.
type dumpFlags struct {
	stackFlags
	count int
	brief bool
}

func (f *dumpFlags) add(cmd *cobra.Command) {
	f.addToolFlags(cmd)
	cmd.Flags().IntVarP(&f.count, "count", "c", 0, "end after so many packets")
	cmd.Flags().BoolVarP(&f.brief, "brief", "b", false, "the decoded line only, no hexdump")
}

func newRawRecv(a *app) *cobra.Command {
	f := &dumpFlags{}
	cmd := &cobra.Command{
		Use:   "rawrecv [flags] IF icmp|tcp|udp|PROTO",
		Short: "Dump the IP datagrams of a protocol",
		Long: `rawrecv opens a socket(AF_INET, SOCK_RAW, PROTO) on the stack's device IF and dumps
each datagram that it gets: a line that decodes it, and below it the bytes, from
the IP header on, with their offsets.

The socket gets a clone before the protocol gets the datagram, so the stack acts
as it always does: a ping is shown and answered, a SYN to a closed port is shown
and reset. Datagrams are shown reassembled; packetrecv shows their fragments.`,
		Example: `  ministack rawrecv ms0 icmp
  ministack rawrecv -c 1 ms0 tcp
  ministack rawrecv -b ms0 253`,
		Args: exactly(2, "IF, a device of the stack, or the protocol"),
		RunE: func(_ *cobra.Command, args []string) error { return a.rawRecv(f, args[0], args[1]) },
	}
	f.add(cmd)
	return cmd
}

// protocolNumber reads a protocol as rawrecv takes it.
func protocolNumber(s string) (int, error) {
	switch s {
	case "icmp":
		return socket.IPPROTO_ICMP, nil
	case "tcp":
		return socket.IPPROTO_TCP, nil
	case "udp":
		return socket.IPPROTO_UDP, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 255 {
		return 0, usage("%q: a protocol is icmp, tcp, udp or a number from 1 to 255", s)
	}
	return n, nil
}

func (a *app) rawRecv(f *dumpFlags, dev, what string) error {
	proto, err := protocolNumber(what)
	if err != nil {
		return err
	}
	return a.dumpSocket(f, rawSocket(dev, proto), func(m *control.Message) string { return describeIPv4(m.Data) })
}

// dumpSocket shows what a socket gets until the count is reached or the program
// is interrupted, which is no error.
func (a *app) dumpSocket(f *dumpFlags, q control.SocketRequest, describe func(*control.Message) string) error {
	c, done, err := a.connect(&f.stackFlags)
	if err != nil {
		return err
	}
	defer done()
	s, err := c.Socket(a.ctx, q)
	if err != nil {
		return err
	}
	defer s.Close()
	stop := context.AfterFunc(a.ctx, func() { s.Close() })
	defer stop()
	fmt.Fprintf(a.err, "receiving on %s\n", q.Device)
	for n := 0; f.count == 0 || n < f.count; n++ {
		m, err := s.Recv()
		switch {
		case errors.Is(err, io.EOF) && a.ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		if err := a.dumpMessage(f, m, describe(m)); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) dumpMessage(f *dumpFlags, m *control.Message, line string) error {
	if _, err := fmt.Fprintf(a.out, "%s %s\n", m.Wall.Local().Format("15:04:05.000000"), line); err != nil || f.brief {
		return err
	}
	return hexdump(a.out, m.Data)
}
