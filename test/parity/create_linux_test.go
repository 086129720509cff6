package parity

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/socket"
)

// B1: what cannot be is refused by the same errno.
func TestSocketsThatCannotBe(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		for _, c := range []struct {
			domain, typ, protocol int
			want                  syscall.Errno
		}{
			{socket.AF_INET, socket.SOCK_RAW, 0, syscall.EPROTONOSUPPORT},
			{socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_UDP, syscall.EPROTONOSUPPORT},
			{socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_TCP, syscall.EPROTONOSUPPORT},
			{socket.AF_INET, socket.SOCK_STREAM, -1, syscall.EINVAL},
			{socket.AF_INET, socket.SOCK_STREAM, 263, syscall.EINVAL},
			{77, socket.SOCK_STREAM, 0, syscall.EAFNOSUPPORT},
		} {
			_, err := h.open(c.domain, c.typ, c.protocol)
			require.Equal(t, error(c.want), err, "%+v", c)
		}
	})
}
