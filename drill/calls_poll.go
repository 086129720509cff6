package drill

import (
	"fmt"
	"syscall"
	"time"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/socket"
)

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// poll is poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, 100).
func (c *caller) poll() outcome {
	list := c.args[0]
	if list.Kind != List {
		c.wrong(list, "expected a list")
	}
	fds := make([]socket.PollFd, len(list.Items))
	for i, e := range list.Items {
		f := c.files[c.member(e, "fd")]
		if f == nil || f.sock == nil {
			c.unsupported(e, "poll() of what is no socket")
		}
		fds[i] = socket.PollFd{Socket: f.sock, Events: inet.Ready(c.member(e, "events"))}
	}
	o := outcome{n: int64(socket.Poll(fds, milliseconds(c.num(2))))}
	for i, e := range list.Items {
		want := e.get("revents")
		if want == nil || want.Kind == Ellipsis {
			continue
		}
		if w := inet.Ready(c.value(want)); w != fds[i].Revents {
			o.differs = fmt.Sprintf("revents is %s, expected %s", readyText(fds[i].Revents), readyText(w))
		}
	}
	return o
}

var readyNames = []struct {
	bit  inet.Ready
	name string
}{{1, "IN"}, {2, "PRI"}, {4, "OUT"}, {8, "ERR"}, {0x10, "HUP"}, {0x20, "NVAL"}, {0x2000, "RDHUP"}, {1 << 30, "ONESHOT"}, {1 << 31, "ET"}}

func readyText(r inet.Ready) string {
	text := ""
	for _, n := range readyNames {
		if r&n.bit != 0 {
			text += "|" + n.name
			r &^= n.bit
		}
	}
	if r != 0 {
		text += fmt.Sprintf("|%#x", uint32(r))
	}
	if text == "" {
		return "0"
	}
	return text[1:]
}

func (c *caller) epollCreate() outcome {
	return outcome{opened: &file{poller: c.host.stack.NewPoller()}}
}

// epollCtl is epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN, fd=4}).
func (c *caller) epollCtl() outcome {
	p, f := c.file(0), c.file(2)
	switch {
	case p == nil || f == nil:
		return badFile
	case p.poller == nil:
		return failed(syscall.EINVAL)
	case f.sock == nil:
		return failed(syscall.EPERM)
	}
	var events inet.Ready
	data := c.num(2)
	if e := c.args[3]; e.Kind == Struct {
		events = inet.Ready(c.member(e, "events"))
		if d := epollData(e); d != nil {
			data = c.value(d)
		}
	}
	switch c.num(1) {
	case 1:
		return failed(p.poller.Add(f.sock, events, data))
	case 2:
		return failed(p.poller.Del(f.sock))
	case 3:
		return failed(p.poller.Mod(f.sock, events, data))
	}
	return failed(syscall.EINVAL)
}

// epollData is the member of epoll_data_t that a script names, nil if none.
func epollData(e *Expr) *Expr {
	for _, name := range []string{"fd", "ptr", "u32", "u64"} {
		if d := e.get(name); d != nil {
			return d
		}
	}
	return nil
}

// epollWait is epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0): the events of the
// first ready socket.
func (c *caller) epollWait() outcome {
	p := c.file(0)
	if p == nil {
		return badFile
	}
	n := c.num(2)
	if p.poller == nil || n <= 0 {
		return failed(syscall.EINVAL)
	}
	events := make([]socket.Event, n)
	got := p.poller.Wait(events, milliseconds(c.num(3)))
	o := outcome{n: int64(got)}
	want := []*Expr{c.args[1]}
	if c.args[1].Kind == List {
		want = c.args[1].Items
	}
	for i := 0; i < got && i < len(want); i++ {
		if want[i].Kind != Struct {
			continue
		}
		if w := inet.Ready(c.member(want[i], "events")); w != events[i].Events {
			o.differs = fmt.Sprintf("events is %s, expected %s", readyText(events[i].Events), readyText(w))
		}
		if d := epollData(want[i]); d != nil && d.Kind != Ellipsis && events[i].Data != c.value(d) {
			o.differs = fmt.Sprintf("the event's data is %v, expected %d", events[i].Data, c.value(d))
		}
	}
	return o
}
