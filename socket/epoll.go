package socket

import (
	"sync"
	"syscall"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
)

// Poller watches many sockets of a stack, as epoll(7) does: a wake-up of a
// socket puts it on the ready list, and only those are asked what they are
// ready for; so it costs what becomes ready, not what is watched.
//
// A wake-up runs under the socket's locks and takes mu, so nothing of a socket
// is called while mu is held.

// Flags of Poller.Add (epoll_ctl(2)), beside the events.
const (
	EPOLLEXCLUSIVE inet.Ready = 1 << 28
	EPOLLONESHOT   inet.Ready = 1 << 30
	EPOLLET        inet.Ready = 1 << 31
)

// Poller watches sockets; see NewPoller.
type Poller struct {
	clk   clock.Clock
	open  *openSockets
	mu    sync.Mutex
	items map[*Socket]*pollItem
	ready []*pollItem
	waits int // calls of Wait that sleep
	woken int // of these, what wake-ups they were given
	wake  chan struct{}
}

// pollItem is a watched socket. It is replaced, not changed, by Mod.
type pollItem struct {
	s      *Socket
	events inet.Ready
	data   any
	waiter *inet.Waiter // set before anybody but its maker sees the item
	queued bool         // on the ready list; the poller's mu, like what follows
	off    bool         // removed, or a one-shot that was reported
}

// Event is one ready socket.
type Event struct {
	Socket *Socket
	Events inet.Ready
	Data   any // as given to Add
}

// NewPoller returns a poller for the sockets of a stack (epoll_create(2)).
func (f *Family) NewPoller() *Poller {
	return &Poller{clk: f.env.Clock, open: &f.open, items: map[*Socket]*pollItem{}, wake: make(chan struct{}, 1)}
}

// Add watches a socket for events, with EPOLLET or EPOLLONESHOT among them, or
// EPOLLEXCLUSIVE: of the pollers that watch a socket so only one whose Wait
// sleeps is woken by an event. Errors: EEXIST, EBADF, EINVAL for what does not
// go with EPOLLEXCLUSIVE.
func (p *Poller) Add(s *Socket, events inet.Ready, data any) error {
	if events&EPOLLEXCLUSIVE != 0 && events&^exclusiveOK != 0 {
		return syscall.EINVAL
	}
	return p.put(&pollItem{s: s, events: events, data: data}, false)
}

// exclusiveOK is what may stand beside EPOLLEXCLUSIVE (EPOLLEXCLUSIVE_OK_BITS).
const exclusiveOK = EPOLLEXCLUSIVE | EPOLLET | POLLIN | POLLOUT | POLLERR | POLLHUP

// Mod changes what a socket is watched for, and arms a one-shot again. Errors:
// ENOENT, EBADF, EINVAL where EPOLLEXCLUSIVE is or was among the events.
func (p *Poller) Mod(s *Socket, events inet.Ready, data any) error {
	if events&EPOLLEXCLUSIVE != 0 || p.exclusive(s) {
		return syscall.EINVAL
	}
	return p.put(&pollItem{s: s, events: events, data: data}, true)
}

// Del watches a socket no more. Error: ENOENT.
func (p *Poller) Del(s *Socket) error {
	p.mu.Lock()
	old := p.items[s]
	p.retire(old)
	p.mu.Unlock()
	if old == nil {
		return syscall.ENOENT
	}
	old.waiter.Remove()
	return nil
}

// put enters an item, in the place of another one or not.
func (p *Poller) put(i *pollItem, replace bool) error {
	if err := i.s.open(); err != nil {
		return err
	}
	i.waiter = p.watch(i)
	p.mu.Lock()
	old := p.items[i.s]
	if (old != nil) != replace {
		p.mu.Unlock()
		i.waiter.Remove()
		if replace {
			return syscall.ENOENT
		}
		return syscall.EEXIST
	}
	p.retire(old)
	p.items[i.s] = i
	p.mu.Unlock()
	if old != nil {
		old.waiter.Remove()
	}
	if i.s.Poll()&(i.events|always) != 0 { // it is ready already
		p.notify(i)
	}
	return nil
}

func (p *Poller) exclusive(s *Socket) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.items[s]
	return i != nil && i.events&EPOLLEXCLUSIVE != 0
}

// watch enters an item in the socket's wait queue.
func (p *Poller) watch(i *pollItem) *inet.Waiter {
	q := i.s.Waiters()
	if i.events&EPOLLEXCLUSIVE == 0 {
		return q.Add(wakers(i.events), func(inet.Ready) { p.notify(i) })
	}
	return q.AddExclusive(wakers(i.events), func(events inet.Ready) bool {
		return p.notify(i) && events&i.events&(POLLIN|POLLOUT) != 0
	})
}

// retire takes an item out; mu is held. The caller removes its waiter.
func (p *Poller) retire(i *pollItem) {
	if i != nil {
		i.off = true
		delete(p.items, i.s)
	}
}

// notify puts an item on the ready list, and reports whether a Wait sleeps that
// is going to report it (ep_poll_callback). It runs under locks of the socket.
func (p *Poller) notify(i *pollItem) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i.off {
		return false
	}
	if !i.queued {
		i.queued = true
		p.ready = append(p.ready, i)
		p.kick()
	}
	if p.waits == p.woken {
		return false
	}
	p.woken++
	return true
}

// kick wakes a Wait.
func (p *Poller) kick() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Wait returns up to len(events) ready sockets, and how many; it waits for the
// first one up to timeout (negative: for ever; epoll_wait(2)), but not beyond
// the stack's end.
func (p *Poller) Wait(events []Event, timeout time.Duration) int {
	if len(events) == 0 {
		return 0
	}
	until := clock.Time(0)
	if timeout >= 0 {
		until = p.clk.Now().Add(timeout)
	}
	for {
		if n := p.collect(events); n > 0 || timeout == 0 || until != 0 && p.clk.Now() >= until {
			return n
		}
		if !p.open.sleeps(p) {
			return 0
		}
		p.sleep(until)
		p.open.woke(p)
	}
}

func (p *Poller) sleep(until clock.Time) {
	p.mu.Lock()
	p.waits++
	p.mu.Unlock()
	woken := p.clk.Wait(p.wake, until)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits--
	if woken && p.woken > 0 {
		p.woken--
	}
	p.woken = min(p.woken, p.waits)
}

// collect asks those on the ready list, each once, until events is full.
func (p *Poller) collect(events []Event) int {
	n := 0
	for left := p.pending(); left > 0 && n < len(events); left-- {
		i := p.next()
		if i == nil {
			break
		}
		if p.report(i, i.s.Poll(), &events[n]) {
			n++
		}
	}
	if p.pending() > 0 {
		p.kick() // for the next Wait, or another goroutine's
	}
	return n
}

func (p *Poller) pending() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.ready)
}

// next takes the first item off the ready list. A wake-up from now on puts it
// there again.
func (p *Poller) next() *pollItem {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.ready) == 0 {
		return nil
	}
	i := p.ready[0]
	p.ready[0] = nil
	p.ready = p.ready[1:]
	i.queued = false
	return i
}

// report fills in what an item is ready for, and reports whether that is
// anything. A closed socket is forgotten; a level-triggered one goes back to
// the end of the list, to be asked again; a one-shot is switched off.
func (p *Poller) report(i *pollItem, now inet.Ready, e *Event) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now &= i.events | always
	if now&POLLNVAL != 0 {
		p.retire(i)
	}
	if now == 0 || i.off {
		return false
	}
	*e = Event{Socket: i.s, Events: now, Data: i.data}
	switch {
	case i.events&EPOLLONESHOT != 0:
		i.off = true
	case i.events&EPOLLET == 0 && !i.queued:
		i.queued = true
		p.ready = append(p.ready, i)
	}
	return true
}
