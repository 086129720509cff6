package main

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/slankdev/ministack/control"
)

func newRoute(a *app) *cobra.Command {
	f := &ipCommand{change: changeRoute}
	f.show = func(c *control.Client, args []string) error { return a.showRoutes(c, f, args) }
	return a.newIP("route [show | {add|replace|del} {CIDR|default} [via IP] [dev DEV] [src IP] [metric N] | flush [dev DEV]]",
		"Show and change a stack's routes", "route shows the route table of a stack, and adds and removes routes, as ip route.",
		`  ministack route
  ministack route add default via 10.9.0.1
  ministack route add 192.0.2.0/24 via 10.9.0.7 metric 10
  ministack route del default`, f)
}

func (a *app) showRoutes(c *control.Client, f *ipCommand, args []string) error {
	dev := ""
	if err := pairs(args, map[string]func(string) error{"dev": into(&dev)}); err != nil {
		return err
	}
	routes, err := c.Routes()
	if err != nil {
		return err
	}
	shown := []control.Route{}
	for _, r := range routes {
		if dev == "" || r.Dev == dev {
			shown = append(shown, r)
		}
	}
	if f.json {
		return writeJSON(a.out, shown)
	}
	for i := len(shown) - 1; i >= 0; i-- { // ip shows the default route first
		fmt.Fprintln(a.out, routeLine(&shown[i]))
	}
	return nil
}

func routeLine(r *control.Route) string {
	dst := r.Dst.String()
	switch r.Dst.Bits() {
	case 0:
		dst = "default"
	case 32:
		dst = r.Dst.Addr().String()
	}
	return words(dst, viaWord(r.Via), when(r.Dev != "", "dev "+r.Dev), when(r.Kernel, "proto kernel"),
		when(r.Via == nil, "scope link"), srcWord(r.Src), when(r.Metric != 0, "metric "+strconv.Itoa(r.Metric)))
}

func viaWord(a *netip.Addr) string {
	if a == nil {
		return ""
	}
	return "via " + a.String()
}

func srcWord(a *netip.Addr) string {
	if a == nil {
		return ""
	}
	return "src " + a.String()
}

func changeRoute(c *control.Client, op string, args []string) error {
	x := control.RouteChange{Op: op}
	err := pairs(args, map[string]func(string) error{
		"dev": into(&x.Dev), "via": intoAddr(&x.Via), "src": intoAddr(&x.Src),
		"metric": func(s string) (err error) {
			if x.Metric, err = strconv.Atoi(s); err != nil || x.Metric < 0 {
				return usage("metric %q is not a number", s)
			}
			return nil
		},
		"": func(s string) (err error) { x.Dst, err = parseNetwork(s); return err },
	})
	switch {
	case err != nil:
		return err
	case op == "flush":
	case !x.Dst.IsValid():
		return usage("where to? say CIDR or default")
	case op != "del" && x.Via == nil && x.Dev == "":
		return usage("by which way? say via IP, dev DEV or both")
	}
	return c.ChangeRoute(x)
}

func intoAddr(to **netip.Addr) func(string) error {
	return func(s string) error {
		a, err := parseAddr(s)
		*to = &a
		return err
	}
}

// parseNetwork reads a destination: default, a network, or one address.
func parseNetwork(s string) (netip.Prefix, error) {
	if s == "default" {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), nil
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Is4() {
		return netip.PrefixFrom(a, 32), nil
	}
	p, err := parsePrefix(s)
	if err == nil && p != p.Masked() {
		return p, usage("%v has bits set outside its network, which is %v", p, p.Masked())
	}
	return p, err
}
