package inet

import (
	"sync"
	"sync/atomic"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/trace"
)

// Ready is a set of poll(2) events, with Linux's values.
type Ready uint32

// Events of poll(2).
const (
	PollIn    Ready = 0x001
	PollPri   Ready = 0x002
	PollOut   Ready = 0x004
	PollErr   Ready = 0x008
	PollHup   Ready = 0x010
	PollRdHup Ready = 0x2000
)

// Waiter is one entry of a wait queue: a sleeping call, or a poller's callback.
type Waiter struct {
	mask       Ready
	fn         func(Ready) // a poller's; nil for a sleeping call
	one        func(Ready) bool
	ch         chan struct{}
	next, prev *Waiter
	queue      *WaitQueue
}

// WaitQueue holds who is to be woken when a socket becomes ready
// (wait_queue_head).
type WaitQueue struct {
	mu    sync.Mutex
	first atomic.Pointer[Waiter] // who wakes looks without the lock whether there is any
	last  *Waiter                // exclusive ones stand at the end, the oldest first
}

// Add enters a callback that is told of events in mask. It runs under locks of
// the socket: it must not call it.
func (q *WaitQueue) Add(mask Ready, fn func(Ready)) *Waiter {
	w := &Waiter{mask: mask, fn: fn}
	q.mu.Lock()
	q.link(w)
	q.mu.Unlock()
	return w
}

// AddExclusive enters a callback of which a wake-up calls only as many, from the
// oldest on, as it takes until one says that it took the event (EPOLLEXCLUSIVE,
// WQ_FLAG_EXCLUSIVE). See Add.
func (q *WaitQueue) AddExclusive(mask Ready, fn func(Ready) bool) *Waiter {
	w := &Waiter{mask: mask, one: fn}
	q.mu.Lock()
	q.linkLast(w)
	q.mu.Unlock()
	return w
}

// Remove takes the waiter out.
func (w *Waiter) Remove() {
	q := w.queue
	q.mu.Lock()
	q.unlink(w)
	q.mu.Unlock()
}

func (q *WaitQueue) link(w *Waiter) {
	first := q.first.Load()
	w.queue, w.prev, w.next = q, nil, first
	if first != nil {
		first.prev = w
	} else {
		q.last = w
	}
	q.first.Store(w)
}

func (q *WaitQueue) linkLast(w *Waiter) {
	w.queue, w.prev, w.next = q, q.last, nil
	if q.last != nil {
		q.last.next = w
	} else {
		q.first.Store(w)
	}
	q.last = w
}

func (q *WaitQueue) unlink(w *Waiter) {
	if w.queue == nil {
		return
	}
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		q.first.Store(w.next)
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		q.last = w.prev
	}
	w.next, w.prev, w.queue = nil, nil, nil
}

// prepare enters a sleeping call.
func (q *WaitQueue) prepare(w *Waiter, mask Ready) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w.mask = mask
	q.link(w)
}

// finish takes a sleeping call out.
func (q *WaitQueue) finish(w *Waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unlink(w)
	select {
	case <-w.ch:
	default:
	}
}

// waiter returns what a call sleeps in. It comes from the stack and goes back
// there, so that sleeping allocates nothing and a socket keeps nothing of it.
func (e *Env) waiter() *Waiter {
	if w, ok := e.waiters.Get().(*Waiter); ok {
		return w
	}
	return &Waiter{ch: make(chan struct{}, 1)}
}

// wake tells all who wait for one of the events; errors and hang-ups concern
// everybody.
func (q *WaitQueue) wake(events Ready) {
	if q.first.Load() == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for w := q.first.Load(); w != nil; w = w.next {
		if events&(w.mask|PollErr|PollHup) == 0 {
			continue
		}
		if w.tell(events) {
			return
		}
	}
}

// tell reports whether nobody else needs to be told.
func (w *Waiter) tell(events Ready) bool {
	switch {
	case w.one != nil:
		return w.one(events)
	case w.fn != nil:
		w.fn(events)
	default:
		select {
		case w.ch <- struct{}{}:
		default:
		}
	}
	return false
}

// Wake tells the socket's waiters of events (sk_data_ready, sk_write_space,
// sk_state_change).
func (s *Sock) Wake(events Ready) {
	if s.env.Trace.On(trace.SockWake) {
		s.env.Trace.Event(trace.SockWake, s.ID, uint32(events), 0, 0, 0)
	}
	s.wait.wake(events)
}

// Waiters is the socket's wait queue, for pollers.
func (s *Sock) Waiters() *WaitQueue { return &s.wait }

// Block gives the socket up, sleeps until one of the events may have happened
// or the clock passes until (0: no limit), and owns the socket again. It
// reports whether it was woken; the caller looks for itself what has happened.
func (s *Sock) Block(events Ready, until clock.Time) bool {
	return s.blockUnless(events, until, nil)
}

// blockUnless is Block for an event that comes without the socket's lock:
// happened, if it is not nil, is asked once nothing can be missed any more.
func (s *Sock) blockUnless(events Ready, until clock.Time, happened func() bool) bool {
	if s.env.Trace.On(trace.SockBlock) {
		s.env.Trace.Event(trace.SockBlock, s.ID, uint32(events), 0, 0, 0)
	}
	w := s.env.waiter()
	s.wait.prepare(w, events)
	woken := happened != nil && happened()
	if !woken {
		s.Unlock()
		woken = s.env.Clock.Wait(w.ch, until)
		s.Lock()
	}
	s.wait.finish(w)
	s.env.waiters.Put(w)
	return woken
}
