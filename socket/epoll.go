package socket

import (
	"sync"
	"syscall"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
)

// Flags of Poller.Add (epoll_ctl(2)), beside the events.
const (
	EPOLLONESHOT inet.Ready = 1 << 30
	EPOLLET      inet.Ready = 1 << 31
)

// Poller watches many sockets of a stack, as epoll(7) does: it costs what
// becomes ready, not what is watched.
type Poller struct {
	clk   clock.Clock
	mu    sync.Mutex
	items map[*Socket]*pollItem
	ready []*pollItem
	wake  chan struct{}
}

type pollItem struct {
	s      *Socket
	events inet.Ready
	data   any
	waiter *inet.Waiter
	queued bool
	off    bool // a one-shot that was reported
}

// Event is one ready socket.
type Event struct {
	Socket *Socket
	Events inet.Ready
	Data   any // as given to Add
}

// NewPoller returns a poller for the sockets of a stack (epoll_create(2)).
func (f *Family) NewPoller() *Poller {
	return &Poller{clk: f.env.Clock, items: map[*Socket]*pollItem{}, wake: make(chan struct{}, 1)}
}

// Add watches a socket for events, with EPOLLET or EPOLLONESHOT among them.
// Error: EEXIST.
func (p *Poller) Add(s *Socket, events inet.Ready, data any) error {
	p.mu.Lock()
	if p.items[s] != nil {
		p.mu.Unlock()
		return syscall.EEXIST
	}
	i := &pollItem{s: s, events: events, data: data}
	p.items[s] = i
	p.mu.Unlock()
	i.waiter = s.Waiters().Add(events, func(inet.Ready) { p.notify(i) })
	p.check(i)
	return nil
}

// Mod changes what a socket is watched for, and arms a one-shot again. Error:
// ENOENT.
func (p *Poller) Mod(s *Socket, events inet.Ready, data any) error {
	p.mu.Lock()
	i := p.items[s]
	if i == nil {
		p.mu.Unlock()
		return syscall.ENOENT
	}
	i.waiter.Remove()
	i.events, i.data, i.off = events, data, false
	p.mu.Unlock()
	i.waiter = s.Waiters().Add(events, func(inet.Ready) { p.notify(i) })
	p.check(i)
	return nil
}

// Del watches a socket no more. Error: ENOENT.
func (p *Poller) Del(s *Socket) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.items[s]
	if i == nil {
		return syscall.ENOENT
	}
	i.waiter.Remove()
	i.off = true
	delete(p.items, s)
	return nil
}

// check enters a socket that is ready already.
func (p *Poller) check(i *pollItem) {
	if i.s.Poll()&(i.events|always) != 0 {
		p.notify(i)
	}
}

// notify runs under locks of the socket.
func (p *Poller) notify(i *pollItem) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i.queued || i.off {
		return
	}
	i.queued = true
	p.ready = append(p.ready, i)
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Wait returns up to len(events) ready sockets, and how many; it waits for the
// first one up to timeout (negative: for ever; epoll_wait(2)).
func (p *Poller) Wait(events []Event, timeout time.Duration) int {
	until := clock.Time(0)
	if timeout >= 0 {
		until = p.clk.Now().Add(timeout)
	}
	for {
		if n := p.collect(events); n > 0 || timeout == 0 || until != 0 && p.clk.Now() >= until {
			return n
		}
		p.clk.Wait(p.wake, until)
	}
}

// collect asks those that were notified. A level-triggered socket that is
// still ready stays on the list.
func (p *Poller) collect(events []Event) int {
	p.mu.Lock()
	list := p.ready
	p.ready = nil
	for _, i := range list {
		i.queued = false
	}
	p.mu.Unlock()
	n := 0
	for k, i := range list {
		if n == len(events) {
			p.requeue(list[k:])
			break
		}
		if p.report(i, &events[n]) {
			n++
		}
	}
	return n
}

func (p *Poller) requeue(list []*pollItem) {
	for _, i := range list {
		p.notify(i)
	}
}

func (p *Poller) report(i *pollItem, e *Event) bool {
	r := i.s.Poll() & (i.events | always)
	p.mu.Lock()
	off := i.off
	if r != 0 && i.events&EPOLLONESHOT != 0 {
		i.off = true
	}
	p.mu.Unlock()
	if r == 0 || off {
		return false
	}
	*e = Event{Socket: i.s, Events: r, Data: i.data}
	if i.events&(EPOLLET|EPOLLONESHOT) == 0 {
		p.notify(i)
	}
	return true
}
