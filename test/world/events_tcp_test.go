package world_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/slankdev/ministack/trace"
	"github.com/stretchr/testify/require"
)

// samePeerTwice has a second connection begin with what the first one learnt.
func samePeerTwice(t *testing.T) []*trace.Tracer {
	w := world.Pair(t)
	tr := watch(w)
	l, err := w.Stacks[1].Listen("tcp", ":80")
	require.NoError(t, err)
	for range 2 {
		c, err := w.Stacks[0].Dial("tcp", world.Addr(1)+":80")
		require.NoError(t, err)
		s, err := l.Accept()
		require.NoError(t, err)
		require.NoError(t, c.Close())
		require.NoError(t, s.Close())
		w.Clock.Run(time.Second)
	}
	return tr
}

// signedSegments has a connection with a key (RFC 2385).
func signedSegments(t *testing.T) []*trace.Tracer {
	w := world.Pair(t)
	tr := watch(w)
	for i, s := range w.Stacks {
		k, err := s.Socket(socket.AF_INET, socket.SOCK_STREAM, 0)
		require.NoError(t, err)
		require.NoError(t, k.SetsockoptMD5(netip.MustParsePrefix(world.Addr(1-i)+"/32"), []byte("key")))
		require.NoError(t, k.Bind(netip.MustParseAddrPort(world.Addr(i)+":179")))
		if i == 0 {
			require.NoError(t, k.Listen(1))
		} else {
			require.NoError(t, k.Connect(netip.MustParseAddrPort(world.Addr(0)+":179")))
		}
	}
	return tr
}

// scarceMemory has a connection take more than all of TCP is to have.
func scarceMemory(t *testing.T) []*trace.Tracer {
	w := world.Pair(t)
	tr := watch(w)
	for _, s := range w.Stacks {
		require.NoError(t, s.SetSysctl("net.ipv4.tcp_mem", "1 2 3"))
	}
	l, err := w.Stacks[1].Listen("tcp", ":80")
	require.NoError(t, err)
	c, err := w.Stacks[0].Dial("tcp", world.Addr(1)+":80")
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	_, err = c.Write(make([]byte, 20_000))
	require.NoError(t, err)
	w.Clock.Run(time.Second)
	_, err = s.Read(make([]byte, 20_000))
	require.NoError(t, err)
	return tr
}
