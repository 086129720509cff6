package netdev

import (
	"context"
	"net"
	"sync"
	"syscall"

	"github.com/slankdev/ministack/skb"
)

// The two sides of a lane as a program uses them: with a context, and with the
// choice to wait for room.

// sleep waits on c, whose lock is held, while busy reports true. It returns the
// error of a context that ended meanwhile.
func (l *lane) sleep(ctx context.Context, c *sync.Cond, busy func() bool) error {
	if !busy() {
		return nil
	}
	stop := context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		c.Broadcast()
	})
	defer stop()
	for busy() {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.Wait()
	}
	return nil
}

// put puts b, of the lane's own pool, on the lane, where it waits for room if
// wait says so, and takes b over.
func (l *lane) put(ctx context.Context, b *skb.Buffer, wait bool) error {
	l.mu.Lock()
	full := func() bool { return wait && !l.noReader && !l.noWriter && l.q.Len() >= l.limit }
	err := l.sleep(ctx, &l.room, full)
	switch {
	case err != nil:
	case l.noReader || l.noWriter:
		err = net.ErrClosed
	case l.q.Len() >= l.limit:
		err = syscall.ENOBUFS
	}
	if err != nil {
		l.mu.Unlock()
		b.Drop(skb.FullRing)
		return err
	}
	first := l.q.Len() == 0
	l.q.PushBack(b)
	l.arrived.Broadcast()
	readable := l.readable
	l.mu.Unlock()
	if first && readable != nil {
		readable()
	}
	return nil
}

// take waits for frames and takes what is there, of the lane's own pool. It
// returns net.ErrClosed once nothing can come.
func (l *lane) take(ctx context.Context, dst []*skb.Buffer) (int, error) {
	l.mu.Lock()
	empty := func() bool { return l.q.Len() == 0 && !l.noReader && !l.noWriter }
	err := l.sleep(ctx, &l.arrived, empty)
	n := l.popLocked(dst)
	if err == nil && n == 0 && len(dst) > 0 {
		err = net.ErrClosed
	}
	writable := l.writable
	if n == 0 || !l.starved {
		writable = nil
	}
	l.starved = l.starved && n == 0
	l.mu.Unlock()
	if writable != nil {
		writable()
	}
	if n > 0 {
		err = nil
	}
	return n, err
}
