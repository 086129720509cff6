package ministack

import (
	"context"
	"net"
	"time"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/tcp"
)

// TCPOptions bounds what HandleTCPWith has in flight; a zero field is its
// default: 4096 requests, 1024 of one source, 2 minutes.
type TCPOptions = tcp.ForwardOptions

// HandleTCP has f called for each connection attempt that no listener takes,
// before it is answered: f may dial the real destination first, and then
// Accept, Reset or Drop the request. See HandleTCPWith.
func (s *Stack) HandleTCP(f func(*TCPRequest)) { s.HandleTCPWith(TCPOptions{}, f) }

// HandleTCPWith is HandleTCP with limits. A SYN beyond them is dropped as
// HANDLER_FULL: its peer tries again. Each call of f has a goroutine of its
// own; on a virtual clock it is an event of the clock, which must not wait. SYNs
// that come again while a request is in flight make no second one. A nil f ends
// the handling: attempts are reset again. With SetPromiscuousMode and SetSpoofing
// the attempts are those to any address.
func (s *Stack) HandleTCPWith(o TCPOptions, f func(*TCPRequest)) {
	if f == nil {
		s.tcp.Forward(nil, o)
		return
	}
	s.tcp.Forward(func(a *tcp.Attempt) {
		r := &TCPRequest{stack: s, attempt: a}
		s.spawn(func() { f(r) })
	}, o)
}

// spawn runs an embedder's function outside of the receive path.
func (s *Stack) spawn(f func()) {
	if s.env.Clock.Virtual() {
		s.env.Clock.Post(f)
		return
	}
	go f()
}

// TCPRequest is a connection attempt that waits for an answer. One that nobody
// answers is dropped when its peer has given up, or after TCPOptions.Timeout.
// Its methods may be called from any goroutine; the first of Accept, Reset and
// Drop decides, and the others return EALREADY.
type TCPRequest struct {
	stack   *Stack
	attempt *tcp.Attempt
}

// LocalAddr returns the address that the peer wants to talk to.
func (r *TCPRequest) LocalAddr() *net.TCPAddr {
	local, _ := r.attempt.Names()
	return net.TCPAddrFromAddrPort(local)
}

// RemoteAddr returns the peer's address.
func (r *TCPRequest) RemoteAddr() *net.TCPAddr {
	_, peer := r.attempt.Names()
	return net.TCPAddrFromAddrPort(peer)
}

// Context is done when the peer has gone before it was answered: what is
// dialled for it need not go on.
func (r *TCPRequest) Context() context.Context { return attemptContext{r.attempt} }

// Accept answers the peer and returns the connection when the handshake is
// done. Errors, as *net.OpError: ECONNRESET and ETIMEDOUT where the peer has
// gone before or meanwhile, EHOSTUNREACH, EALREADY, net.ErrClosed on a stack
// that closed.
func (r *TCPRequest) Accept() (net.Conn, error) {
	return r.accepted(r.attempt.Accept(new(inet.Patience)))
}

// AcceptFunc is Accept for those who must not wait, as on a virtual clock: done
// is called, as HandleTCP's function is, when the handshake is done or has failed.
func (r *TCPRequest) AcceptFunc(done func(net.Conn, error)) {
	r.attempt.AcceptFunc(func(c *tcp.Conn, err error) {
		r.stack.spawn(func() { done(r.accepted(c, err)) })
	})
}

func (r *TCPRequest) accepted(c *tcp.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, r.fail("accept", err)
	}
	k := r.stack.socket.Adopt(c)
	if k == nil {
		return nil, r.fail("accept", errClosed)
	}
	_ = noDelay(k) // see ready
	return r.stack.ready(k), nil
}

// Reset refuses: the peer reads "connection refused". Errors as Accept.
func (r *TCPRequest) Reset() error { return r.fail("reset", r.attempt.Reset()) }

// Drop gives no answer: the peer tries again, which makes a new request, until
// it gives up. Errors as Accept.
func (r *TCPRequest) Drop() error { return r.fail("drop", r.attempt.Drop()) }

func (r *TCPRequest) fail(op string, err error) error {
	if err != nil && r.stack.closed.Load() {
		err = errClosed
	}
	return opError(op, "tcp", nil, r.LocalAddr(), r.RemoteAddr(), err)
}

// attemptContext ends with a connection attempt.
type attemptContext struct{ a *tcp.Attempt }

// Deadline returns none.
func (c attemptContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done is closed when the peer has gone.
func (c attemptContext) Done() <-chan struct{} { return c.a.Done() }

// Err returns context.Canceled then.
func (c attemptContext) Err() error {
	select {
	case <-c.a.Done():
		return context.Canceled
	default:
		return nil
	}
}

// Value returns nil.
func (c attemptContext) Value(any) any { return nil }
