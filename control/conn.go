package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Conn is a connection of the stack, or a UDP socket with a peer, of which each
// Write is a datagram and each Read returns one.
type Conn struct {
	f       *framed
	network string
	local   net.Addr
	peer    net.Addr

	mu   sync.Mutex // readers
	buf  []byte
	left []byte // of the last frame
	err  error  // what every further Read returns
}

var _ net.Conn = (*Conn)(nil)

// address is a name as the stack gave it.
type address struct{ network, text string }

func (a address) Network() string { return a.network }
func (a address) String() string  { return a.text }

// DialContext connects to an address through the stack. Networks: tcp, udp.
func (c *Client) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return c.DialFrom(ctx, network, "", addr)
}

// DialFrom is DialContext from a local address, host:port, of which each part
// may be left open.
func (c *Client) DialFrom(ctx context.Context, network, local, addr string) (net.Conn, error) {
	q := StreamRequest{Network: network, Address: addr, Local: local}
	if at, ok := ctx.Deadline(); ok {
		q.Timeout = max(time.Until(at), time.Millisecond)
	}
	conn, err := c.open(ctx, "/dial", q, network)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: address{network, addr}, Err: err}
	}
	return conn, nil
}

// open upgrades a request and waits until the stack says what was opened.
func (c *Client) open(ctx context.Context, path string, q any, network string) (*Conn, error) {
	f, err := c.upgrade(ctx, path, q)
	if err != nil {
		return nil, err
	}
	conn := &Conn{f: f, network: network, buf: make([]byte, maxFrame)}
	o, err := conn.opened()
	if err != nil {
		f.c.Close()
		return nil, err
	}
	conn.local, conn.peer = address{network, o.Local}, address{network, o.Peer}
	return conn, nil
}

// upgrade sends a request on a connection of its own, and takes that over.
func (c *Client) upgrade(ctx context.Context, path string, q any) (*framed, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest(http.MethodPost, "http://stack"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", upgradeName)
	buffered := bufio.NewReader(conn)
	resp, err := roundTrip(conn, buffered, r)
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	defer resp.Body.Close()
	return &framed{c: conn, r: buffered}, nil
}

func roundTrip(conn net.Conn, buffered *bufio.Reader, r *http.Request) (*http.Response, error) {
	if err := r.Write(conn); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(buffered, r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		defer resp.Body.Close()
		return nil, readError(resp)
	}
	return resp, nil
}

// opened reads the frame that names a connection.
func (c *Conn) opened() (o Opened, err error) {
	kind, p, err := c.f.read(c.buf)
	switch {
	case err != nil:
		return o, err
	case kind == frameError:
		return o, decodeError(p)
	case kind != frameOpened:
		return o, fmt.Errorf("a frame of kind %d where a name was expected", kind)
	}
	return o, json.Unmarshal(p, &o)
}

func decodeError(p []byte) error {
	e := &Error{}
	if err := json.Unmarshal(p, e); err != nil {
		return err
	}
	return e
}

// Read reads what came; io.EOF is the peer's end of the stream.
func (c *Conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.left) == 0 && c.err == nil {
		done, err := c.next()
		if err != nil {
			return 0, err
		}
		if done {
			return 0, nil // an empty datagram
		}
	}
	if len(c.left) == 0 {
		return 0, c.err
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	if c.network != "tcp" {
		c.left = nil
	}
	return n, nil
}

// next takes in a frame; it reports true for an empty datagram.
func (c *Conn) next() (bool, error) {
	kind, p, err := c.f.read(c.buf)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		return false, os.ErrDeadlineExceeded
	}
	switch {
	case err != nil:
		c.err = fmt.Errorf("the stack went away: %w", err)
	case kind == frameEOF:
		c.err = io.EOF
	case kind == frameError:
		c.err = &net.OpError{Op: "read", Net: c.network, Source: c.local, Addr: c.peer, Err: decodeError(p)}
	case kind == frameData:
		c.left = p
		return len(p) == 0 && c.network != "tcp", nil
	}
	return false, nil
}

// Write sends p: bytes of the stream, or one datagram.
func (c *Conn) Write(p []byte) (int, error) {
	if c.network != "tcp" {
		return len(p), c.f.write(frameData, p)
	}
	for done := 0; done < len(p); {
		n := min(len(p)-done, maxFrame)
		if err := c.f.write(frameData, p[done:done+n]); err != nil {
			return done, err
		}
		done += n
	}
	return len(p), nil
}

// CloseWrite ends the writing half: the peer reads io.EOF.
func (c *Conn) CloseWrite() error { return c.f.write(frameEOF, nil) }

// Close closes the connection.
func (c *Conn) Close() error { return c.f.c.Close() }

// LocalAddr returns the stack's end.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the peer's end.
func (c *Conn) RemoteAddr() net.Addr { return c.peer }

// SetDeadline bounds reads and writes. A read that was cut short by it in the
// middle of a frame breaks the connection.
func (c *Conn) SetDeadline(t time.Time) error { return c.f.c.SetDeadline(t) }

// SetReadDeadline bounds reads; see SetDeadline.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.f.c.SetReadDeadline(t) }

// SetWriteDeadline bounds writes.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.f.c.SetWriteDeadline(t) }

// Listener is a listener of the stack.
type Listener struct {
	client *Client
	conn   *Conn
}

var _ net.Listener = (*Listener)(nil)

// Listen opens a listener in the stack. For UDP it is a socket whose first
// sender is the only connection that Accept returns.
func (c *Client) Listen(ctx context.Context, network, addr string) (*Listener, error) {
	conn, err := c.open(ctx, "/listen", StreamRequest{Network: network, Address: addr}, network)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: address{network, addr}, Err: err}
	}
	return &Listener{c, conn}, nil
}

// Accept waits for the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	o, err := l.conn.opened()
	if err != nil {
		return nil, &net.OpError{Op: "accept", Net: l.conn.network, Addr: l.conn.local, Err: err}
	}
	return l.client.open(context.Background(), "/accept", AcceptRequest{o.Token}, l.conn.network)
}

// Addr returns where the stack listens.
func (l *Listener) Addr() net.Addr { return l.conn.local }

// Close closes the listener; connections stay.
func (l *Listener) Close() error { return l.conn.Close() }
