package tcp

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Nothing is under way that an acknowledgement could come for.
func TestAFullQueueOfTheDeviceIsTriedAgainSoon(t *testing.T) {
	w := newWorld(t)
	client, server := w.connect()
	w.clk.Run(time.Second)
	w.a.err = syscall.ENOBUFS
	n, err := client.Send(pieceOf(0, 5000), 0, hurried())
	require.NoError(t, err)
	require.Equal(t, 5000, n)
	w.clk.Run(2500 * time.Microsecond) // past the first retry, before the second
	require.Zero(t, server.InQueue())
	w.a.err = nil
	w.clk.Run(3 * time.Millisecond)
	require.Equal(t, 5000, server.InQueue())
	require.Zero(t, client.refused)
}

func TestAQueueThatStaysFullIsProbedInTheEnd(t *testing.T) {
	w := newWorld(t)
	client, server := w.connect()
	w.clk.Run(time.Second)
	w.a.err = syscall.ENOBUFS
	_, err := client.Send(pieceOf(0, 1000), 0, hurried())
	require.NoError(t, err)
	w.clk.Run(5 * time.Second)
	require.Equal(t, probeTimer, client.timers.kind)
	w.a.err = nil
	w.clk.Run(5 * time.Second)
	require.Equal(t, 1000, server.InQueue())
}
