// Package resolver looks names up with Go's own DNS client over a stack. The
// client (RFC 1035; answers that were cut short are asked for again over TCP)
// is that of package net, which gets the stack's connections to speak by; which
// server is asked, and for how long, is decided here.
package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/slankdev/ministack"
)

// How long one server is waited for, and how often the whole list is gone
// through: the defaults of resolv.conf(5).
const (
	patience = 5 * time.Second
	rounds   = 2
)

// Resolver asks a list of servers, in order.
type Resolver struct {
	servers  []server
	patience time.Duration // with each server
}

// server is one of them, with the client that knows no other.
type server struct {
	at     string // host:port
	client *net.Resolver
}

// New returns a resolver that asks servers, at port 53, over s. The stack's
// clock must be a real one: the client measures time itself.
func New(s *ministack.Stack, servers ...netip.Addr) *Resolver {
	r := &Resolver{patience: patience}
	for _, a := range servers {
		at := netip.AddrPortFrom(a.Unmap(), 53).String()
		r.servers = append(r.servers, server{at, &net.Resolver{PreferGo: true, Dial: dialer(s, at)}})
	}
	return r
}

// dialer connects to a server, whichever one the host's resolv.conf names. The
// client does not look at the end of the context while it waits for an answer:
// the connection is closed for it.
func dialer(s *ministack.Stack, at string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		c, err := s.DialContext(ctx, network, at)
		if err == nil {
			context.AfterFunc(ctx, func() { _ = c.Close() })
		}
		return c, err
	}
}

// LookupHost returns the addresses of a host as text; see LookupNetIP.
func (r *Resolver) LookupHost(ctx context.Context, host string) ([]string, error) {
	addrs, err := r.LookupNetIP(ctx, host)
	var all []string
	for _, a := range addrs {
		all = append(all, a.String())
	}
	return all, err
}

// LookupNetIP returns the IPv4 addresses of a host. An address stands for
// itself, and the host's own /etc/hosts comes first, as in any program that
// looks names up this way; search domains are not tried, so that a name means
// the same wherever the program runs. A server that does not answer within five
// seconds, or that fails, is passed over; the list is gone through twice. Errors
// are *net.DNSError.
func (r *Resolver) LookupNetIP(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	err := error(&net.DNSError{Err: "no DNS server is known", Name: host})
	for range rounds {
		for _, s := range r.servers {
			addrs, e := s.lookup(ctx, host, r.patience)
			if e == nil || final(e) || ctx.Err() != nil {
				return addrs, named(e, host, s.at)
			}
			err = named(e, host, s.at)
		}
	}
	return nil, err
}

// lookup asks one server. The dot at the end keeps search domains away.
func (s *server) lookup(ctx context.Context, host string, patience time.Duration) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if !strings.HasSuffix(host, ".") {
		host += "."
	}
	addrs, err := s.client.LookupNetIP(ctx, "ip4", host)
	for i, a := range addrs {
		addrs[i] = a.Unmap()
	}
	return addrs, err
}

// final reports whether an error is an answer: no other server knows better.
func final(err error) bool {
	var e *net.DNSError
	return errors.As(err, &e) && e.IsNotFound
}

// named has an error name what was asked for, and who was asked.
func named(err error, host, server string) error {
	var e *net.DNSError
	if !errors.As(err, &e) {
		return err
	}
	c := *e
	c.Name, c.Server = host, server
	return &c
}
