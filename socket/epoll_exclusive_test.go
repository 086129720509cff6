package socket_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// herd has three pollers wait for a listener at once, and says which of them
// the connections that then come wake.
func herd(t *testing.T, events inet.Ready, connections int) (woken [3]bool) {
	w := world.Pair(t)
	l := listen(t, w.Stacks[1], 5)
	var pollers [3]*socket.Poller
	for i := range pollers {
		pollers[i] = w.Stacks[1].NewPoller()
		require.NoError(t, pollers[i].Add(l, events|socket.EPOLLET, i))
		pollers[i].PretendToWait(1)
	}
	for range connections {
		k := stream(t, w.Stacks[0])
		k.SetNonblock(true)
		require.Equal(t, syscall.EINPROGRESS, k.Connect(server))
		w.Clock.Run(time.Second)
	}
	for i, p := range pollers {
		p.PretendToWait(0)
		woken[i] = p.Wait(make([]socket.Event, 1), 0) > 0
	}
	return woken
}

// EPOLLEXCLUSIVE: each event wakes one of the pollers that wait, the one that
// was added first; without it all are woken (epoll_ctl(2)).
func TestAnExclusiveEventWakesOnePoller(t *testing.T) {
	require.Equal(t, [3]bool{true, true, true}, herd(t, socket.POLLIN, 1))
	require.Equal(t, [3]bool{true, false, false}, herd(t, socket.POLLIN|socket.EPOLLEXCLUSIVE, 1))
	require.Equal(t, [3]bool{true, true, false}, herd(t, socket.POLLIN|socket.EPOLLEXCLUSIVE, 2), "the first is busy by then")
	require.Equal(t, [3]bool{true, true, true}, herd(t, socket.POLLIN|socket.EPOLLEXCLUSIVE, 4))
}

// What does not go with EPOLLEXCLUSIVE is EINVAL, and it cannot be modified.
func TestWhatDoesNotGoWithExclusive(t *testing.T) {
	w := world.Pair(t)
	p, k := w.Stacks[0].NewPoller(), stream(t, w.Stacks[0])
	for _, with := range []inet.Ready{socket.EPOLLONESHOT, socket.POLLRDHUP, socket.POLLPRI} {
		require.Equal(t, syscall.EINVAL, p.Add(k, socket.POLLIN|socket.EPOLLEXCLUSIVE|with, nil))
	}
	require.NoError(t, p.Add(k, socket.POLLIN|socket.EPOLLEXCLUSIVE, nil))
	require.Equal(t, syscall.EINVAL, p.Mod(k, socket.POLLIN, nil))
	require.NoError(t, p.Del(k))
	require.NoError(t, p.Add(k, socket.POLLIN, nil))
	require.Equal(t, syscall.EINVAL, p.Mod(k, socket.POLLIN|socket.EPOLLEXCLUSIVE, nil))
}
