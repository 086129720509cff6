package netdev

import (
	"net"
	"sync"
	"syscall"

	"github.com/slankdev/ministack/skb"
)

// lane carries frames one way in memory: a bounded queue between a writer and a
// reader that may belong to different stacks. Frames pass by reference. While
// they are on the lane they belong to a pool of its own, so that each stack's
// balance holds whatever is still under way.
type lane struct {
	mu       sync.Mutex
	arrived  sync.Cond
	room     sync.Cond // the queue may take one more
	q        skb.Queue
	limit    int
	pool     *skb.Pool
	readable func() // told of a frame for an empty queue
	writable func() // told of room after a write found too little
	starved  bool   // it is to be told
	noReader bool
	noWriter bool
}

func newLane(limit int) *lane {
	l := &lane{limit: limit, pool: skb.NewPool(nil)}
	l.arrived.L, l.room.L = &l.mu, &l.mu
	return l
}

// write puts frames on the lane. A closed writer gets net.ErrClosed; where the
// reader has gone the error is ENETDOWN, as with a cable that was pulled.
func (l *lane) write(src []*skb.Buffer) (int, error) {
	l.mu.Lock()
	if l.noWriter || l.noReader {
		defer l.mu.Unlock()
		return 0, l.goneLocked()
	}
	first := l.q.Len() == 0
	n := min(len(src), l.limit-l.q.Len())
	for _, b := range src[:n] {
		l.q.PushBack(l.pool.Share(b))
	}
	l.starved = l.starved || n < len(src)
	readable := l.readable
	l.arrived.Broadcast()
	l.mu.Unlock()
	if first && n > 0 && readable != nil {
		readable()
	}
	return n, nil
}

func (l *lane) goneLocked() error {
	if l.noWriter {
		return net.ErrClosed
	}
	return syscall.ENETDOWN
}

// read blocks until a frame is there or the reader is closed.
func (l *lane) read(pool *skb.Pool, dst []*skb.Buffer) (int, error) {
	l.mu.Lock()
	for l.q.Len() == 0 && !l.noReader {
		l.arrived.Wait()
	}
	n := l.popLocked(dst)
	l.mu.Unlock()
	if n == 0 {
		return 0, net.ErrClosed
	}
	adoptAll(pool, dst[:n])
	return n, nil
}

// poll is read without blocking.
func (l *lane) poll(pool *skb.Pool, dst []*skb.Buffer) int {
	l.mu.Lock()
	n := l.popLocked(dst)
	l.mu.Unlock()
	adoptAll(pool, dst[:n])
	return n
}

func (l *lane) popLocked(dst []*skb.Buffer) int {
	n := 0
	for n < len(dst) && l.q.Len() > 0 {
		dst[n] = l.q.PopFront()
		n++
	}
	if n > 0 {
		l.room.Broadcast()
	}
	return n
}

func adoptAll(pool *skb.Pool, batch []*skb.Buffer) {
	for i, b := range batch {
		batch[i] = pool.Adopt(b)
	}
}

func (l *lane) onWritable(fn func()) {
	l.mu.Lock()
	l.writable = fn
	l.mu.Unlock()
}

func (l *lane) onReadable(fn func()) {
	l.mu.Lock()
	l.readable = fn
	l.mu.Unlock()
}

// closeReader ends a blocked read and loses what nobody will read now.
func (l *lane) closeReader() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noReader, l.readable = true, nil
	l.q.Purge(skb.QueuePurge)
	l.arrived.Broadcast()
	l.room.Broadcast()
}

// closeWriter leaves what is under way to the reader.
func (l *lane) closeWriter() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noWriter = true
	l.arrived.Broadcast()
	l.room.Broadcast()
}
