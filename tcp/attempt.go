package tcp

import (
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/tcp/seq"
)

// Attempt is a connection attempt that has not been answered. Its SYN waits in
// it, and it stands in the table of connections, so that repeated SYNs find it
// and make no second one. Accept, Reset or Drop ends it, or its peer does: by
// a reset, or by silence. A peer that waits repeats its SYN at doubling
// intervals (RFC 6298 5.5); one that has been silent for four times as long as
// it had been asking, and for ten seconds at least, has given up.
type Attempt struct {
	m     *Module
	f     *forwarder
	names tuple
	irs   seq.Num
	done  chan struct{}
	timer clock.Timer
	first clock.Time

	mu     sync.Mutex
	syn    *skb.Buffer // nil once it is decided on
	node   *node
	last   clock.Time // when the SYN was last repeated
	server *Conn      // makes the handshake, once it is accepted
	err    syscall.Errno
}

const (
	silenceFactor = 4
	minSilence    = 10 * time.Second
)

func newAttempt(m *Module, f *forwarder, s *segment, names *tuple) *Attempt {
	now := m.env.Clock.Now()
	a := &Attempt{m: m, f: f, names: *names, irs: s.seq, syn: s.buf, first: now, last: now, done: make(chan struct{})}
	a.timer.Init(m.env.Clock, func(x any) { x.(*Attempt).expired() }, a)
	return a
}

// begin enters the attempt in the table.
func (a *Attempt) begin() skb.Reason {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.node = a.m.demux.insert(a.names, a); a.node == nil {
		return skb.TCPFlags // the same SYN by two devices at once
	}
	a.syn.Compact()
	a.timer.Reset(a.deadline())
	return skb.NotDropped
}

// deadline is when the attempt is given up unless the SYN comes again.
func (a *Attempt) deadline() clock.Time {
	silence := a.last.Add(max(minSilence, silenceFactor*a.last.Sub(a.first)))
	return min(silence, a.first.Add(a.f.o.Timeout))
}

func (a *Attempt) expired() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.syn == nil {
		return
	}
	if at := a.deadline(); a.m.env.Clock.Now() < at {
		a.timer.Reset(at)
		return
	}
	a.over(syscall.ETIMEDOUT, skb.HandlerTimeout)
}

// over ends an attempt that was not answered; mu is held.
func (a *Attempt) over(e syscall.Errno, why skb.Reason) {
	a.syn.Drop(why)
	a.syn, a.err = nil, e
	a.timer.Stop()
	a.m.demux.remove(a.node)
	a.f.leave(a)
	close(a.done)
}

// receive takes over a segment for the attempt.
func (a *Attempt) receive(b *skb.Buffer) skb.Reason {
	var s segment
	s.read(b)
	a.mu.Lock()
	reason := a.input(&s)
	a.mu.Unlock()
	if reason == skb.TCPFlags {
		a.m.replyReset(&s)
	}
	return b.Drop(reason)
}

// input is RFC 9293 3.10.7.2 for a peer that was not answered yet: it can have
// nothing to say but its SYN again, or that it gave up (RFC 5961 3.2).
func (a *Attempt) input(s *segment) skb.Reason {
	switch {
	case a.syn == nil:
		return skb.TCPClose // it is being answered this moment
	case s.has(RST) && s.seq == a.irs.Add(1):
		a.over(syscall.ECONNRESET, skb.TCPReset)
		return skb.TCPReset
	case s.has(RST):
		return skb.TCPInvalidSequence
	case s.has(SYN) && !s.has(ACK) && s.seq == a.irs:
		a.last = a.m.env.Clock.Now()
		a.timer.Reset(a.deadline())
		return skb.HandlerBusy
	case s.has(SYN) && !s.has(ACK):
		return skb.TCPInvalidSyn // a new incarnation resets the answer to the old one
	}
	return skb.TCPFlags // gets a reset, once the lock is given up
}

// Names returns the address that the peer asked for, and its own.
func (a *Attempt) Names() (local, peer netip.AddrPort) { return a.names.local, a.names.peer }

// Done is closed when the peer has gone before it was answered.
func (a *Attempt) Done() <-chan struct{} { return a.done }

// take claims the SYN for the caller's answer. Errors: ECONNRESET and ETIMEDOUT
// for a peer that has gone, EALREADY for an attempt that is decided on,
// ECONNABORTED on a stack that closed.
func (a *Attempt) take(server *Conn) (*skb.Buffer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.syn == nil {
		return nil, a.err
	}
	syn := a.syn
	a.syn, a.err, a.server = nil, syscall.EALREADY, server
	a.timer.Stop()
	return syn, nil
}

// Reset answers the SYN with a RST: the peer reads "connection refused".
// Errors: see Accept.
func (a *Attempt) Reset() error {
	return a.refuse(func(s *segment) { a.m.replyReset(s) })
}

// Drop forgets the SYN: the peer tries again, and that is a new attempt.
// Errors: see Accept.
func (a *Attempt) Drop() error { return a.refuse(func(*segment) {}) }

func (a *Attempt) refuse(answer func(*segment)) error {
	syn, err := a.take(nil)
	if err != nil {
		return err
	}
	a.m.demux.remove(a.node)
	a.f.leave(a)
	var s segment
	s.read(syn)
	answer(&s)
	syn.Drop(skb.HandlerRefused)
	a.m.env.Dev.Flush()
	return nil
}

// cancel ends the attempt with the stack.
func (a *Attempt) cancel() {
	a.mu.Lock()
	if a.syn != nil {
		a.over(syscall.ECONNABORTED, skb.QueuePurge)
	}
	server := a.server
	a.mu.Unlock()
	if server != nil {
		server.Abort()
	}
}
