package tcp

import (
	"net/netip"
	"sync"
	"time"

	"github.com/slankdev/ministack/skb"
)

// A forwarder shows the connection attempts that no listener takes to a
// function, before they are answered: it may dial the real destination first,
// and then answer by what came of it. What it has not decided on is in flight.
// A flood of SYNs costs what the limits allow and no more: an attempt holds
// the SYN and a timer, counts against the limit of all and against that of its
// source, and lets go of both as soon as its peer is seen to be gone.

// ForwardOptions bounds what is in flight; a zero field is its default.
type ForwardOptions struct {
	// MaxInFlight bounds the attempts of all sources that are not decided on,
	// or whose handshake goes on. Default 4096.
	MaxInFlight int
	// MaxPerSource bounds those of one address. Default 1024.
	MaxPerSource int
	// Timeout ends an attempt that nobody decides on, although its peer still
	// asks. Default 2 minutes, as long as Linux sends SYNs.
	Timeout time.Duration
}

func (o ForwardOptions) filled() ForwardOptions {
	if o.MaxInFlight <= 0 {
		o.MaxInFlight = 4096
	}
	if o.MaxPerSource <= 0 {
		o.MaxPerSource = 1024
	}
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Minute
	}
	return o
}

// forwarder is a function with what it has in flight.
type forwarder struct {
	handle func(*Attempt)
	o      ForwardOptions

	mu       sync.Mutex
	inFlight map[*Attempt]struct{}
	bySource map[netip.Addr]int
	closed   bool
}

// Forward shows the SYNs that no listener takes to handle, which runs in the
// receive path: it must not block. nil has them reset again. Attempts in flight
// stay with the function that they were shown to.
func (m *Module) Forward(handle func(*Attempt), o ForwardOptions) {
	if handle == nil {
		m.forward.Store(nil)
		return
	}
	m.forwards.mu.Lock()
	defer m.forwards.mu.Unlock()
	f := &forwarder{handle: handle, o: o.filled(), inFlight: map[*Attempt]struct{}{}, bySource: map[netip.Addr]int{}, closed: m.forwards.closed}
	m.forwards.all = append(m.forwards.prune(), f)
	m.forward.Store(f)
}

// forwards are all forwarders that may have something in flight.
type forwards struct {
	mu     sync.Mutex
	all    []*forwarder
	closed bool
}

// prune returns those that have.
func (f *forwards) prune() []*forwarder {
	var busy []*forwarder
	for _, o := range f.all {
		if o.count() > 0 {
			busy = append(busy, o)
		}
	}
	return busy
}

// close gives up everything in flight, for good.
func (f *forwards) close() {
	f.mu.Lock()
	f.closed = true
	all := f.all
	f.mu.Unlock()
	for _, o := range all {
		for _, a := range o.close() {
			a.cancel()
		}
	}
}

func (f *forwarder) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.inFlight)
}

func (f *forwarder) close() []*Attempt {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	var all []*Attempt
	for a := range f.inFlight {
		all = append(all, a)
	}
	return all
}

// enter counts an attempt, if the limits allow.
func (f *forwarder) enter(a *Attempt) skb.Reason {
	src := a.names.peer.Addr()
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return skb.QueuePurge
	case len(f.inFlight) >= f.o.MaxInFlight || f.bySource[src] >= f.o.MaxPerSource:
		return skb.HandlerFull
	}
	f.inFlight[a] = struct{}{}
	f.bySource[src]++
	return skb.NotDropped
}

// leave takes an attempt out; it may be called more than once.
func (f *forwarder) leave(a *Attempt) {
	src := a.names.peer.Addr()
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.inFlight[a]; !ok {
		return
	}
	delete(f.inFlight, a)
	if f.bySource[src]--; f.bySource[src] == 0 {
		delete(f.bySource, src)
	}
}

// forwardSyn shows a segment to the forwarder if it asks for a connection, and
// takes it over then. Signed ones need a listener with the key.
func (m *Module) forwardSyn(b *skb.Buffer, names *tuple) (r skb.Reason, taken bool) {
	f := m.forward.Load()
	if f == nil {
		return 0, false
	}
	var s segment
	s.read(b)
	if s.flags&(SYN|ACK|RST|FIN) != SYN || s.auth.kind != 0 {
		return 0, false
	}
	a := newAttempt(m, f, &s, names)
	if r := f.enter(a); r != skb.NotDropped {
		return b.Drop(r), true
	}
	m.traceLookup(b, foundHandler, nil)
	if r := a.begin(); r != skb.NotDropped {
		f.leave(a)
		return b.Drop(r), true
	}
	f.handle(a)
	return skb.NotDropped, true
}
