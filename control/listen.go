package control

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// A listener's stream tells of each connection by a token; the client takes the
// connection by a stream of its own. The listener lives as long as its stream.

// listen opens a listener, or a UDP socket whose peer is whoever sends first.
func (v *Server) listen(w http.ResponseWriter, r *http.Request) {
	var q StreamRequest
	if err := read(w, r, &q); err != nil {
		fail(w, err)
		return
	}
	l, err := v.listener(&q)
	if err != nil {
		fail(w, err)
		return
	}
	defer l.Close()
	f, done, err := v.upgrade(w)
	if err != nil {
		return
	}
	defer done()
	if f.writeJSON(frameOpened, Opened{Local: l.Addr().String()}) != nil {
		return
	}
	v.serveListener(f, l)
}

func (v *Server) listener(q *StreamRequest) (net.Listener, error) {
	if !strings.HasPrefix(q.Network, "udp") {
		return v.stack.Listen(q.Network, q.Address)
	}
	p, err := v.stack.ListenPacket(q.Network, q.Address)
	if err != nil {
		return nil, err
	}
	return &packetListener{p: p, closed: make(chan struct{})}, nil
}

// serveListener announces connections until the client or the listener goes.
func (v *Server) serveListener(f *framed, l net.Listener) {
	var mine []string
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				_ = f.writeJSON(frameError, errorOf(err)) // or the client has gone
				return
			}
			o := openedOf(c)
			o.Token = v.keep(c)
			mine = append(mine, o.Token)
			if f.writeJSON(frameOpened, o) != nil {
				return
			}
		}
	}()
	_, _, _ = f.read(make([]byte, maxFrame)) // the client says nothing: it has gone
	l.Close()
	<-ended
	for _, token := range mine {
		if c := v.take(token); c != nil {
			c.Close()
		}
	}
}

// keep holds a connection until somebody takes it.
func (v *Server) keep(c net.Conn) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tokens++
	token := strconv.Itoa(v.tokens)
	v.waiting[token] = c
	return token
}

func (v *Server) take(token string) net.Conn {
	v.mu.Lock()
	defer v.mu.Unlock()
	c := v.waiting[token]
	delete(v.waiting, token)
	return c
}

// accept joins a connection that waits to the client's.
func (v *Server) accept(w http.ResponseWriter, r *http.Request) {
	var q AcceptRequest
	if err := read(w, r, &q); err != nil {
		fail(w, err)
		return
	}
	c := v.take(q.Token)
	if c == nil {
		fail(w, fmt.Errorf("no connection waits under %q: %w", q.Token, syscall.ENOENT))
		return
	}
	defer c.Close()
	f, done, err := v.upgrade(w)
	if err != nil {
		return
	}
	defer done()
	if f.writeJSON(frameOpened, openedOf(c)) == nil {
		relay(f, c)
	}
}

// packetListener is a UDP socket whose first sender becomes its only peer, as
// that of nc -lu.
type packetListener struct {
	p      net.PacketConn
	taken  atomic.Bool // a peer has the socket
	once   sync.Once
	closed chan struct{}
}

func (l *packetListener) Addr() net.Addr { return l.p.LocalAddr() }

// Close closes the socket, unless a peer has it.
func (l *packetListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	if l.taken.Load() {
		return nil
	}
	return l.p.Close()
}

// Accept waits for the first datagram. There is no second peer: it waits for
// Close.
func (l *packetListener) Accept() (net.Conn, error) {
	if l.taken.Load() {
		<-l.closed
		return nil, net.ErrClosed
	}
	buf := make([]byte, maxFrame)
	n, peer, err := l.p.ReadFrom(buf)
	if err != nil {
		return nil, err
	}
	l.taken.Store(true)
	return &packetPeer{PacketConn: l.p, peer: peer, first: buf[:n], has: true}, nil
}

// packetPeer is a UDP socket with one peer, by its own choice.
type packetPeer struct {
	net.PacketConn
	peer  net.Addr
	first []byte
	has   bool
}

func (c *packetPeer) RemoteAddr() net.Addr { return c.peer }

func (c *packetPeer) Write(p []byte) (int, error) { return c.WriteTo(p, c.peer) }

func (c *packetPeer) Read(p []byte) (int, error) {
	if c.has {
		c.has = false
		return copy(p, c.first), nil
	}
	for {
		n, from, err := c.ReadFrom(p)
		if err != nil || from.String() == c.peer.String() {
			return n, err
		}
	}
}
