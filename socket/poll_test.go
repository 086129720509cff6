package socket_test

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

const second = time.Second

// after runs fn at a later virtual time.
func after(w *world.World, d time.Duration, fn func()) {
	timer := new(clock.Timer)
	timer.Init(w.Clock, func(any) { fn() }, nil)
	timer.Reset(w.Clock.Now().Add(d))
}

// poll(2)
func TestPollWaitsForTheFirstOrTheTimeout(t *testing.T) {
	w := world.Pair(t)
	c, s := connect(t, w)
	u := dgram(t, w.Stacks[1])
	fds := []socket.PollFd{{Socket: u, Events: socket.POLLIN}, {Socket: s, Events: socket.POLLIN | socket.POLLRDHUP}}
	require.Zero(t, socket.Poll(fds, 0))
	began := w.Clock.Now()
	require.Zero(t, socket.Poll(fds, second))
	require.Equal(t, second, w.Clock.Now().Sub(began))
	after(w, second, func() { send(t, c, "x", 0) })
	require.Equal(t, 1, socket.Poll(fds, -1))
	require.Zero(t, fds[0].Revents)
	require.Equal(t, socket.POLLIN, fds[1].Revents)
	requireRead(t, s, "x")
	after(w, second, func() { _ = c.Close() })
	require.Equal(t, 1, socket.Poll(fds, -1))
	require.Equal(t, socket.POLLIN|socket.POLLRDHUP, fds[1].Revents)
	fds[1].Events = socket.POLLRDHUP
	require.Equal(t, 1, socket.Poll(fds, 0))
	require.Equal(t, socket.POLLRDHUP, fds[1].Revents)
	require.NoError(t, u.Close())
	require.Equal(t, 2, socket.Poll(fds, 0))
	require.Equal(t, socket.POLLNVAL, fds[0].Revents)
	require.Zero(t, socket.Poll(nil, second))
}

func TestPollRDHUPAloneIsWokenByTheEndOfTheStream(t *testing.T) {
	w := world.Pair(t)
	c, s := connect(t, w)
	after(w, second, func() { _ = c.Close() })
	fds := []socket.PollFd{{Socket: s, Events: socket.POLLRDHUP}}
	require.Equal(t, 1, socket.Poll(fds, 10*second))
}

func TestAFullStreamIsWritableAgainWhenItsPeerReads(t *testing.T) {
	w := world.Pair(t)
	c, s := connect(t, w)
	c.SetNonblock(true)
	require.Equal(t, syscall.EAGAIN, fill(c, make([]byte, 1<<20)))
	w.Clock.Run(second)
	for fill(c, make([]byte, 1<<20)) != syscall.EAGAIN {
	}
	fds := []socket.PollFd{{Socket: c, Events: socket.POLLOUT}}
	require.Zero(t, socket.Poll(fds, second))
	b := make([]byte, 1<<20)
	for range 20 {
		after(w, 0, func() { _, _ = s.Recv(b, socket.MSG_DONTWAIT) })
		w.Clock.Run(second)
	}
	require.Equal(t, 1, socket.Poll(fds, second))
}

// events waits without time and returns what is ready, by data.
func events(p *socket.Poller) map[any]inet.Ready {
	list := make([]socket.Event, 10)
	got := map[any]inet.Ready{}
	for _, e := range list[:p.Wait(list, 0)] {
		got[e.Data] = e.Events
	}
	return got
}

type ready = map[any]inet.Ready

// epoll(7): level-triggered is reported as long as it holds, edge-triggered
// once a wake-up, one-shot once until armed again.
func TestPollerLevelEdgeAndOneShot(t *testing.T) {
	w := world.Pair(t)
	c, s := connect(t, w)
	level, edge, once := w.Stacks[1].NewPoller(), w.Stacks[1].NewPoller(), w.Stacks[1].NewPoller()
	require.NoError(t, level.Add(s, socket.POLLIN, "s"))
	require.NoError(t, edge.Add(s, socket.POLLIN|socket.EPOLLET, "s"))
	require.NoError(t, once.Add(s, socket.POLLIN|socket.EPOLLONESHOT, "s"))
	all := []*socket.Poller{level, edge, once}
	for _, p := range all {
		require.Empty(t, events(p))
	}
	tell := func() {
		send(t, c, "x", 0)
		w.Clock.Run(time.Millisecond)
	}
	tell()
	for _, p := range all {
		require.Equal(t, ready{"s": socket.POLLIN}, events(p))
	}
	require.Equal(t, ready{"s": socket.POLLIN}, events(level), "still")
	require.Empty(t, events(edge), "once an edge")
	require.Empty(t, events(once))
	tell()
	require.Equal(t, ready{"s": socket.POLLIN}, events(edge), "the next edge")
	require.Empty(t, events(once), "off until armed")
	require.NoError(t, once.Mod(s, socket.POLLIN|socket.EPOLLONESHOT, "again"))
	require.Equal(t, ready{"again": socket.POLLIN}, events(once))
	requireRead(t, s, "xx")
	for _, p := range all {
		require.Empty(t, events(p))
	}
}

func TestPollerKeepsItsBooks(t *testing.T) {
	w := world.Pair(t)
	c, s := connect(t, w)
	p := w.Stacks[1].NewPoller()
	require.Equal(t, syscall.ENOENT, p.Mod(s, socket.POLLIN, nil))
	require.Equal(t, syscall.ENOENT, p.Del(s))
	require.NoError(t, p.Add(s, socket.POLLIN, 1))
	require.Equal(t, syscall.EEXIST, p.Add(s, socket.POLLIN, 1))
	require.NoError(t, p.Mod(s, socket.POLLOUT, 2))
	require.Equal(t, ready{2: socket.POLLOUT}, events(p), "ready already")
	require.NoError(t, p.Del(s))
	require.Empty(t, events(p))
	require.NoError(t, p.Add(s, socket.POLLIN, 3))
	_ = c
	require.NoError(t, s.Close())
	require.Empty(t, events(p), "a closed socket is forgotten")
	require.Equal(t, syscall.ENOENT, p.Del(s))
	require.Zero(t, p.Wait(nil, second))
}

func TestPollerWaitsForTheFirstOrTheTimeout(t *testing.T) {
	w := world.Pair(t)
	c, s := connect(t, w)
	p := w.Stacks[1].NewPoller()
	require.NoError(t, p.Add(s, socket.POLLIN, nil))
	list := make([]socket.Event, 1)
	began := w.Clock.Now()
	require.Zero(t, p.Wait(list, second))
	require.Equal(t, second, w.Clock.Now().Sub(began))
	after(w, second, func() { send(t, c, "x", 0) })
	require.Equal(t, 1, p.Wait(list, -1))
	require.Same(t, s, list[0].Socket)
}

func TestPollerSharesOutWhatDoesNotFit(t *testing.T) {
	w := world.Pair(t)
	p := w.Stacks[0].NewPoller()
	seen := map[*socket.Socket]bool{}
	for range 5 {
		require.NoError(t, p.Add(dgram(t, w.Stacks[0]), socket.POLLOUT, nil))
	}
	list := make([]socket.Event, 2)
	for range 3 {
		require.Equal(t, 2, p.Wait(list, 0))
		seen[list[0].Socket], seen[list[1].Socket] = true, true
	}
	require.Len(t, seen, 5, "each has its turn")
}

// Wake-ups, changes and waits from many goroutines neither block each other
// nor race.
func TestPollerFromManyGoroutines(t *testing.T) {
	w := world.Pair(t)
	s := w.Stacks[0]
	p := s.NewPoller()
	k, from := dgram(t, s), dgram(t, s)
	require.NoError(t, k.Bind(at("127.0.0.1:9")))
	var all sync.WaitGroup
	for _, fn := range []func(){
		func() { _ = p.Add(k, socket.POLLIN, nil); _ = p.Mod(k, socket.POLLIN|socket.EPOLLET, nil) },
		func() { _ = p.Del(k) },
		func() { p.Wait(make([]socket.Event, 3), 0) },
		func() { _, _ = from.SendTo([]byte("x"), 0, at("127.0.0.1:9")) },
		func() { _, _ = read(k); w.Clock.Step() },
		func() { k.SetReadDeadline(1); k.Poll() },
	} {
		all.Go(func() {
			for range 300 {
				fn()
			}
		})
	}
	all.Wait()
}
