package socket

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
)

// PollFd is one line of a call of Poll (struct pollfd).
type PollFd struct {
	Socket  *Socket
	Events  inet.Ready
	Revents inet.Ready
}

// always are the events that nobody needs to ask for.
const always = POLLERR | POLLHUP | POLLNVAL

// wakers are the wake-ups that events may come with: the end of the peer's
// stream wakes readers.
func wakers(events inet.Ready) inet.Ready {
	if events&POLLRDHUP != 0 {
		events |= POLLIN
	}
	return events
}

// Poll waits until one of the sockets is ready, or for the time given
// (negative: for ever), and returns how many are (poll(2)). All sockets must be
// of stacks on one clock. Without a socket it returns at once.
func Poll(fds []PollFd, timeout time.Duration) int {
	if len(fds) == 0 {
		return 0
	}
	clk := fds[0].Socket.family.env.Clock
	until := clock.Time(0)
	if timeout >= 0 {
		until = clk.Now().Add(timeout)
	}
	wake := make(chan struct{}, 1)
	for i := range fds {
		w := fds[i].Socket.Waiters().Add(wakers(fds[i].Events), func(inet.Ready) {
			select {
			case wake <- struct{}{}:
			default:
			}
		})
		defer w.Remove()
	}
	for {
		if n := look(fds); n > 0 || timeout == 0 || until != 0 && clk.Now() >= until {
			return n
		}
		clk.Wait(wake, until)
	}
}

func look(fds []PollFd) int {
	n := 0
	for i := range fds {
		f := &fds[i]
		if f.Revents = f.Socket.Poll() & (f.Events | always); f.Revents != 0 {
			n++
		}
	}
	return n
}
