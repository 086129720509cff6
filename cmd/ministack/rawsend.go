package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/slankdev/ministack/checksum"
	"github.com/slankdev/ministack/control"
	"github.com/slankdev/ministack/icmp"
	"github.com/slankdev/ministack/ipv4"
	"github.com/slankdev/ministack/socket"
)

type rawSendFlags struct {
	stackFlags
	source       string
	id, ttl, tos int
	proto, size  int
	bare         bool
	wait         float64
}

func newRawSend(a *app) *cobra.Command {
	f := &rawSendFlags{}
	cmd := &cobra.Command{
		Use:   "rawsend [flags] IF DST",
		Short: "Send one IP packet whose header is ours",
		Long: `rawsend builds an IP packet with its header and sends it by a socket(AF_INET,
SOCK_RAW, IPPROTO_RAW) that is bound to the stack's device IF. The stack fills in
the total length and the checksum, and the identification and the source where
they are 0 (raw(7)); a source that is given is kept, whosever it is.

By default the packet is a whole ICMP echo request, and rawsend shows the answer;
it ends with status 1 if none came. --bare sends the header and nothing behind
it, which a peer drops: there is no ICMP message in it (Linux counts ICMP_CSUM).`,
		Example: `  ministack rawsend ms0 10.9.0.1
  ministack rawsend --bare ms0 10.9.0.1
  ministack rawsend --source 10.9.0.77 --ttl 3 -W 0 ms0 10.9.0.1`,
		Args: exactly(2, "IF, a device of the stack, or DST"),
		RunE: func(_ *cobra.Command, args []string) error { return a.rawSend(f, args[0], args[1]) },
	}
	f.addToolFlags(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&f.source, "source", "s", "", "source address (the device's)")
	fs.IntVar(&f.id, "id", 0, "identification (0: the stack's choice)")
	fs.IntVarP(&f.ttl, "ttl", "t", 64, "time to live")
	fs.IntVarP(&f.tos, "tos", "Q", 0, "type of service")
	fs.IntVar(&f.size, "size", 56, "bytes of data in the echo request")
	fs.BoolVar(&f.bare, "bare", false, "the header only, of 20 bytes")
	fs.IntVar(&f.proto, "proto", 1, "protocol of the header; the echo request is sent for 1 only")
	fs.Float64VarP(&f.wait, "wait", "W", 1, "seconds to wait for the answer (0: none)")
	return cmd
}

// packet is the whole packet, with zeros for what the stack fills in.
func (f *rawSendFlags) packet(dst netip.Addr, ident uint16) ([]byte, error) {
	for _, v := range []struct {
		name       string
		value, max int
	}{{"id", f.id, 65535}, {"ttl", f.ttl, 255}, {"tos", f.tos, 255}, {"proto", f.proto, 255}, {"size", f.size, 65535 - 28}} {
		if v.value < 0 || v.value > v.max {
			return nil, usage("--%s %d: it goes from 0 to %d", v.name, v.value, v.max)
		}
	}
	p := make([]byte, ipv4.HeaderLen, ipv4.HeaderLen+icmp.HeaderLen+f.size)
	p[0], p[1], p[8], p[9] = 4<<4|ipv4.HeaderLen/4, byte(f.tos), byte(f.ttl), byte(f.proto)
	binary.BigEndian.PutUint16(p[4:], uint16(f.id))
	if f.source != "" {
		src, err := parseAddr(f.source)
		if err != nil {
			return nil, err
		}
		copy(p[12:16], src.AsSlice())
	}
	copy(p[16:20], dst.AsSlice())
	if !f.bare && f.proto == 1 {
		p = append(p, echoMessage(ident, f.size)...)
	}
	binary.BigEndian.PutUint16(p[2:], uint16(len(p))) // as the stack will have it
	return p, nil
}

// echoMessage is a message with its checksum, and ping's pattern as data.
func echoMessage(ident uint16, size int) []byte {
	m := make([]byte, icmp.HeaderLen+size)
	m[0] = icmp.TypeEcho
	h := icmp.Header(m)
	h.SetIdent(ident)
	h.SetSequence(1)
	for i := range size {
		m[icmp.HeaderLen+i] = byte(i)
	}
	binary.BigEndian.PutUint16(m[2:], checksum.Finish(checksum.Sum(0, m)))
	return m
}

func (a *app) rawSend(f *rawSendFlags, dev, to string) error {
	dst, err := parseAddr(to)
	if err != nil {
		return err
	}
	ident := uint16(os.Getpid())
	p, err := f.packet(dst, ident)
	if err != nil {
		return err
	}
	c, done, err := a.connect(&f.stackFlags)
	if err != nil {
		return err
	}
	defer done()
	answers, err := c.Socket(a.ctx, rawSocket(dev, socket.IPPROTO_ICMP)) // before there can be any
	if err != nil {
		return err
	}
	defer answers.Close()
	q := rawSocket(dev, socket.IPPROTO_RAW)
	q.Sender = true
	s, err := c.Socket(a.ctx, q)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := s.Send(&control.Message{Addr: netip.AddrPortFrom(dst, 0), Data: p}); err != nil {
		return fmt.Errorf("sendto %v: %w", dst, err)
	}
	fmt.Fprintf(a.out, "sent %d bytes by %s: %s\n", len(p), dev, describeIPv4(p))
	if f.wait <= 0 || f.bare || f.proto != 1 {
		return nil
	}
	return a.rawAnswer(answers, ident, seconds(f.wait))
}

func rawSocket(dev string, proto int) control.SocketRequest {
	return control.SocketRequest{Domain: socket.AF_INET, Type: socket.SOCK_RAW, Protocol: proto, Device: dev}
}

// rawAnswer shows the echo reply, or says that there is none.
func (a *app) rawAnswer(s *control.Session, ident uint16, wait time.Duration) error {
	late := time.AfterFunc(wait, func() { s.Close() })
	defer late.Stop()
	stop := context.AfterFunc(a.ctx, func() { s.Close() })
	defer stop()
	for {
		m, err := s.Recv()
		if err != nil {
			fmt.Fprintf(a.out, "no answer within %v\n", wait)
			return exitCode(1)
		}
		if isReply(m.Data, ident) {
			fmt.Fprintf(a.out, "answer: %s\n", describeIPv4(m.Data))
			return nil
		}
	}
}

func isReply(p []byte, ident uint16) bool {
	h := ipv4.Header(p)
	if !h.Valid() {
		return false
	}
	m := icmp.Header(p[h.Len():])
	return m.Valid() && m.Type() == icmp.TypeEchoReply && m.Ident() == ident
}
