package dhcp

import (
	"errors"
	"net/netip"
	"slices"
	"syscall"
)

// applied is what the client has changed in the stack, and takes back.
type applied struct {
	addr   netip.Prefix
	added  bool // the address was not there before
	routes []Route
	mtu    int // what the device had before, 0: unchanged
}

// configure makes the stack what a lease says, and touches nothing that is so
// already: connections outlive a renewal.
func (c *Client) configure(l *Lease) error {
	if c.set.addr != l.Addr {
		c.unconfigure()
	}
	var errs []error
	if c.set.addr != l.Addr {
		errs = append(errs, c.addAddr(l.Addr))
	}
	for _, r := range slices.Clone(c.set.routes) {
		if r.Via.IsValid() && !slices.Contains(l.Routes, r) {
			c.delRoute(r)
		}
	}
	for _, r := range l.Routes {
		if !slices.Contains(c.set.routes, r) {
			errs = append(errs, c.addRoute(r))
		}
	}
	c.setMTU(l.MTU)
	return errors.Join(errs...)
}

// unconfigure undoes it.
func (c *Client) unconfigure() {
	for _, r := range slices.Clone(c.set.routes) {
		c.delRoute(r)
	}
	if c.set.added {
		c.failed(c.stack.DelAddr(c.dev.Name, c.set.addr))
	}
	c.set.addr, c.set.added = netip.Prefix{}, false
	c.setMTU(0)
}

// addAddr gives the device an address. One that it has already stays when the
// lease ends.
func (c *Client) addAddr(p netip.Prefix) error {
	err := c.stack.AddAddr(c.dev.Name, p)
	c.set.addr, c.set.added = p, err == nil
	if errors.Is(err, syscall.EEXIST) {
		return nil
	}
	return err
}

// addRoute enters a route. A gateway that is on no network of ours is taken to
// be on the link, which is a route without a gateway.
func (c *Client) addRoute(r Route) error {
	err := c.stack.AddRoute(r.Dst, gateway(r), c.dev.Name)
	if errors.Is(err, syscall.ENETUNREACH) {
		link := Route{Dst: netip.PrefixFrom(r.Via, 32)}
		if err := c.addRoute(link); err != nil {
			return err
		}
		err = c.stack.AddRoute(r.Dst, r.Via, c.dev.Name)
	}
	if errors.Is(err, syscall.EEXIST) {
		return nil // and it is not ours to take away
	}
	if err == nil {
		c.set.routes = append(c.set.routes, r)
	}
	return err
}

// delRoute takes a route away that may have gone already.
func (c *Client) delRoute(r Route) {
	_ = c.stack.DelRoute(r.Dst, gateway(r), c.dev.Name)
	c.set.routes = slices.DeleteFunc(c.set.routes, func(o Route) bool { return o == r })
}

func gateway(r Route) netip.Addr {
	if r.Via.IsUnspecified() {
		return netip.Addr{}
	}
	return r.Via
}

// setMTU lowers the device's MTU to what the network has, 0 for what it was.
func (c *Client) setMTU(mtu int) {
	if mtu == 0 {
		if c.set.mtu != 0 {
			c.dev.SetMTU(c.set.mtu)
			c.set.mtu = 0
		}
		return
	}
	if c.set.mtu == 0 {
		c.set.mtu = c.dev.MTU()
	}
	c.dev.SetMTU(min(mtu, c.set.mtu))
}
