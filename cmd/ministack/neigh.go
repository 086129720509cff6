package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slankdev/ministack/control"
)

func newNeigh(a *app) *cobra.Command {
	f := &ipCommand{change: changeNeigh}
	f.show = func(c *control.Client, args []string) error { return a.showNeigh(c, f, args) }
	return a.newIP("neigh [show [dev DEV] | {add|replace} IP lladdr MAC dev DEV | del IP dev DEV | flush [dev DEV]]",
		"Show and change a stack's neighbours", "neigh shows the neighbour (ARP) table of a stack, and adds and removes neighbours, as ip neigh.",
		`  ministack neigh
  ministack neigh add 10.9.0.7 lladdr 02:00:00:00:00:07 dev ms0
  ministack neigh flush`, f)
}

func (a *app) showNeigh(c *control.Client, f *ipCommand, args []string) error {
	dev := ""
	if err := pairs(args, map[string]func(string) error{"dev": into(&dev)}); err != nil {
		return err
	}
	list, err := c.Neighbours()
	if err != nil {
		return err
	}
	shown := []control.Neighbour{}
	for _, n := range list {
		if dev == "" || n.Dev == dev {
			shown = append(shown, n)
		}
	}
	if f.json {
		return writeJSON(a.out, shown)
	}
	for i := range shown {
		n := &shown[i]
		fmt.Fprintln(a.out, words(n.IP.String(), "dev "+n.Dev, when(n.MAC != "", "lladdr "+n.MAC),
			when(f.stats, fmt.Sprintf("used %d/%d held %d", int(n.Used.Seconds()), int(n.Updated.Seconds()), n.Held)), n.State))
	}
	return nil
}

func changeNeigh(c *control.Client, op string, args []string) error {
	x := control.NeighbourChange{Op: op}
	err := pairs(args, map[string]func(string) error{"dev": into(&x.Dev), "lladdr": into(&x.MAC),
		"": func(s string) (err error) { x.IP, err = parseAddr(s); return err }})
	switch {
	case err != nil:
		return err
	case op == "flush":
	case !x.IP.IsValid():
		return usage("which neighbour? say its address")
	case x.Dev == "":
		return usage("on which device? say dev DEV")
	case op != "del" && x.MAC == "":
		return usage("at which link address? say lladdr MAC")
	}
	return c.ChangeNeighbour(x)
}
