package socket_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// What is set reads back, as B46 has it for the buffers, and what cannot be
// is refused. TCP's own are tested where they act.
func TestOptionsReadBackWhatTheyAreSetTo(t *testing.T) {
	w := world.Pair(t)
	const (
		stream, dgram = socket.SOCK_STREAM, socket.SOCK_DGRAM
		sol, ip, tcp  = socket.SOL_SOCKET, socket.SOL_IP, socket.SOL_TCP
	)
	for _, c := range []struct {
		typ, level, name int
		first, set, then int
		err              error
	}{
		{stream, sol, socket.SO_REUSEADDR, 0, 5, 1, nil},
		{stream, sol, socket.SO_REUSEPORT, 0, 1, 1, nil},
		{dgram, sol, socket.SO_BROADCAST, 0, 1, 1, nil},
		{stream, sol, socket.SO_KEEPALIVE, 0, 1, 1, nil},
		{dgram, sol, socket.SO_KEEPALIVE, 0, 1, 1, nil},
		{stream, sol, socket.SO_OOBINLINE, 0, 1, 1, nil},
		{stream, sol, socket.SO_LINGER, -1, 7, 7, nil},
		{stream, sol, socket.SO_LINGER, -1, -5, -1, nil},
		{dgram, sol, socket.SO_RCVBUF, 212992, 10000, 20000, nil},
		{stream, sol, socket.SO_RCVBUF, 131072, 10000, 20000, nil},
		{dgram, sol, socket.SO_RCVBUF, 212992, 1, 2304, nil},
		{dgram, sol, socket.SO_RCVBUF, 212992, 1 << 28, 8 << 20, nil},
		{dgram, sol, socket.SO_SNDBUF, 212992, 10000, 20000, nil},
		{stream, sol, socket.SO_SNDBUF, 16384, 1, 4608, nil},
		{stream, sol, socket.SO_RCVTIMEO, 0, 1500, 1500, nil},
		{stream, sol, socket.SO_SNDTIMEO, 0, -1, 0, syscall.EDOM},
		{stream, sol, socket.SO_BINDTODEVICE, 0, 2, 2, nil},
		{dgram, sol, socket.SO_BINDTODEVICE, 0, 9, 0, syscall.ENODEV},
		{stream, sol, socket.SO_TYPE, stream, 2, stream, syscall.ENOPROTOOPT},
		{dgram, sol, socket.SO_PROTOCOL, socket.IPPROTO_UDP, 6, socket.IPPROTO_UDP, syscall.ENOPROTOOPT},
		{dgram, sol, socket.SO_DOMAIN, socket.AF_INET, 1, socket.AF_INET, syscall.ENOPROTOOPT},
		{stream, sol, socket.SO_ERROR, 0, 1, 0, syscall.ENOPROTOOPT},
		{stream, sol, socket.SO_ACCEPTCONN, 0, 1, 0, syscall.ENOPROTOOPT},
		{stream, ip, socket.IP_TTL, 64, 9, 9, nil},
		{stream, ip, socket.IP_TTL, 64, -1, 64, nil},
		{dgram, ip, socket.IP_TTL, 64, 256, 64, syscall.EINVAL},
		{dgram, ip, socket.IP_TTL, 64, 0, 64, syscall.EINVAL},
		{dgram, ip, socket.IP_TOS, 0, 0x2f, 0x2f, nil},
		{stream, ip, socket.IP_TOS, 0, 0x2f, 0x2c, nil}, // ECN is TCP's own
		{dgram, ip, socket.IP_MTU_DISCOVER, 1, 2, 2, nil},
		{dgram, ip, socket.IP_MTU_DISCOVER, 1, 5, 5, nil},
		{dgram, ip, socket.IP_MTU_DISCOVER, 1, 6, 1, syscall.EINVAL},
		{dgram, ip, socket.IP_PKTINFO, 0, 1, 1, nil},
		{dgram, ip, socket.IP_RECVTTL, 0, 1, 1, nil},
		{dgram, ip, socket.IP_RECVTOS, 0, 1, 1, nil},
		{dgram, ip, socket.IP_RECVOPTS, 0, 1, 1, nil},
		{dgram, ip, socket.IP_RETOPTS, 0, 1, 1, nil},
		{dgram, ip, socket.IP_FREEBIND, 0, 1, 1, nil},
		{dgram, ip, socket.IP_UNICAST_IF, 0, 2, 2, nil},
		{dgram, ip, socket.IP_UNICAST_IF, 0, 9, 0, syscall.EADDRNOTAVAIL},
		{dgram, ip, socket.IP_PROTOCOL, socket.IPPROTO_UDP, 1, socket.IPPROTO_UDP, syscall.ENOPROTOOPT},
		{dgram, ip, socket.IP_MULTICAST_ALL, 1, 0, 0, nil},
		{dgram, ip, socket.IP_MULTICAST_ALL, 1, 2, 1, syscall.EINVAL},
		{dgram, sol, socket.SO_RCVBUF, 212992, -1, 8 << 20, nil},
		{dgram, sol, socket.SO_NO_CHECK, 0, 1, 1, nil},
		{dgram, sol, socket.SO_RXQ_OVFL, 0, 1, 1, nil},
		{dgram, sol, socket.SO_SELECT_ERR_QUEUE, 0, 1, 1, nil},
		{dgram, sol, socket.SO_TIMESTAMP, 0, 1, 1, nil},
		{dgram, sol, socket.SO_TIMESTAMPNS, 0, 1, 1, nil},
		{dgram, sol, socket.SO_BINDTOIFINDEX, 0, 2, 2, nil},
		{dgram, socket.SOL_UDP, socket.UDP_CORK, 0, 1, 1, nil},
		{dgram, socket.SOL_UDP, socket.UDP_SEGMENT, 0, 1000, 1000, nil},
		{dgram, socket.SOL_UDP, socket.UDP_SEGMENT, 0, 1 << 16, 0, syscall.EINVAL},
		{dgram, socket.SOL_UDP, socket.UDP_GRO, 0, 1, 1, nil},
		{dgram, ip, socket.IP_RECVERR, 0, 1, 1, nil},
		{dgram, ip, socket.IP_MULTICAST_TTL, 1, 200, 200, nil},
		{dgram, ip, socket.IP_MULTICAST_TTL, 1, -1, 1, nil},
		{dgram, ip, socket.IP_MULTICAST_LOOP, 1, 0, 0, nil},
		{dgram, ip, socket.IP_MULTICAST_IF, 0, 2, 2, nil},
		{stream, ip, socket.IP_MULTICAST_TTL, 1, 2, 1, syscall.EINVAL},
		{stream, tcp, socket.TCP_NODELAY, 0, 1, 1, nil},
		{stream, tcp, socket.TCP_KEEPIDLE, 7200, 10, 10, nil},
		{stream, tcp, socket.TCP_KEEPINTVL, 75, 10, 10, nil},
		{stream, tcp, socket.TCP_KEEPCNT, 9, 128, 9, syscall.EINVAL},
		{stream, tcp, socket.TCP_SYNCNT, 6, 3, 3, nil},
		{stream, tcp, socket.TCP_LINGER2, 60, 30, 30, nil},
	} {
		k := open(t, w.Stacks[0], c.typ, 0)
		why := fmt.Sprintf("type %d, level %d, option %d set to %d", c.typ, c.level, c.name, c.set)
		got, err := k.Getsockopt(c.level, c.name)
		require.NoError(t, err, why)
		require.Equal(t, c.first, got, why)
		if err = k.Setsockopt(c.level, c.name, c.set); c.err != nil {
			require.Equal(t, c.err, err, why)
		} else {
			require.NoError(t, err, why)
		}
		got, err = k.Getsockopt(c.level, c.name)
		require.NoError(t, err, why)
		require.Equal(t, c.then, got, why)
		require.NoError(t, k.Close())
	}
}

// SO_RCVBUFFORCE and SO_SNDBUFFORCE pass the limits, and are only set.
func TestForcedBuffersPassTheLimits(t *testing.T) {
	k := dgram(t, world.Pair(t).Stacks[0])
	for force, name := range map[int]int{socket.SO_RCVBUFFORCE: socket.SO_RCVBUF, socket.SO_SNDBUFFORCE: socket.SO_SNDBUF} {
		require.NoError(t, k.Setsockopt(socket.SOL_SOCKET, force, 10<<20))
		got, err := k.Getsockopt(socket.SOL_SOCKET, name)
		require.NoError(t, err)
		require.Equal(t, 20<<20, got)
		_, err = k.Getsockopt(socket.SOL_SOCKET, force)
		require.Equal(t, syscall.ENOPROTOOPT, err)
	}
}

var onlyToSet = map[int]bool{socket.SO_SNDBUFFORCE: true, socket.SO_RCVBUFFORCE: true, socket.SO_DETACH_FILTER: true}

// Options that the stack does not have are ENOPROTOOPT, never success.
func TestUnknownOptionsAreRefused(t *testing.T) {
	w := world.Pair(t)
	known := 0
	for _, c := range [][2]int{{socket.SOCK_STREAM, 0}, {socket.SOCK_DGRAM, 0}, {socket.SOCK_RAW, socket.IPPROTO_ICMP},
		{socket.SOCK_DGRAM, socket.IPPROTO_ICMP}} {
		for _, level := range []int{socket.SOL_SOCKET, socket.SOL_IP, socket.SOL_TCP, socket.SOL_UDP, 41, 255} {
			for name := -1; name < 100; name++ {
				k := open(t, w.Stacks[0], c[0], c[1])
				if _, err := k.Getsockopt(level, name); err == nil || err == syscall.ENOTCONN {
					known++ // IP_MTU wants a connection
					require.NoError(t, k.Close())
					continue
				} else {
					require.Equal(t, syscall.ENOPROTOOPT, err, "level %d, option %d", level, name)
				}
				if level != socket.SOL_SOCKET || !onlyToSet[name] {
					require.Equal(t, syscall.ENOPROTOOPT, k.Setsockopt(level, name, 1), "level %d, option %d", level, name)
				}
				require.NoError(t, k.Close())
			}
		}
	}
	require.Greater(t, known, 40)
	k := dgram(t, w.Stacks[0])
	require.Equal(t, syscall.ENOPROTOOPT, k.Setsockopt(socket.SOL_TCP, socket.TCP_NODELAY, 1))
	require.Equal(t, syscall.ENOPROTOOPT, k.SetCongestion("cubic"))
	require.Equal(t, syscall.ENOENT, stream(t, w.Stacks[0]).SetCongestion("nonesuch"))
	require.NoError(t, stream(t, w.Stacks[0]).SetCongestion("reno"))
}

func TestAListenerSaysSo(t *testing.T) {
	w := world.Pair(t)
	got, err := listen(t, w.Stacks[0], 1).Getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
	require.NoError(t, err)
	require.Equal(t, 1, got)
}

// B46: with timestamps at an MTU of 1500 a full segment has 1448 bytes.
func TestTheSegmentAndPathSizesOfAConnection(t *testing.T) {
	w := world.Pair(t)
	c, _ := connect(t, w)
	mss, err := c.Getsockopt(socket.SOL_TCP, socket.TCP_MAXSEG)
	require.NoError(t, err)
	require.Equal(t, 1448, mss)
	mtu, err := c.Getsockopt(socket.SOL_IP, socket.IP_MTU)
	require.NoError(t, err)
	require.Equal(t, 1500, mtu)
	_, err = stream(t, w.Stacks[0]).Getsockopt(socket.SOL_IP, socket.IP_MTU)
	require.Equal(t, syscall.ENOTCONN, err)
}

// Groups are joined once, left once, and left at the socket's end.
func TestMemberships(t *testing.T) {
	w := world.Pair(t)
	k := dgram(t, w.Stacks[0])
	group := at("239.1.2.3:9").Addr()
	require.Equal(t, syscall.EINVAL, k.Membership(socket.IP_ADD_MEMBERSHIP, server.Addr(), 2))
	require.Equal(t, syscall.ENODEV, k.Membership(socket.IP_ADD_MEMBERSHIP, group, 9))
	require.Equal(t, syscall.EADDRNOTAVAIL, k.Membership(socket.IP_DROP_MEMBERSHIP, group, 2))
	require.Equal(t, syscall.ENOPROTOOPT, k.Membership(socket.IP_TTL, group, 2))
	require.NoError(t, k.Membership(socket.IP_ADD_MEMBERSHIP, group, 0))
	require.Equal(t, syscall.EADDRINUSE, k.Membership(socket.IP_ADD_MEMBERSHIP, group, 2))
	require.NoError(t, k.Membership(socket.IP_DROP_MEMBERSHIP, group, 2))

	require.NoError(t, k.Membership(socket.IP_ADD_MEMBERSHIP, group, 2))
	all := dgram(t, w.Stacks[0])
	require.NoError(t, all.Bind(at("0.0.0.0:9")))
	sender := dgram(t, w.Stacks[1])
	tell := func(what string) {
		_, err := sender.SendTo([]byte(what), 0, at("239.1.2.3:9"))
		require.NoError(t, err)
		w.Clock.Run(1e6)
	}
	tell("to members")
	requireRead(t, all, "to members")
	require.NoError(t, k.Close())
	tell("to nobody")
	_, err := read(all)
	require.Equal(t, syscall.EAGAIN, err)
}
