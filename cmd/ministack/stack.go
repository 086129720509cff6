package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/control"
	"github.com/slankdev/ministack/netdev"
)

// newStack brings up what the flags describe; f.leases.release comes before the
// stack's end.
func newStack(ctx context.Context, f *stackFlags) (*ministack.Stack, error) {
	settings := map[string]string{}
	for _, s := range f.sysctls {
		name, value, _ := strings.Cut(s, "=")
		settings[name] = value
	}
	s, err := ministack.New(ministack.Config{Sysctl: settings})
	if err != nil {
		return nil, err
	}
	for _, d := range f.devs {
		if err := attach(s, d); err != nil {
			s.Close()
			return nil, err
		}
	}
	if err := f.leases.obtain(ctx, s, f.devs); err != nil {
		s.Close()
		return nil, err
	}
	if f.gateway.IsValid() {
		if err := s.AddRoute(netip.PrefixFrom(netip.IPv4Unspecified(), 0), f.gateway, ""); err != nil {
			s.Close()
			return nil, fmt.Errorf("--gw %v is on the network of no --addr: %w", f.gateway, err)
		}
	}
	return s, nil
}

// attach opens a device, on both sides, and gives it its addresses.
func attach(s *ministack.Stack, d *deviceSpec) error {
	drv, err := openDriver(d)
	if err != nil {
		return err
	}
	if d.impair != nil {
		drv = netdev.Impair(drv, s.Clock(), *d.impair)
	}
	dev, err := s.Attach(drv, d.name)
	if err != nil {
		drv.Close()
		return err
	}
	if d.mtu != 0 {
		dev.SetMTU(d.mtu)
	}
	for _, p := range d.addrs {
		if err := s.AddAddr(dev.Name, p); err != nil {
			return err
		}
	}
	return nil
}

// connect returns the stack that a tool is about: one of its own, or a running
// one. done ends it.
func (a *app) connect(f *stackFlags) (c *control.Client, done func(), err error) {
	if len(f.devs) == 0 {
		c, err := find(f)
		if err != nil {
			return nil, nil, err
		}
		return c, func() { c.Close() }, nil
	}
	s, err := newStack(a.ctx, f)
	if err != nil {
		return nil, nil, err
	}
	c, v := control.Local(s)
	return c, func() {
		c.Close()
		finish(a.ctx, s)
		v.Close()
		f.leases.release()
		s.Close()
	}, nil
}

// find dials a running stack: by its socket, by its name, or the only one.
func find(f *stackFlags) (*control.Client, error) {
	switch {
	case f.control != "":
		return control.Dial(f.control)
	case f.name != "":
		c, err := control.Dial(control.Path(f.name))
		if err != nil {
			return nil, fmt.Errorf("%w (called %q)", err, f.name)
		}
		return c, nil
	}
	switch names := control.Names(); len(names) {
	case 0:
		return nil, fmt.Errorf("%w: none answers in %s", control.ErrNoStack, control.Dir())
	case 1:
		return control.Dial(control.Path(names[0]))
	default:
		return nil, usage("there are several stacks: say which with --name, one of %s", strings.Join(names, ", "))
	}
}
