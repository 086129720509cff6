package ministack

import (
	"context"
	"net"
)

// DialFrom is DialContext from a local address, host:port, of which each part
// may be left open: ":4000", "10.9.0.2:". Errors are those of bind(2) as well.
func (s *Stack) DialFrom(ctx context.Context, network, local, address string) (net.Conn, error) {
	t, err := transportOf(network)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	from, err := t.parse(local)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	to, err := t.parse(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return s.dial(ctx, t, from, to)
}
