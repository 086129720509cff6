package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slankdev/ministack/control"
)

type ssFlags struct {
	stackFlags
	tcp, udp, raw, packet, listening, all, info, extended, memory, noHeader, json bool
}

func newSS(a *app) *cobra.Command {
	f := &ssFlags{}
	cmd := &cobra.Command{
		Use:   "ss [flags]",
		Short: "Show a stack's sockets",
		Long: `ss shows the sockets of a stack, as ss(8): those that are connected, with -l those
that listen, with -a all. The number behind # is that of traces (sock=7).`,
		Example: `  ministack ss -tln
  ministack ss -tin
  ministack ss -a`,
		Args: atMost(0),
		RunE: func(*cobra.Command, []string) error { return a.ss(f) },
	}
	f.addToolFlags(cmd)
	fs := cmd.Flags()
	fs.BoolVarP(&f.tcp, "tcp", "t", false, "TCP only")
	fs.BoolVarP(&f.udp, "udp", "u", false, "UDP only")
	fs.BoolVarP(&f.packet, "packet", "0", false, "packet sockets only; their local name is protocol and device")
	fs.BoolVarP(&f.raw, "raw", "w", false, "raw sockets only; their local port is the protocol")
	fs.BoolVarP(&f.listening, "listening", "l", false, "listening sockets only")
	fs.BoolVarP(&f.all, "all", "a", false, "listening and others")
	fs.BoolVarP(&f.info, "info", "i", false, "what TCP knows of each connection")
	fs.BoolVarP(&f.extended, "extended", "e", false, "more of what TCP knows")
	fs.BoolVarP(&f.memory, "memory", "m", false, "memory of each socket")
	fs.BoolVarP(&f.noHeader, "no-header", "H", false, "no header line")
	fs.BoolVarP(&f.json, "json", "j", false, "print JSON")
	fs.BoolP("numeric", "n", true, "names are never looked up; for the hands' habit")
	return cmd
}

func (a *app) ss(f *ssFlags) error {
	c, done, err := a.connect(&f.stackFlags)
	if err != nil {
		return err
	}
	defer done()
	all, err := c.Sockets()
	if err != nil {
		return err
	}
	shown := []control.Socket{}
	for _, s := range all {
		if f.wants(&s) {
			shown = append(shown, s)
		}
	}
	if f.json {
		return writeJSON(a.out, shown)
	}
	return f.table(shown).write(a.out)
}

func (f *ssFlags) wants(s *control.Socket) bool {
	chosen := map[string]bool{"tcp": f.tcp, "udp": f.udp, "raw": f.raw, "p_raw": f.packet, "p_dgr": f.packet}
	if f.protocols() > 0 && !chosen[s.Proto] {
		return false
	}
	waits := s.State == "LISTEN" || s.State == "UNCONN"
	return f.all || f.listening == waits
}

// protocols returns how many protocols are asked for, 0 for all.
func (f *ssFlags) protocols() int {
	n := 0
	for _, asked := range []bool{f.tcp, f.udp, f.raw, f.packet} {
		if asked {
			n++
		}
	}
	return n
}

// table is ss's: the protocol is a column only where there may be several.
func (f *ssFlags) table(socks []control.Socket) *table {
	t := &table{}
	several := f.protocols() != 1 || f.packet
	add := func(netid string, cells ...string) {
		if several {
			cells = append([]string{netid}, cells...)
		}
		t.row(cells...)
	}
	if !f.noHeader {
		add("Netid", "State", "Recv-Q", "Send-Q", "Local", "Peer", "")
	}
	for i := range socks {
		s := &socks[i]
		number := ""
		if s.Number != 0 {
			number = fmt.Sprintf("#%d", s.Number)
		}
		add(s.Proto, s.State, strconv.Itoa(s.RecvQ), strconv.Itoa(s.SendQ), local(s), endpoint(s.Peer), number)
		f.notes(t, s)
	}
	return t
}

// notes are the lines under a socket.
func (f *ssFlags) notes(t *table, s *control.Socket) {
	if f.memory && s.Mem != nil {
		t.note(fmt.Sprintf("  skmem:(r%d,rb%d,t%d,tb%d)", s.Mem.RmemAlloc, s.Mem.RcvBuf, s.Mem.WmemAlloc, s.Mem.SndBuf))
	}
	if s.TCP == nil || s.State == "LISTEN" {
		return
	}
	if f.info {
		t.note("  " + infoLine(s.TCP))
		if line := lossLine(s.TCP); line != "" {
			t.note("  " + line)
		}
	}
	if f.extended {
		t.note("  " + extendedLine(s.TCP))
	}
}

// local is a socket's own name.
func local(s *control.Socket) string {
	if s.Link != "" {
		return s.Link
	}
	return endpoint(s.Local)
}

// endpoint is an address and port with stars for what is open.
func endpoint(a netip.AddrPort) string {
	addr, port := "*", "*"
	if a.Addr().IsValid() {
		addr = a.Addr().String()
	}
	if a.Port() != 0 {
		port = strconv.Itoa(int(a.Port()))
	}
	return addr + ":" + port
}

// words joins what is not empty.
func words(list ...string) string {
	var kept []string
	for _, w := range list {
		if w != "" {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}
