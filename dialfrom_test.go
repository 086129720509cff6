package ministack_test

import (
	"context"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

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

// The end of its context is the error, as it is for a dial from anywhere.
func TestADialFromANameEndsWithItsContext(t *testing.T) {
	a, _ := pair(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := a.DialFrom(ctx, "tcp", ":4000", "10.0.0.77:80")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
