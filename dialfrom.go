package ministack

import (
	"context"
	"net"

	"github.com/slankdev/ministack/socket"
)

// DialFrom is DialContext from a local address, host:port, of which each part
// may be left open: ":4000", "10.9.0.2:". Errors are those of bind(2) as well.
func (s *Stack) DialFrom(ctx context.Context, network, local, address string) (net.Conn, error) {
	t, err := transportOf(network)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	from, err := parseAddr(network, local)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	to, err := parseAddr(network, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	k, err := s.Socket(socket.AF_INET, t.typ, t.protocol)
	if err != nil {
		return nil, opError("dial", t.name, nil, t.addr(from), t.addr(to), err)
	}
	if err = k.Bind(from); err == nil {
		err = s.connect(ctx, k, to)
	}
	if err != nil {
		_ = k.Close() // the first error is the one to report
		return nil, opError("dial", t.name, k, t.addr(from), t.addr(to), err)
	}
	if t.typ == socket.SOCK_DGRAM {
		return s.newPacketConn(k), nil
	}
	return s.ready(k), nil
}
