package parity

import (
	"net/netip"
	"sort"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/socket"
)

// epoll(7) and socket.Poller: the same events at the same moments.

// poller is either of them; the sockets have numbers.
type poller interface {
	add(s calls, n int, events inet.Ready) error
	mod(s calls, n int, events inet.Ready) error
	del(s calls) error
	wait(timeout time.Duration) []ready
}

// ready is what one socket is ready for.
type ready struct {
	n      int
	events inet.Ready
}

func (h *host) poller() poller {
	if h.stack != nil {
		return ourPoller{h.stack.NewPoller()}
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	require.NoError(h.t, err)
	h.t.Cleanup(func() { _ = unix.Close(fd) })
	return kernelPoller(fd)
}

type ourPoller struct{ p *socket.Poller }

func (p ourPoller) add(s calls, n int, events inet.Ready) error {
	return p.p.Add(s.(ours).Socket, events, n)
}

func (p ourPoller) mod(s calls, n int, events inet.Ready) error {
	return p.p.Mod(s.(ours).Socket, events, n)
}

func (p ourPoller) del(s calls) error { return p.p.Del(s.(ours).Socket) }

func (p ourPoller) wait(timeout time.Duration) []ready {
	events := make([]socket.Event, 16)
	var list []ready
	for _, e := range events[:p.p.Wait(events, timeout)] {
		list = append(list, ready{e.Data.(int), e.Events})
	}
	return sorted(list)
}

type kernelPoller int

func (p kernelPoller) control(op int, s calls, n int, events inet.Ready) error {
	return unix.EpollCtl(int(p), op, s.(*kernel).num(), &unix.EpollEvent{Events: uint32(events), Fd: int32(n)})
}

func (p kernelPoller) add(s calls, n int, events inet.Ready) error {
	return p.control(unix.EPOLL_CTL_ADD, s, n, events)
}

func (p kernelPoller) mod(s calls, n int, events inet.Ready) error {
	return p.control(unix.EPOLL_CTL_MOD, s, n, events)
}

func (p kernelPoller) del(s calls) error { return p.control(unix.EPOLL_CTL_DEL, s, 0, 0) }

func (p kernelPoller) wait(timeout time.Duration) []ready {
	events := make([]unix.EpollEvent, 16)
	n, err := again(func() (int, error) { return unix.EpollWait(int(p), events, int(timeout/time.Millisecond)) })
	if err != nil {
		return nil
	}
	var list []ready
	for _, e := range events[:n] {
		list = append(list, ready{int(e.Fd), inet.Ready(e.Events)})
	}
	return sorted(list)
}

func sorted(list []ready) []ready {
	sort.Slice(list, func(i, j int) bool { return list[i].n < list[j].n })
	return list
}

const (
	soon = 500 * time.Millisecond // for what must come
	now  = 30 * time.Millisecond  // for what must not
)

// Level: as long as it lasts. Edge: once for each thing that happens. One-shot:
// once, until it is armed again.
func TestTriggersOfEpoll(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s, p := h.bound(9), h.poller()
		in := socket.POLLIN
		one := []ready{{1, in}}
		require.NoError(t, p.add(s, 1, in))
		require.Equal(t, error(syscall.EEXIST), p.add(s, 1, in))
		require.Empty(t, p.wait(now))
		h.datagram(9, "a", nil)
		require.Equal(t, one, p.wait(soon))
		require.Equal(t, one, p.wait(now), "level")
		h.reads(s, "a", 0)
		require.Empty(t, p.wait(now))

		require.NoError(t, p.mod(s, 1, in|socket.EPOLLET))
		h.datagram(9, "b", nil)
		require.Equal(t, one, p.wait(soon))
		require.Empty(t, p.wait(now), "edge")
		h.datagram(9, "c", nil)
		require.Equal(t, one, p.wait(soon), "something more came")
		h.reads(s, "b", 0)
		require.Empty(t, p.wait(now), "that something is left is no event")
		h.reads(s, "c", 0)

		require.NoError(t, p.mod(s, 1, in|socket.EPOLLONESHOT))
		h.datagram(9, "d", nil)
		require.Equal(t, one, p.wait(soon))
		h.datagram(9, "e", nil)
		require.Empty(t, p.wait(now), "one-shot")
		require.NoError(t, p.mod(s, 1, in|socket.EPOLLONESHOT))
		require.Equal(t, one, p.wait(soon), "it is ready already")
		require.NoError(t, p.del(s))
		require.Equal(t, error(syscall.ENOENT), p.del(s))
		require.Equal(t, error(syscall.ENOENT), p.mod(s, 1, in))
		require.Empty(t, p.wait(now))
		require.NoError(t, p.add(s, 1, in|socket.POLLOUT|socket.EPOLLET))
		require.Equal(t, []ready{{1, in | socket.POLLOUT}}, p.wait(soon))
		require.NoError(t, s.Close())
		require.Empty(t, p.wait(now), "a closed socket is forgotten")
	})
}

// A connection's life under a level-triggered epoll that wants everything.
func TestEpollOverALifeOfStreams(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		all := socket.POLLIN | socket.POLLOUT | socket.POLLPRI | socket.POLLRDHUP
		p := h.poller()
		l, at := h.listener(4)
		require.NoError(t, p.add(l, 1, all))
		c := h.stream()
		require.NoError(t, p.add(c, 2, all))
		require.Equal(t, []ready{{2, socket.POLLOUT | socket.POLLHUP}}, p.wait(soon))
		require.NoError(t, c.Connect(at))
		h.arrive()
		require.Equal(t, []ready{{1, socket.POLLIN}, {2, socket.POLLOUT}}, p.wait(soon))
		s := h.accepted(l)
		require.NoError(t, p.mod(c, 2, all&^socket.POLLOUT|socket.EPOLLET))
		require.NoError(t, p.add(s, 3, all&^socket.POLLOUT|socket.EPOLLET))
		require.Empty(t, p.wait(now))
		h.sends(c, "x", 0)
		require.Equal(t, []ready{{3, socket.POLLIN}}, p.wait(soon))
		require.Empty(t, p.wait(now))
		h.sends(c, "!", socket.MSG_OOB)
		h.arrive()
		require.Equal(t, []ready{{3, socket.POLLIN | socket.POLLPRI}}, p.wait(soon))
		require.NoError(t, c.Shutdown(socket.SHUT_WR))
		h.arrive()
		require.Equal(t, []ready{{3, socket.POLLIN | socket.POLLPRI | socket.POLLRDHUP}}, p.wait(soon))
		h.set(s, socket.SOL_SOCKET, socket.SO_LINGER, 0)
		require.NoError(t, s.Close())
		require.Equal(t, []ready{{2, socket.POLLIN | socket.POLLERR | socket.POLLHUP | socket.POLLRDHUP}}, p.wait(soon), "reset")
		require.NoError(t, l.Shutdown(socket.SHUT_RD))
		require.Equal(t, socket.POLLOUT|socket.POLLHUP|socket.POLLIN|socket.POLLRDHUP, l.Poll()|socket.POLLIN|socket.POLLRDHUP)
	})
}

// An ICMP error wakes who polls, without being asked for.
func TestEpollTellsOfErrors(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		s, p := h.dgram(), h.poller()
		require.NoError(t, s.Connect(netip.AddrPortFrom(peerAddr, 9)))
		require.NoError(t, p.add(s, 1, socket.EPOLLET))
		_, err := s.Send([]byte("x"), 0)
		require.NoError(t, err)
		h.refuse(h.expect(udpPacket))
		require.Equal(t, []ready{{1, socket.POLLERR}}, p.wait(soon))
		require.Empty(t, p.wait(now))
		v, err := s.Getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
		require.NoError(t, err)
		require.Equal(t, int(syscall.ECONNREFUSED), v)
	})
}
