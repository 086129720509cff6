// Package dhcp gets a device of a stack its address from a server (RFC 2131):
// address and network, routes, DNS servers and MTU, renewed for as long as the
// client runs and given back at its end. Messages are built and read by
// github.com/insomniacslk/dhcp, so only programs that import this package link
// that library; sockets and clock are the stack's, so that a client on a virtual
// clock lives through a week of leases in a test.
//
//	c, err := dhcp.Start(s, dhcp.Config{Device: "eth0"})
//	lease, err := c.Wait(ctx)
//	names := resolver.New(s, lease.DNS...)
//	...
//	err = c.Close() // before the stack's
package dhcp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/socket"
)

// Config says what a client asks for.
type Config struct {
	// Device is the name of the device that is to have an address.
	Device string
	// Hostname is told to the server (option 12) unless it is empty.
	Hostname string
	// ClientID is by what the server knows the client (option 61, RFC 2132
	// 9.14): nil for Ethernet's type and the device's address.
	ClientID []byte
	// Changed is told of each new or renewed lease, and with nil of a lost one.
	// Failed is told of what goes wrong meanwhile; the client goes on. Both may
	// be nil, and must not wait: the stack's timers run in the same goroutine.
	Changed func(*Lease)
	Failed  func(error)
}

// Client keeps a device's lease.
type Client struct {
	cfg   Config
	stack *ministack.Stack
	dev   *netdev.Device
	clock clock.Clock
	sock  *socket.Socket
	wake  *inet.Waiter

	mu      sync.Mutex
	state   state
	xid     dhcpv4.TransactionID
	began   clock.Time // when it began to look for a server, for the field secs
	sent    clock.Time // when the last request left
	tries   int        // messages since the state began
	offer   *dhcpv4.DHCPv4
	lease   *Lease
	since   clock.Time // when the lease began
	timer   clock.Timer
	due     clock.Time // when the timer is to fire
	set     applied
	later   []func() // for when the lock is released
	waiters map[chan struct{}]bool
}

// Start begins to look for a server on a device, from 0.0.0.0 if that has no
// address yet. Errors: ENODEV, EOPNOTSUPP for a device without broadcasts,
// EADDRINUSE where another client has it.
func Start(s *ministack.Stack, cfg Config) (*Client, error) {
	c := &Client{cfg: cfg, stack: s, clock: s.Clock(), waiters: map[chan struct{}]bool{}}
	for _, d := range s.Devices() {
		if d.Name == cfg.Device {
			c.dev = d
		}
	}
	switch {
	case c.dev == nil:
		return nil, fmt.Errorf("no device called %q: %w", cfg.Device, syscall.ENODEV)
	case c.dev.Flags()&netdev.IsBroadcast == 0:
		return nil, fmt.Errorf("device %s cannot broadcast: %w", cfg.Device, syscall.EOPNOTSUPP)
	}
	if c.cfg.ClientID == nil {
		c.cfg.ClientID = append([]byte{byte(ethernet)}, c.dev.MAC[:]...)
	}
	if err := c.open(); err != nil {
		return nil, fmt.Errorf("dhcp on %s: %w", cfg.Device, err)
	}
	c.timer.Init(c.clock, func(any) { c.do(c.fire) }, nil)
	c.do(c.discover)
	return c, nil
}

// do runs fn under the lock, and then what it left for later.
func (c *Client) do(fn func()) {
	c.mu.Lock()
	fn()
	later := c.later
	c.later = nil
	c.mu.Unlock()
	for _, fn := range later {
		fn()
	}
}

// failed tells of an error, later.
func (c *Client) failed(err error) {
	if err != nil && c.cfg.Failed != nil {
		c.later = append(c.later, func() { c.cfg.Failed(err) })
	}
}

// changed tells of the lease that there is now, nil for none.
func (c *Client) changed(l *Lease) {
	c.lease = l
	if c.cfg.Changed != nil {
		c.later = append(c.later, func() { c.cfg.Changed(l) })
	}
	c.wakeAll()
}

func (c *Client) wakeAll() {
	for w := range c.waiters {
		signal(w)
	}
}

func signal(w chan struct{}) {
	select {
	case w <- struct{}{}:
	default:
	}
}

// Lease returns the lease, nil while there is none.
func (c *Client) Lease() *Lease {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lease
}

// Wait returns the lease as soon as there is one. Errors: net.ErrClosed, and
// the context's.
func (c *Client) Wait(ctx context.Context) (*Lease, error) {
	w := make(chan struct{}, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiters[w] = true
	defer delete(c.waiters, w)
	defer context.AfterFunc(ctx, func() { signal(w) })()
	for {
		switch {
		case c.state == stopped:
			return nil, net.ErrClosed
		case c.lease != nil:
			return c.lease, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("no lease on %s after %d messages: %w", c.cfg.Device, c.tries, ctx.Err())
		}
		c.mu.Unlock()
		c.clock.Wait(w, 0)
		c.mu.Lock()
	}
}

// patience is how long Close waits for the server's link address.
const patience = 500 * time.Millisecond

// Close gives the lease back (RFC 2131 4.4.6), takes the address from the device
// and ends the client. Close it before its stack. Error: net.ErrClosed.
func (c *Client) Close() error {
	err := net.ErrClosed
	var server netip.Addr
	c.do(func() {
		if c.state == stopped {
			return
		}
		err = nil
		if c.lease != nil {
			server = c.lease.Server
			c.release()
		}
	})
	if err != nil {
		return err
	}
	c.linger(server)
	c.do(c.stop)
	return nil
}

// linger waits until the release has left: its address is needed for that.
func (c *Client) linger(server netip.Addr) {
	end := c.clock.Now().Add(patience)
	for server.IsValid() && c.held() && c.clock.Now() < end {
		c.clock.Wait(nil, c.clock.Now().Add(5*time.Millisecond))
	}
}

// held reports whether packets wait for a neighbour on the device.
func (c *Client) held() bool {
	for _, e := range c.stack.Neighbours() {
		if e.Device == c.dev.Name && e.Held > 0 {
			return true
		}
	}
	return false
}

// stop ends everything.
func (c *Client) stop() {
	if c.state == stopped {
		return
	}
	c.setState(stopped)
	c.timer.Stop()
	c.unconfigure()
	c.wake.Remove()
	if c.sock != nil {
		_ = c.sock.Close() // there is nothing to lose
	}
	if c.lease != nil {
		c.changed(nil)
	}
	c.wakeAll()
}
