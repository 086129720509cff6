package iperf3

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/socket"
)

// A test is one client's, from its parameters to its results.
type test struct {
	srv    *Server
	ctl    *control
	cookie cookie
	p      params

	mu       sync.Mutex
	accepted []accepted // data connections, while they come in
	streams  []*stream
	ended    bool
	opened   bool
	openErr  error

	opening sync.WaitGroup
	moving  sync.WaitGroup
	stop    chan struct{} // closed when streams are to end
	left    atomic.Int64  // bytes or blocks that are to be sent yet, of all streams
	payload []byte        // a block of what all streams send

	counting atomic.Bool // the time to be omitted is over

	began  clock.Time // of what counts: when the data began, or the time to be omitted ended
	ran    time.Duration
	user   time.Duration
	system time.Duration
	cpu    [3]float64 // percent: all, user, system
	report report
}

// accepted is a data connection with its place in the order of arrival: several
// goroutines read cookies.
type accepted struct {
	conn  *ministack.Conn
	order uint64
}

// How long a client may take for a step, how long a test may last beyond its
// time, and how long nothing may arrive in one that has none.
const (
	stepTime  = 30 * time.Second
	graceTime = 40 * time.Second
	idleTime  = 120 * time.Second
)

// run takes the test through its states. It tells the client why it failed.
func (t *test) run() error {
	defer t.end()
	for _, step := range []func() error{t.negotiate, t.open, t.start, t.measure, t.exchange, t.finish} {
		t.ctl.until(t.now().Add(stepTime))
		if err := step(); err != nil {
			t.tell(err)
			return err
		}
	}
	return nil
}

// tell says what failed, to a client that may be gone.
func (t *test) tell(err error) {
	var f *failure
	if !errors.As(err, &f) || f.reason == reasonNoReason {
		return
	}
	var errno syscall.Errno
	errors.As(err, &errno)
	t.ctl.until(t.now().Add(stepTime))
	_ = t.ctl.refuse(f.reason, uint32(errno)) // it was the client's to hear
}

func (t *test) now() clock.Time { return t.ctl.clock.Now() }

// elapsed is the time on the clock, as datagrams carry it.
func (t *test) elapsed() time.Duration { return time.Duration(t.now()) }

func (t *test) negotiate() error {
	if err := t.ctl.send(paramExchange); err != nil {
		return err
	}
	if err := t.ctl.receiveJSON(&t.p, maxParams); err != nil {
		return fail(reasonParams, err)
	}
	if err := t.p.check(); err != nil {
		return err
	}
	t.left.Store(int64(max(t.p.Num, t.p.BlockCount)))
	t.payload = payload(t.p.Len, bool(t.p.Repeating), t.srv.stack.Rand())
	return nil
}

// start begins to move data.
func (t *test) start() error {
	if err := t.ctl.send(testStart); err != nil {
		return err
	}
	t.counting.Store(t.p.Omit == 0)
	t.begin()
	t.report.start(t)
	for _, s := range t.streams {
		t.moving.Go(func() { t.transfer(s) })
	}
	return t.ctl.send(testRunning)
}

// begin makes this moment the one from which times count.
func (t *test) begin() {
	t.began = t.now()
	t.user, t.system = usage()
}

// measure waits for the client to say that the time is over.
func (t *test) measure() error {
	w := newWatch(t)
	for {
		t.ctl.until(w.next())
		switch s, err := t.ctl.receive(); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if err := w.tick(t.now()); err != nil {
				return err
			}
		case err != nil:
			return err
		case s == testEnd:
			t.halt()
			return nil
		case s == clientTerminate:
			return fail(reasonNoReason, errors.New("the client was interrupted"))
		default:
			return fail(reasonControl, fmt.Errorf("the client says %d in the middle of a test", s))
		}
	}
}

// halt ends the streams and takes the time.
func (t *test) halt() {
	t.ran = t.now().Sub(t.began)
	user, system := usage()
	seconds := max(t.ran.Seconds(), 1e-9)
	for i, d := range []time.Duration{user - t.user + system - t.system, user - t.user, system - t.system} {
		t.cpu[i] = 100 * d.Seconds() / seconds
	}
	t.quiet()
}

// quiet stops the streams' goroutines. A client may be in the middle of a block,
// which it reads to its end before it looks at the control connection: so streams
// end here. Closing is for later, when the client has closed first.
func (t *test) quiet() {
	if t.stopping() {
		return
	}
	close(t.stop)
	for _, s := range t.streams {
		_ = s.sock.SetReadDeadline(past)
		_ = s.sock.SetWriteDeadline(past)
	}
	t.moving.Wait()
	for _, s := range t.streams {
		_ = s.sock.Shutdown(socket.SHUT_WR) // the stream may have ended by itself
	}
}

// past is a deadline that ends calls which sleep.
const past = clock.Time(1)

func (t *test) stopping() bool {
	select {
	case <-t.stop:
		return true
	default:
		return false
	}
}

func (t *test) sleep(d time.Duration) { t.ctl.clock.Wait(t.stop, t.now().Add(d)) }

// exchange hears the client's results, which only a server that prints needs,
// and says ours.
func (t *test) exchange() error {
	if err := t.ctl.send(exchangeResults); err != nil {
		return err
	}
	var theirs json.RawMessage
	if err := t.ctl.receiveJSON(&theirs, maxResults); err != nil {
		return fail(reasonResults, err)
	}
	return t.ctl.sendJSON(t.results())
}

func (t *test) results() *results {
	r := &results{CPUTotal: t.cpu[0], CPUUser: t.cpu[1], CPUSystem: t.cpu[2], HasRetransmits: -1}
	for _, s := range t.streams {
		now := s.counts()
		r.Streams = append(r.Streams, s.result(now, t.ran.Seconds(), t.p.TCP))
		if s.sends {
			r.HasRetransmits = 0
		}
		if c := s.sock.Conn(); c != nil {
			r.Congestion = c.Congestion()
		}
	}
	if r.HasRetransmits == 0 && t.p.TCP {
		r.HasRetransmits = 1
	}
	r.Output = t.report.end(t)
	return r
}

func (t *test) finish() error {
	if err := t.ctl.send(displayResults); err != nil {
		return err
	}
	return t.ctl.expect(iperfDone)
}

// end closes what the test has opened.
func (t *test) end() {
	t.quiet()
	t.mu.Lock()
	t.ended = true
	for _, a := range t.accepted {
		a.conn.Close()
	}
	for _, s := range t.streams {
		s.sock.Close()
	}
	t.mu.Unlock()
	t.opening.Wait()
}

// take gets a data connection, and reports whether the test wants it.
func (t *test) take(a accepted) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || t.opened || !t.p.TCP || len(t.accepted) == t.p.streams() {
		return false
	}
	t.accepted = append(t.accepted, a)
	if len(t.accepted) == t.p.streams() {
		t.opened = true
		t.wake()
	}
	return true
}

// wake ends the wait for the streams.
func (t *test) wake() { _ = t.ctl.conn.Socket().SetReadDeadline(past) }

// inOrder makes streams of what was accepted.
func (t *test) inOrder() []accepted {
	slices.SortFunc(t.accepted, func(a, b accepted) int { return cmp.Compare(a.order, b.order) })
	return t.accepted
}

func (t *test) peer() netip.Addr {
	a, _ := t.ctl.conn.Socket().Getpeername() // a connection has one, as long as it lives
	return a.Addr()
}

func (t *test) local() netip.AddrPort {
	a, _ := t.ctl.conn.Socket().Getsockname()
	return a
}
