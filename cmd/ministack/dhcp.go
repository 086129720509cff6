package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/dhcp"
)

// leaseTime is how long a command waits for a DHCP server: for the fourth
// question, and a little longer.
const leaseTime = 30 * time.Second

// leases are the DHCP clients of a stack's devices, by the devices' names.
type leases map[string]*dhcp.Client

// obtain waits until every device that is to have a lease has one.
func (l *leases) obtain(ctx context.Context, s *ministack.Stack, devs []*deviceSpec) error {
	ctx, cancel := context.WithTimeout(ctx, leaseTime)
	defer cancel()
	for _, d := range devs {
		if !d.dhcp {
			continue
		}
		if err := l.ask(ctx, s, d.name); err != nil {
			l.release()
			return fmt.Errorf("--dhcp: %w; give it an --addr if there is no server", err)
		}
	}
	return nil
}

func (l *leases) ask(ctx context.Context, s *ministack.Stack, device string) error {
	host, _ := os.Hostname() // without one the server is told none
	c, err := dhcp.Start(s, dhcp.Config{Device: device, Hostname: host})
	if err != nil {
		return err
	}
	if *l == nil {
		*l = leases{}
	}
	(*l)[device] = c
	_, err = c.Wait(ctx)
	return err
}

// release gives the leases back.
func (l leases) release() {
	for _, c := range l {
		c.Close()
	}
}

// describe says what a device's server gave beside the address.
func (l leases) describe(device string) string {
	c := l[device]
	if c == nil || c.Lease() == nil {
		return ""
	}
	lease := c.Lease()
	text := fmt.Sprintf(" dhcp %v for %v", lease.Server, lease.Time)
	if lease.Time == 0 {
		text = fmt.Sprintf(" dhcp %v for ever", lease.Server)
	}
	for _, a := range lease.DNS {
		text += " dns " + a.String()
	}
	return text
}
