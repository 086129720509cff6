package control

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
)

// dial opens a connection of the stack and joins it to the client's.
func (v *Server) dial(w http.ResponseWriter, r *http.Request) {
	var q StreamRequest
	if err := read(w, r, &q); err != nil {
		fail(w, err)
		return
	}
	ctx, cancel := r.Context(), context.CancelFunc(func() {})
	if q.Timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, q.Timeout)
	}
	defer cancel()
	c, err := v.connect(ctx, &q)
	if err != nil {
		fail(w, err)
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

func (v *Server) connect(ctx context.Context, q *StreamRequest) (net.Conn, error) {
	if q.Local != "" {
		return v.stack.DialFrom(ctx, q.Network, q.Local, q.Address)
	}
	return v.stack.DialContext(ctx, q.Network, q.Address)
}

// upgrade takes the connection of a request over.
func (v *Server) upgrade(w http.ResponseWriter) (f *framed, done func(), err error) {
	w.Header().Set("Connection", "Upgrade")
	w.Header().Set("Upgrade", upgradeName)
	w.WriteHeader(http.StatusSwitchingProtocols)
	c, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		c.Close()
		return nil, nil, http.ErrServerClosed
	}
	v.streams[c] = struct{}{}
	v.wg.Add(1)
	return &framed{c: c, r: buffered.Reader}, func() { v.drop(c) }, nil
}

func (v *Server) drop(c net.Conn) {
	c.Close()
	v.mu.Lock()
	delete(v.streams, c)
	v.mu.Unlock()
	v.wg.Done()
}

// relay joins a connection of the stack to the client's: two directions, each
// with an end of its own. It returns when both have ended, or one has failed.
func relay(f *framed, c net.Conn) {
	back := make(chan struct{})
	go func() {
		defer close(back)
		fromStack(f, c)
	}()
	fromClient(f, c)
	<-back
}

// fromStack sends the client what the connection brings.
func fromStack(f *framed, c net.Conn) {
	buf := make([]byte, maxFrame)
	for {
		n, err := c.Read(buf)
		if n > 0 || err == nil {
			if f.write(frameData, buf[:n]) != nil {
				return // the client has gone, which fromClient sees as well
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			_ = f.write(frameEOF, nil)
			return
		case err != nil:
			_ = f.writeJSON(frameError, errorOf(err))
			return
		}
	}
}

// fromClient writes what the client sends, until the client has gone.
func fromClient(f *framed, c net.Conn) {
	defer c.Close()
	buf := make([]byte, maxFrame)
	for {
		kind, p, err := f.read(buf)
		switch {
		case err != nil:
			return
		case kind == frameEOF:
			if h, ok := c.(interface{ CloseWrite() error }); ok {
				_ = h.CloseWrite() // it may be gone already, which fromStack tells
			}
		case kind == frameData:
			if _, err := c.Write(p); err != nil {
				_ = f.writeJSON(frameError, errorOf(err))
				return
			}
		}
	}
}
