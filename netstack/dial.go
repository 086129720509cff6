package netstack

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"
)

// leastPatience is what a dial gives each of several addresses at least.
const leastPatience = 2 * time.Second

// LookupHost returns the addresses of a host; see LookupContextHost.
func (n *Net) LookupHost(host string) ([]string, error) {
	return n.LookupContextHost(context.Background(), host)
}

// LookupContextHost returns the IPv4 addresses of a host, by Go's own DNS client
// over the stack; see resolver.Resolver. Errors are *net.DNSError.
func (n *Net) LookupContextHost(ctx context.Context, host string) ([]string, error) {
	return n.names.LookupHost(ctx, host)
}

// Dial connects to an address; see DialContext.
func (n *Net) Dial(network, address string) (net.Conn, error) {
	return n.DialContext(context.Background(), network, address)
}

// DialContext connects to an address: host:port, or only a host for a ping. The
// host may be a name, whose addresses are tried in turn, each for its share of
// the time that is left; the first error is then the one that is returned.
// Networks: tcp, tcp4, udp, udp4, ping, ping4. Errors are *net.OpError.
func (n *Net) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	dial, host, port := n.dialer(network), address, ""
	if dial == nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: net.UnknownNetworkError(network)}
	}
	if !isPing(network) {
		var err error
		if host, port, err = net.SplitHostPort(address); err != nil {
			return nil, &net.OpError{Op: "dial", Net: network, Err: err}
		}
	}
	hosts, err := n.hosts(ctx, host)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return dialEach(ctx, hosts, func(ctx context.Context, host string) (net.Conn, error) { return dial(ctx, host, port) })
}

func isPing(network string) bool { return strings.HasPrefix(network, "ping") }

// dialer returns what connects by a network, nil for one that is not there.
func (n *Net) dialer(network string) func(ctx context.Context, host, port string) (net.Conn, error) {
	switch network {
	case "tcp", "tcp4", "udp", "udp4":
		return func(ctx context.Context, host, port string) (net.Conn, error) {
			return n.stack.DialContext(ctx, network, net.JoinHostPort(host, port))
		}
	case "ping", "ping4":
		return n.dialPing
	}
	return nil
}

func (n *Net) dialPing(ctx context.Context, host, _ string) (net.Conn, error) {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return nil, missing("dial", "ping")
	}
	p, err := wrapPing(n.stack.DialPing(ctx, netip.Addr{}, a))
	if err != nil {
		return nil, err // not p, which would be an interface that holds nil
	}
	return p, nil
}

// hosts are the addresses of a host. No host is this one.
func (n *Net) hosts(ctx context.Context, host string) ([]string, error) {
	if host == "" || host == "localhost" {
		return []string{host}, nil
	}
	return n.LookupContextHost(ctx, host)
}

// dialEach tries addresses in turn.
func dialEach(ctx context.Context, hosts []string, dial func(context.Context, string) (net.Conn, error)) (net.Conn, error) {
	var first error
	for i, host := range hosts {
		part, cancel := share(ctx, len(hosts)-i)
		c, err := dial(part, host)
		cancel()
		if err == nil {
			return c, nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, first
}

// share gives one of n addresses its part of the time that is left, but not
// less than leastPatience.
func share(ctx context.Context, n int) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok || n == 1 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, max(time.Until(end)/time.Duration(n), leastPatience))
}
