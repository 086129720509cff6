package tcp

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/slankdev/ministack/sysctl"
	"github.com/slankdev/ministack/tcp/cc"
)

// Which congestion control a connection has (tcp_cong.c): its own choice by
// TCP_CONGESTION, which stands for what it accepts too, or else the stack's. A
// socket may choose among the allowed ones. Linux lets root choose any; here
// nobody is root.

// declareCongestion offers the algorithms that the registry knows.
func (s *settings) declareCongestion(r *sysctl.Registry, known *cc.Registry) {
	s.allowed = r.String("net.ipv4.tcp_allowed_congestion_control", known.Names(), func(names string) error {
		for _, name := range strings.Fields(names) {
			if known.New(name) == nil {
				return fmt.Errorf("no congestion control %q: %w", name, syscall.ENOENT)
			}
		}
		return nil
	})
	s.congestion = r.String("net.ipv4.tcp_congestion_control", "cubic", func(name string) error {
		if known.New(name) == nil {
			return fmt.Errorf("no congestion control %q; there are: %s", name, known.Names())
		}
		return nil
	})
	r.String("net.ipv4.tcp_available_congestion_control", known.Names(), readOnly)
}

func readOnly(string) error { return fmt.Errorf("read-only") }

// allows reports whether a socket may choose an algorithm: the stack's own
// always.
func (s *settings) allows(name string) bool {
	return name == s.congestion.Get() || slices.Contains(strings.Fields(s.allowed.Get()), name)
}

// Congestion returns the name of the congestion control (TCP_CONGESTION).
func (c *Conn) Congestion() string {
	c.Lock()
	defer c.Unlock()
	return c.user.congestion
}

// SetCongestion chooses another congestion control. Errors: ENOENT, EPERM for
// one that is not among net.ipv4.tcp_allowed_congestion_control.
func (c *Conn) SetCongestion(name string) error {
	a := c.m.congestion.New(name)
	c.Lock()
	defer c.Unlock()
	switch {
	case a == nil:
		return syscall.ENOENT
	case name == c.user.congestion:
		return nil
	case !c.m.set.allows(name):
		return syscall.EPERM
	}
	c.wish().congestion = name
	if !c.state.in(setOf(Closed, Listen)) {
		c.tx.SetAlgorithm(c.Env().Clock.Now(), a)
	}
	return nil
}
