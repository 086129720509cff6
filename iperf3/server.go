package iperf3

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/slankdev/ministack"
)

// cookieTime is how long a connection may take to say who it is. A client that
// comes while another one has its test waits busyTime: the other one may be about
// to go.
const (
	cookieTime = 10 * time.Second
	busyTime   = 250 * time.Millisecond
)

// Server serves one test after another.
type Server struct {
	stack    *ministack.Stack
	listener *ministack.Listener
	slot     chan struct{} // a token: who has it runs a test
	wg       sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	open      map[*ministack.Conn]struct{} // connections that no test has
	gathering *test                        // waits for its data connections
	running   *test
}

// Listen makes a server at a TCP port of the stack, and while a test runs over
// UDP at that port, too. Errors are those of Stack.Listen.
func Listen(s *ministack.Stack, port int) (*Server, error) {
	l, err := s.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return nil, err
	}
	v := &Server{stack: s, listener: l.(*ministack.Listener), slot: make(chan struct{}, 1), open: map[*ministack.Conn]struct{}{}}
	v.slot <- struct{}{}
	return v, nil
}

// Addr is where the server listens.
func (v *Server) Addr() net.Addr { return v.listener.Addr() }

// Serve accepts clients until Close, and returns when all are gone.
func (v *Server) Serve() {
	defer v.wg.Wait()
	for order := uint64(0); ; order++ {
		c, err := v.listener.Accept()
		if err != nil {
			return
		}
		conn := c.(*ministack.Conn)
		if !v.enter(conn) {
			conn.Close()
			return
		}
		v.wg.Go(func() { v.handle(conn, order) })
	}
}

// enter keeps a connection for Close to find.
func (v *Server) enter(c *ministack.Conn) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.closed {
		v.open[c] = struct{}{}
	}
	return !v.closed
}

func (v *Server) leave(c *ministack.Conn) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.open, c)
}

// handle finds out what a connection is for.
func (v *Server) handle(c *ministack.Conn, order uint64) {
	defer v.leave(c)
	ctl := &control{conn: c, clock: v.stack.Clock()}
	ck, err := ctl.readCookie(cookieTime)
	if err == nil && v.join(ck, accepted{c, order}) {
		return
	}
	defer c.Close()
	if err != nil {
		return
	}
	if !ctl.clock.Wait(v.slot, ctl.clock.Now().Add(busyTime)) {
		_ = ctl.send(accessDenied) // it hears it or it does not
		return
	}
	t := &test{srv: v, ctl: ctl, cookie: ck, stop: make(chan struct{})}
	v.begin(t)
	_ = t.run() // the client was told
	v.begin(nil)
	v.slot <- struct{}{}
}

// begin notes the test that runs.
func (v *Server) begin(t *test) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.running = t
}

// gather makes a test the one that gets data connections.
func (v *Server) gather(t *test) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.gathering = t
}

// join gives a data connection to its test, without a deadline.
func (v *Server) join(ck cookie, a accepted) bool {
	v.mu.Lock()
	t := v.gathering
	v.mu.Unlock()
	if t == nil || t.cookie != ck {
		return false
	}
	_ = a.conn.Socket().SetReadDeadline(0)
	_ = a.conn.Socket().SetWriteDeadline(0)
	return t.take(a)
}

// Close stops accepting, tells a client whose test runs that the server ends,
// and closes its connections.
func (v *Server) Close() error {
	err := v.listener.Close()
	v.mu.Lock()
	v.closed = true
	t := v.running
	open := make([]*ministack.Conn, 0, len(v.open))
	for c := range v.open {
		open = append(open, c)
	}
	v.mu.Unlock()
	if t != nil {
		t.ctl.until(t.now().Add(busyTime))
		_ = t.ctl.send(serverTerminate) // it is said in passing
	}
	for _, c := range open {
		c.Close()
	}
	return err
}
