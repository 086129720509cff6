package main

import (
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slankdev/ministack/control"
)

func newAddr(a *app) *cobra.Command {
	f := &ipCommand{change: changeAddr}
	f.show = func(c *control.Client, args []string) error { return a.showAddr(c, f, args) }
	return a.newIP("addr [show [dev DEV] | {add|replace|del} CIDR dev DEV | flush dev DEV]", "Show and change a stack's devices and addresses",
		"addr shows the devices of a stack with their addresses, and adds and removes addresses, as ip addr.",
		`  ministack addr
  ministack addr add 10.9.0.3/24 dev ms0
  ministack addr del 10.9.0.3/24 dev ms0`, f)
}

func (a *app) showAddr(c *control.Client, f *ipCommand, args []string) error {
	dev := ""
	if err := pairs(args, map[string]func(string) error{"dev": into(&dev), "": into(&dev)}); err != nil {
		return err
	}
	links, err := c.Links()
	if err != nil {
		return err
	}
	shown := []control.Link{}
	for _, l := range links {
		if dev == "" || l.Name == dev {
			shown = append(shown, l)
		}
	}
	if dev != "" && len(shown) == 0 {
		return fmt.Errorf("the stack has no device %q", dev)
	}
	if f.json {
		return writeJSON(a.out, shown)
	}
	for i := range shown {
		printLink(a.out, &shown[i], f.stats)
	}
	return nil
}

// printLink prints a device as ip addr does.
func printLink(w io.Writer, l *control.Link, stats bool) {
	fmt.Fprintf(w, "%d: %s: <%s> mtu %d\n", l.Index, l.Name, strings.Join(l.Flags, ","), l.MTU)
	switch {
	case l.MAC != "":
		fmt.Fprintf(w, "    link/ether %s brd ff:ff:ff:ff:ff:ff\n", l.MAC)
	case strings.Contains(strings.Join(l.Flags, ","), "LOOPBACK"):
		fmt.Fprintf(w, "    link/loopback\n")
	default:
		fmt.Fprintf(w, "    link/none\n")
	}
	for _, p := range l.Addrs {
		fmt.Fprintf(w, "    inet %s%s scope %s %s\n", p, broadcastOf(p), scopeOf(p), l.Name)
	}
	if l.Err != "" {
		fmt.Fprintf(w, "    stopped: %s\n", l.Err)
	}
	if stats {
		fmt.Fprintf(w, "    RX: bytes %d packets %d dropped %d\n", l.RxBytes, l.RxPackets, l.RxDropped)
		fmt.Fprintf(w, "    TX: bytes %d packets %d dropped %d errors %d\n", l.TxBytes, l.TxPackets, l.TxDropped, l.TxErrors)
	}
}

// broadcastOf is the directed broadcast address of a network; one of two
// addresses or fewer has none.
func broadcastOf(p netip.Prefix) string {
	if p.Bits() >= 31 || p.Addr().IsLoopback() {
		return ""
	}
	a := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	return " brd " + netip.AddrFrom4(a).String()
}

func scopeOf(p netip.Prefix) string {
	if p.Addr().IsLoopback() {
		return "host"
	}
	return "global"
}

func changeAddr(c *control.Client, op string, args []string) error {
	x := control.AddrChange{Op: op}
	err := pairs(args, map[string]func(string) error{"dev": into(&x.Dev), "": func(s string) (err error) {
		if !strings.Contains(s, "/") {
			s += "/32"
		}
		x.Prefix, err = parsePrefix(s)
		return err
	}})
	switch {
	case err != nil:
		return err
	case x.Dev == "":
		return usage("which device? say dev DEV")
	case op != "flush" && !x.Prefix.IsValid():
		return usage("which address? say it with its network, such as 10.9.0.3/24")
	}
	return c.ChangeAddr(x)
}
