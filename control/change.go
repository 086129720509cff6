package control

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/slankdev/ministack/arp"
	"github.com/slankdev/ministack/ipv4"
	"github.com/slankdev/ministack/netdev"
)

// Changes of addresses, routes and neighbours.

func (v *Server) device(name string) (*netdev.Device, error) {
	for _, d := range v.stack.Devices() {
		if d.Name == name {
			return d, nil
		}
	}
	return nil, fmt.Errorf("the stack has no device %q: %w", name, syscall.ENODEV)
}

func badOp(op string) error {
	return fmt.Errorf("operation %q: there are add, replace, del and flush: %w", op, syscall.EINVAL)
}

func (v *Server) changeAddr(c *AddrChange) error {
	d, err := v.device(c.Dev)
	if err != nil {
		return err
	}
	there := slices.Contains(d.Addrs(), c.Prefix)
	switch {
	case c.Op == "replace" && there:
		return nil
	case c.Op == "add" && there:
		return fmt.Errorf("%s has %v already: %w", c.Dev, c.Prefix, syscall.EEXIST)
	case c.Op == "del" && !there:
		return fmt.Errorf("%s does not have %v: %w", c.Dev, c.Prefix, syscall.EADDRNOTAVAIL)
	}
	switch c.Op {
	case "add", "replace":
		return v.stack.AddAddr(c.Dev, c.Prefix)
	case "del":
		return v.stack.DelAddr(c.Dev, c.Prefix)
	case "flush":
		for _, p := range append([]netip.Prefix(nil), d.Addrs()...) {
			if err := v.stack.DelAddr(c.Dev, p); err != nil {
				return err
			}
		}
		return nil
	}
	return badOp(c.Op)
}

func (v *Server) changeRoute(c *RouteChange) error {
	e := ipv4.Entry{Dst: c.Dst, Metric: c.Metric}
	if c.Via != nil {
		e.Via = *c.Via
	}
	if c.Src != nil {
		e.Src = *c.Src
	}
	if c.Dev != "" {
		d, err := v.device(c.Dev)
		if err != nil {
			return err
		}
		e.Dev = d
	}
	switch c.Op {
	case "add":
		return routeError(v.stack.IP().AddRoute(e), e)
	case "replace":
		return v.replaceRoute(e)
	case "del":
		return routeError(v.stack.IP().DelRoute(e), e)
	case "flush":
		return v.flushRoutes(e.Dev)
	}
	return badOp(c.Op)
}

func routeError(err error, e ipv4.Entry) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENETUNREACH):
		return fmt.Errorf("route to %v: the gateway %v is on no network of the stack: %w", e.Dst, e.Via, err)
	case errors.Is(err, syscall.ESRCH):
		return fmt.Errorf("there is no such route to %v: %w", e.Dst, err)
	case errors.Is(err, syscall.EEXIST):
		return fmt.Errorf("there is such a route to %v already: %w", e.Dst, err)
	}
	return fmt.Errorf("route to %v: %w", e.Dst, err)
}

// replaceRoute enters the new one before the old ones go, unless it is one of
// them.
func (v *Server) replaceRoute(e ipv4.Entry) error {
	var old []ipv4.Entry
	for _, o := range v.stack.Routes() {
		if o.Dst == e.Dst && o.Metric == e.Metric {
			old = append(old, o)
		}
	}
	for _, o := range old {
		if err := v.stack.IP().DelRoute(o); err != nil {
			return routeError(err, o)
		}
	}
	err := v.stack.IP().AddRoute(e)
	if err == nil {
		return nil
	}
	for _, o := range old {
		_ = v.stack.IP().AddRoute(o) // it was there a moment ago
	}
	return routeError(err, e)
}

func (v *Server) flushRoutes(d *netdev.Device) error {
	for _, o := range v.stack.Routes() {
		if o.Kernel || d != nil && o.Dev != d {
			continue
		}
		if err := v.stack.IP().DelRoute(o); err != nil {
			return routeError(err, o)
		}
	}
	return nil
}

func (v *Server) changeNeighbour(c *NeighbourChange) error {
	if c.Op == "flush" {
		return v.flushNeighbours(c.Dev)
	}
	d, err := v.device(c.Dev)
	if err != nil {
		return err
	}
	if !c.IP.Is4() {
		return fmt.Errorf("%q is not an IPv4 address: %w", c.IP, syscall.EINVAL)
	}
	switch c.Op {
	case "add", "replace":
		return v.addNeighbour(d, c)
	case "del":
		if !v.stack.ARP().Delete(d, c.IP) {
			return fmt.Errorf("no neighbour %v on %s: %w", c.IP, c.Dev, syscall.ENOENT)
		}
		return nil
	}
	return badOp(c.Op)
}

func (v *Server) addNeighbour(d *netdev.Device, c *NeighbourChange) error {
	mac, err := net.ParseMAC(c.MAC)
	if err != nil || len(mac) != len(netdev.MACAddr{}) {
		return fmt.Errorf("%q is not a link address: %w", c.MAC, syscall.EINVAL)
	}
	for _, e := range v.stack.Neighbours() {
		if c.Op == "add" && e.IP == c.IP && e.Device == c.Dev && e.State != arp.Failed && e.State != arp.Incomplete {
			return fmt.Errorf("neighbour %v on %s: %w", c.IP, c.Dev, syscall.EEXIST)
		}
	}
	if !v.stack.ARP().Add(d, c.IP, netdev.MACAddr(mac)) {
		return fmt.Errorf("the neighbour table is full (net.ipv4.neigh.default.gc_thresh3): %w", syscall.ENOBUFS)
	}
	return nil
}

func (v *Server) flushNeighbours(dev string) error {
	for _, e := range v.stack.Neighbours() {
		if e.State == arp.Permanent || dev != "" && e.Device != dev {
			continue
		}
		if d, err := v.device(e.Device); err == nil {
			v.stack.ARP().Delete(d, e.IP)
		}
	}
	return nil
}
