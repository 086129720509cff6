package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// copyBoth joins the connection with standard input and output until the peer
// has closed, the user has ended it, or nothing has happened for too long.
func (a *app) copyBoth(f *ncFlags, conn net.Conn) error {
	stop := context.AfterFunc(a.ctx, func() { conn.Close() })
	defer stop()
	idle := newIdle(conn, seconds(f.wait))
	defer idle.stop()
	go a.copyIn(f, conn, idle)
	buf := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buf)
		if n > 0 {
			idle.reset()
			if _, err := a.out.Write(buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF), a.ctx.Err() != nil, idle.over(), errors.Is(err, net.ErrClosed):
			return nil
		default:
			fmt.Fprintf(a.err, "nc: read: %s\n", plain(err))
			return exitCode(1)
		}
	}
}

// copyIn sends what the user types. A datagram is what one read brings.
func (a *app) copyIn(f *ncFlags, conn net.Conn, idle *idleTimer) {
	size := 64 << 10
	if f.udp {
		size = 16 << 10
	}
	buf := make([]byte, size)
	for {
		n, err := a.in.Read(buf)
		if n > 0 {
			idle.reset()
			if _, werr := conn.Write(buf[:n]); werr != nil {
				return // the reader of conn tells why
			}
		}
		if err == nil {
			continue
		}
		if h, ok := conn.(interface{ CloseWrite() error }); ok && f.shut {
			_ = h.CloseWrite() // it may be gone already
		}
		return
	}
}

// idleTimer closes a connection on which nothing happens.
type idleTimer struct {
	limit time.Duration
	timer *time.Timer
	fired chan struct{}
}

func newIdle(conn net.Conn, limit time.Duration) *idleTimer {
	t := &idleTimer{limit: limit, fired: make(chan struct{})}
	if limit > 0 {
		t.timer = time.AfterFunc(limit, func() {
			close(t.fired)
			conn.Close()
		})
	}
	return t
}

func (t *idleTimer) reset() {
	if t.timer != nil && t.timer.Stop() {
		t.timer.Reset(t.limit)
	}
}

func (t *idleTimer) stop() {
	if t.timer != nil {
		t.timer.Stop()
	}
}

// over reports whether the time was up.
func (t *idleTimer) over() bool {
	select {
	case <-t.fired:
		return true
	default:
		return false
	}
}
