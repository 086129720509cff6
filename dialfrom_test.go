package ministack_test

import (
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack"
)

func TestADialledConnectionComesFromTheNameThatItWasGiven(t *testing.T) {
	s, err := ministack.New(ministack.Config{})
	require.NoError(t, err)
	defer s.Close()
	l, err := s.Listen("tcp", "127.0.0.1:80")
	require.NoError(t, err)
	got := make(chan net.Addr, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			got <- c.RemoteAddr()
			c.Close()
		}
	}()
	c, err := s.DialFrom(t.Context(), "tcp", ":4000", "127.0.0.1:80")
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:4000", c.LocalAddr().String())
	require.Equal(t, "127.0.0.1:4000", (<-got).String())
	_, err = io.ReadAll(c)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	_, err = s.DialFrom(t.Context(), "udp", "192.0.2.1:1", "127.0.0.1:80")
	require.ErrorIs(t, err, syscall.EADDRNOTAVAIL)
}
