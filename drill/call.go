package drill

import (
	"fmt"
	"syscall"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/socket"
)

// file is what a descriptor of the script stands for.
type file struct {
	sock              *socket.Socket
	poller            *socket.Poller
	pipe              *pipeEnd
	regular           bool // a file of the host: its content is the pattern
	listens, nonblock bool
	conn              *connection
	udp               *connection
}

// blockedCall is a call that has not returned.
type blockedCall struct {
	event  *Event
	call   *Call
	begun  clock.Time
	result outcome
}

// outcome is what a call returned.
type outcome struct {
	n       int64
	err     error
	opened  *file  // a new descriptor
	differs string // what an out parameter differs in
	bad     error  // the script is wrong, or asks for what is not there
}

// caller runs one call.
type caller struct {
	*player
	event *Event
	call  *Call
	args  []*Expr
}

// callTable are the calls that scripts may make, with the least number of
// arguments.
var callTable = map[string]struct {
	args int
	do   func(c *caller) outcome
}{
	"socket": {3, (*caller).socket}, "bind": {3, (*caller).bind}, "listen": {2, (*caller).listen},
	"accept": {3, (*caller).accept}, "accept4": {4, (*caller).accept}, "connect": {3, (*caller).connect},
	"close": {1, (*caller).close}, "shutdown": {2, (*caller).shutdown},
	"fcntl": {2, (*caller).fcntl}, "ioctl": {2, (*caller).ioctl},
	"read": {3, (*caller).readCall}, "recv": {4, (*caller).readCall}, "recvfrom": {4, (*caller).readCall},
	"readv": {3, (*caller).readVector}, "recvmsg": {3, (*caller).recvmsg},
	"write": {3, (*caller).writeCall}, "send": {4, (*caller).writeCall}, "sendto": {6, (*caller).sendto},
	"writev": {3, (*caller).writeVector}, "sendmsg": {3, (*caller).sendmsg},
	"sendfile": {4, (*caller).sendfile}, "splice": {6, (*caller).splice}, "pipe": {1, (*caller).makePipe}, "open": {2, (*caller).open},
	"setsockopt": {5, (*caller).setsockopt}, "getsockopt": {5, (*caller).getsockopt},
	"poll": {3, (*caller).poll}, "epoll_create": {1, (*caller).epollCreate}, "epoll_create1": {1, (*caller).epollCreate},
	"epoll_ctl": {4, (*caller).epollCtl}, "epoll_wait": {4, (*caller).epollWait},
}

// call begins a call, and, unless it may block, ends it.
func (p *player) call(e *Event, k *Call) error {
	entry, ok := callTable[k.Name]
	if !ok {
		return &Unsupported{e.Pos, k.Name + "()"}
	}
	if len(k.Args) < entry.args {
		return &SyntaxError{e.Pos, fmt.Sprintf("%s takes %d arguments", k.Name, entry.args)}
	}
	if err := p.awaitTask(); err != nil {
		return err
	}
	b := &blockedCall{event: e, call: k, begun: p.host.clk.Now()}
	c := &caller{player: p, event: e, call: k, args: k.Args}
	p.blocked = b
	p.task = p.host.clk.begin(func() { b.result = c.run(entry.do) })
	p.host.clk.settle(p.task)
	if e.Time.Blocks && !p.task.finished {
		return nil
	}
	return p.awaitTask()
}

// run makes the call; a script that is wrong ends it by a panic.
func (c *caller) run(do func(*caller) outcome) (o outcome) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *SyntaxError:
			o.bad = e
		case *Unsupported:
			o.bad = e
		default:
			panic(e)
		}
	}()
	return do(c)
}

// checkTask ends a call that has returned meanwhile.
func (p *player) checkTask() error {
	if p.task == nil || !p.task.finished {
		return nil
	}
	return p.awaitTask()
}

// awaitTask waits for the call in progress and judges it.
func (p *player) awaitTask() error {
	if p.task == nil {
		return nil
	}
	t, b := p.task, p.blocked
	limit := p.returnBy(b)
	p.host.clk.driveTo(limit, t, func() bool { return t.finished })
	if !t.finished {
		return p.fail(b.event, "%s has not returned by %s", b.call.Name, p.since(limit))
	}
	p.task, p.blocked = nil, nil
	if b.result.bad != nil {
		return b.result.bad
	}
	if err := p.judge(b); err != nil {
		return err
	}
	return p.judgeTime(b, t.at)
}

// returnBy is the latest that a call may return: where the script says no
// time, at once.
func (p *player) returnBy(b *blockedCall) clock.Time {
	end := b.begun
	if b.event.Time.Blocks {
		end = end.Add(b.event.Time.Return - b.event.Time.At)
	}
	return end.Add(p.callSlack(b))
}

func (p *player) judgeTime(b *blockedCall, at clock.Time) error {
	if !b.event.Time.Blocks {
		return nil
	}
	want := b.begun.Add(b.event.Time.Return - b.event.Time.At)
	slack := p.callSlack(b)
	if at < want.Add(-slack) || at > want.Add(slack) {
		return p.fail(b.event, "%s returned at %s, expected %s", b.call.Name, p.since(at), p.since(want))
	}
	return nil
}

func (p *player) callSlack(b *blockedCall) (d time.Duration) {
	d = p.host.tolerance
	if b.event.Time.Blocks {
		d = max(d, time.Duration(float64(b.event.Time.Return-b.event.Time.At)*tolerancePercent/100))
	}
	return d
}

// judge compares a call's result with the script's.
func (p *player) judge(b *blockedCall) error {
	r, k := &b.result, b.call
	got := r.n
	if r.err != nil {
		got = -1
	}
	if r.differs != "" && r.err == nil {
		return p.fail(b.event, "%s: %s", k.Name, r.differs)
	}
	if k.Result == nil {
		return nil
	}
	want, err := p.number(k.Result)
	if err != nil {
		return err
	}
	if r.opened != nil && r.err == nil && want >= 0 {
		p.files[int(want)] = r.opened
		return nil
	}
	if want < 0 && r.err != nil {
		return p.judgeErrno(b)
	}
	if got != want || r.err != nil {
		return p.fail(b.event, "%s returned %s, expected %s", k.Name, showResult(got, r.err), showWanted(want, k.Errno))
	}
	return nil
}

func (p *player) judgeErrno(b *blockedCall) error {
	if b.call.Errno == "" {
		return nil
	}
	want := errnos[b.call.Errno]
	if got, _ := b.result.err.(syscall.Errno); got != want {
		return p.fail(b.event, "%s returned %s, expected -1 %s", b.call.Name, showResult(-1, b.result.err), b.call.Errno)
	}
	return nil
}

func showResult(n int64, err error) string {
	if err == nil {
		return fmt.Sprint(n)
	}
	for name, e := range errnos {
		if err == e && name != "EWOULDBLOCK" {
			return fmt.Sprintf("%d %s (%v)", n, name, err)
		}
	}
	return fmt.Sprintf("%d (%v)", n, err)
}

func showWanted(n int64, errno string) string {
	if errno == "" {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d %s", n, errno)
}
