package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/slankdev/ministack/control"
	"github.com/slankdev/ministack/socket"
)

type packetFlags struct {
	dumpFlags
	kind, proto string
	modest      bool
}

func newPacketRecv(a *app) *cobra.Command {
	f := &packetFlags{}
	cmd := &cobra.Command{
		Use:   "packetrecv [flags] IF",
		Short: "Dump the frames of a device",
		Long: `packetrecv opens a socket(AF_PACKET) on the stack's device IF and dumps each frame
that it gets: a line that decodes it, with where it was going (in, broadcast,
multicast, other station, out), and below it the bytes with their offsets. With
--type raw they begin with the link header, with dgram behind it.

The device is promiscuous until packetrecv ends, unless -p is given. Frames are
shown as they pass: a datagram of 4000 bytes is its fragments here. A socket for
one protocol sees what comes in, one for all sees what leaves as well.`,
		Example: `  ministack packetrecv ms0
  ministack packetrecv --type dgram --proto arp ms0
  ministack packetrecv -b -c 10 ms0`,
		Args: exactly(1, "IF, a device of the stack"),
		RunE: func(_ *cobra.Command, args []string) error { return a.packetRecv(f, args[0]) },
	}
	f.add(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&f.kind, "type", "t", "raw", "raw, with the link header, or dgram, without it")
	fs.StringVar(&f.proto, "proto", "all", "ip, arp, all, or an EtherType such as 0x88cc")
	fs.BoolVarP(&f.modest, "no-promiscuous-mode", "p", false, "only what the device lets through by itself")
	return cmd
}

// packetType and etherType read what the flags of both packet programs say.
func packetType(s string) (int, error) {
	switch s {
	case "raw":
		return socket.SOCK_RAW, nil
	case "dgram":
		return socket.SOCK_DGRAM, nil
	}
	return 0, usage("--type %q: there are raw and dgram", s)
}

func etherType(s string) (int, error) {
	switch s {
	case "all":
		return socket.ETH_P_ALL, nil
	case "ip":
		return socket.ETH_P_IP, nil
	case "arp":
		return socket.ETH_P_ARP, nil
	}
	n, err := strconv.ParseUint(s, 0, 16)
	if err != nil {
		return 0, usage("--proto %q: it is ip, arp, all or a number such as 0x88cc", s)
	}
	return int(n), nil
}

func (a *app) packetRecv(f *packetFlags, dev string) error {
	typ, err := packetType(f.kind)
	if err != nil {
		return err
	}
	proto, err := etherType(f.proto)
	if err != nil {
		return err
	}
	q := control.SocketRequest{Domain: socket.AF_PACKET, Type: typ, Protocol: proto, Device: dev, Promisc: !f.modest}
	return a.dumpSocket(&f.dumpFlags, q, func(m *control.Message) string {
		line := packetTypeNames[m.Link.PktType%uint8(len(packetTypeNames))] + " "
		if typ == socket.SOCK_RAW {
			return line + describeFrame(m.Data)
		}
		return line + describePacket(m.Link.Protocol, m.Data)
	})
}

// packetTypeNames are what tcpdump -i any prints, by PACKET_* number.
var packetTypeNames = [...]string{"In ", "B  ", "M  ", "P  ", "Out"}

type packetSendFlags struct {
	stackFlags
	kind, proto, to string
}

func newPacketSend(a *app) *cobra.Command {
	f := &packetSendFlags{}
	cmd := &cobra.Command{
		Use:   "packetsend [flags] IF HEX...",
		Short: "Send one frame by a device",
		Long: `packetsend sends the bytes that HEX gives by a socket(AF_PACKET) on the stack's
device IF, as they are: with --type raw a whole frame, its link header first;
with dgram what follows the header, which is made of --to and --proto. Nobody is
asked for an address: what --to says is where it goes.`,
		Example: `  ministack packetsend ms0 ffffffffffff 020000000001 88b5 48656c6c6f
  ministack packetsend --type dgram --to 02:00:00:00:00:09 --proto 0x88b5 ms0 48656c6c6f`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage("IF and the bytes are wanted: ministack packetsend ms0 ffffffffffff 020000000001 88b5 48656c6c6f")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.packetSend(f, args[0], args[1:]) },
	}
	f.addToolFlags(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&f.kind, "type", "t", "raw", "raw, with the link header, or dgram, without it")
	fs.StringVar(&f.proto, "proto", "0x88b5", "of dgram: ip, arp or an EtherType (0x88b5 is for experiments)")
	fs.StringVar(&f.to, "to", "", "of dgram: the destination's MAC address")
	return cmd
}

func (a *app) packetSend(f *packetSendFlags, dev string, words []string) error {
	typ, err := packetType(f.kind)
	if err != nil {
		return err
	}
	data, err := readHex(words)
	if err != nil {
		return err
	}
	m := control.Message{Data: data}
	if typ == socket.SOCK_DGRAM {
		if m.Link, err = f.destination(); err != nil {
			return err
		}
	} else if f.to != "" {
		return usage("--to goes with --type dgram: a raw frame has its destination in it")
	}
	c, done, err := a.connect(&f.stackFlags)
	if err != nil {
		return err
	}
	defer done()
	if m.Link != (socket.LinkAddr{}) {
		if m.Link.IfIndex, err = indexOf(c, dev); err != nil {
			return err
		}
	}
	s, err := c.Socket(a.ctx, control.SocketRequest{Domain: socket.AF_PACKET, Type: typ, Device: dev, Sender: true})
	if err != nil {
		return err
	}
	defer s.Close()
	n, err := s.Send(&m)
	if err != nil {
		return fmt.Errorf("sendto %s: %w", dev, err)
	}
	fmt.Fprintf(a.out, "sent %d bytes by %s\n", n, dev)
	return nil
}
