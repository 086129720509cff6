package socket_test

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
)

// ip(7) IP_RECVERR: each ICMP error is queued with who sent it, where the
// datagram went, and what of it is quoted; SO_ERROR has the first one's errno.
func TestErrorsAreQueuedForWhoAsked(t *testing.T) {
	w := world.Pair(t)
	s := dgram(t, w.Stacks[0])
	require.NoError(t, s.Setsockopt(socket.SOL_IP, socket.IP_RECVERR, 1))
	to := netip.MustParseAddrPort("10.0.0.2:9")
	for _, text := range []string{"one", "another"} {
		_, err := s.SendTo([]byte(text), 0, to)
		require.NoError(t, err)
		w.Clock.Run(10 * time.Millisecond)
		if text == "one" {
			require.Equal(t, socket.POLLERR, s.Poll()&socket.POLLERR)
			_, err = s.Getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
			require.NoError(t, err)
		}
	}
	for _, text := range []string{"one", "another"} {
		m := &socket.Message{Data: make([]byte, 100)}
		n, err := s.RecvMsg(m, socket.MSG_ERRQUEUE)
		require.NoError(t, err)
		require.Equal(t, text, string(m.Data[:n]))
		require.Equal(t, to, m.Addr)
		require.Equal(t, syscall.ECONNREFUSED, m.Err.Errno)
		require.EqualValues(t, inet.FromICMP, m.Err.Origin)
		require.Equal(t, [2]uint8{3, 3}, [2]uint8{m.Err.Type, m.Err.Code})
		require.Equal(t, to.Addr(), m.Err.Offender)
	}
	_, err := s.RecvMsg(&socket.Message{}, socket.MSG_ERRQUEUE)
	require.ErrorIs(t, err, syscall.EAGAIN)
	require.Zero(t, s.Poll()&socket.POLLERR)
}
