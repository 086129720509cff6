package ministack

import (
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/socket"
)

// endpoint is what streams and datagrams share: names, deadlines, close.
type endpoint struct {
	s     *socket.Socket
	names atomic.Pointer[names] // nil until they are wanted
}

// names are what an endpoint is called.
type names struct {
	network       string
	local, remote net.Addr
}

// init takes over the socket; n may be nil for a connection.
func (e *endpoint) init(k *socket.Socket, n *names) {
	e.s = k
	e.names.Store(n)
}

// named returns the names. A connection asks its socket for them when they are
// wanted, which an idle one's rarely are, and once: errors carry them, and a
// server's read that is called off fails with each request.
func (e *endpoint) named() *names {
	if n := e.names.Load(); n != nil {
		return n
	}
	local, peer := e.s.Ops().Names()
	n := &names{"tcp", net.TCPAddrFromAddrPort(local), net.TCPAddrFromAddrPort(peer)}
	e.names.Store(n)
	return n
}

// LocalAddr returns the local address.
func (e *endpoint) LocalAddr() net.Addr { return e.named().local }

// RemoteAddr returns the peer's address, nil without a peer.
func (e *endpoint) RemoteAddr() net.Addr { return e.named().remote }

// Socket returns the socket underneath, for what package net does not offer.
func (e *endpoint) Socket() *socket.Socket { return e.s }

func (e *endpoint) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	n := e.named()
	return opError(op, n.network, e.s, n.local, n.remote, err)
}

// Close closes the socket. Calls that sleep return net.ErrClosed.
func (e *endpoint) Close() error { return e.fail("close", e.s.Close()) }

// SetDeadline bounds reads and writes; see net.Conn.
func (e *endpoint) SetDeadline(t time.Time) error {
	if err := e.SetReadDeadline(t); err != nil {
		return err
	}
	return e.SetWriteDeadline(t)
}

// SetReadDeadline bounds reads; see net.Conn.
func (e *endpoint) SetReadDeadline(t time.Time) error {
	return e.fail("set", e.s.SetReadDeadline(instant(e.s.Clock(), t)))
}

// SetWriteDeadline bounds writes; see net.Conn.
func (e *endpoint) SetWriteDeadline(t time.Time) error {
	return e.fail("set", e.s.SetWriteDeadline(instant(e.s.Clock(), t)))
}

// instant is a time of day on a clock.
func instant(c clock.Clock, t time.Time) clock.Time {
	if t.IsZero() {
		return 0
	}
	wall := time.Until(t)
	if c.Virtual() {
		wall = t.Sub(c.Wall())
	}
	return max(c.Now().Add(wall), 1)
}

// Conn is a TCP connection as a net.Conn, with the methods of net.TCPConn.
type Conn struct{ endpoint }

var _ net.Conn = (*Conn)(nil)

// Read reads what has arrived; io.EOF is the end of the stream.
func (c *Conn) Read(p []byte) (int, error) {
	if read, _ := c.s.Deadlines(); read {
		return 0, c.fail("read", errDeadline(c.s))
	}
	n, err := c.s.Recv(p, 0)
	if n == 0 && err == nil && len(p) > 0 {
		return 0, io.EOF
	}
	return n, c.fail("read", err)
}

// Write writes all of p, unless it fails.
func (c *Conn) Write(p []byte) (int, error) {
	if _, write := c.s.Deadlines(); write {
		return 0, c.fail("write", errDeadline(c.s))
	}
	done := 0
	for {
		n, err := c.s.Send(p[done:], 0)
		done += n
		if err != nil || done == len(p) {
			return done, c.fail("write", err)
		}
	}
}

// CloseRead ends the reading half.
func (c *Conn) CloseRead() error { return c.fail("close", c.s.Shutdown(socket.SHUT_RD)) }

// CloseWrite ends the writing half: the peer reads io.EOF.
func (c *Conn) CloseWrite() error { return c.fail("close", c.s.Shutdown(socket.SHUT_WR)) }

func (c *Conn) setsockopt(level, name, value int) error {
	return c.fail("set", c.s.Setsockopt(level, name, value))
}

// SetNoDelay switches Nagle's algorithm off, or on. Connections begin with it
// off, as those of package net do.
func (c *Conn) SetNoDelay(on bool) error {
	return c.setsockopt(socket.SOL_TCP, socket.TCP_NODELAY, number(on))
}

// SetLinger sets SO_LINGER, in seconds; negative: off.
func (c *Conn) SetLinger(sec int) error {
	return c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, sec)
}

// SetKeepAlive switches keepalive on or off. Connections begin with it off,
// unless Config.KeepAlive says otherwise: one that is idle has no timer and sends
// nothing.
func (c *Conn) SetKeepAlive(on bool) error {
	return c.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, number(on))
}

// SetKeepAlivePeriod sets the time before the first probe and between probes,
// in whole seconds.
func (c *Conn) SetKeepAlivePeriod(d time.Duration) error {
	return c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: d, Interval: d})
}

// SetKeepAliveConfig sets all of keepalive; zero fields stay as they are.
func (c *Conn) SetKeepAliveConfig(k net.KeepAliveConfig) error {
	sec := func(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
	for _, o := range []struct{ name, value int }{
		{socket.TCP_KEEPIDLE, sec(k.Idle)}, {socket.TCP_KEEPINTVL, sec(k.Interval)}, {socket.TCP_KEEPCNT, k.Count},
	} {
		if o.value <= 0 {
			continue
		}
		if err := c.setsockopt(socket.SOL_TCP, o.name, o.value); err != nil {
			return err
		}
	}
	return c.SetKeepAlive(k.Enable)
}

// SetReadBuffer and SetWriteBuffer fix the buffers' sizes, in bytes.
func (c *Conn) SetReadBuffer(n int) error {
	return c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, n)
}

// SetWriteBuffer fixes the send buffer's size, in bytes.
func (c *Conn) SetWriteBuffer(n int) error {
	return c.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, n)
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Listener is a net.Listener for TCP.
type Listener struct {
	endpoint
	stack *Stack
}

var _ net.Listener = (*Listener)(nil)

// Accept waits for the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	k, _, err := l.s.Accept()
	if err != nil {
		return nil, l.fail("accept", err)
	}
	return l.stack.ready(k), nil
}

// Addr returns the address that it listens at.
func (l *Listener) Addr() net.Addr { return l.LocalAddr() }

// ready makes a net.Conn of a connected socket.
func (s *Stack) ready(k *socket.Socket) *Conn {
	c := new(Conn)
	c.init(k, nil)
	if s.keepAlive.Enable {
		_ = c.SetKeepAliveConfig(s.keepAlive) // a connection that has died meanwhile says so when it is used
	}
	return c
}

// noDelay switches Nagle's algorithm off, as package net does: of a listener's
// connections before there are any, of one that is dialled before it stands.
func noDelay(k *socket.Socket) error { return k.Setsockopt(socket.SOL_TCP, socket.TCP_NODELAY, 1) }

func tcpAddr(a netip.AddrPort) net.Addr { return net.TCPAddrFromAddrPort(a) }
