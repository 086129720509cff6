package tcp

import (
	"math/rand"
	"syscall"
	"testing"
	"time"

	"github.com/slankdev/ministack/inet"
	"github.com/stretchr/testify/require"
)

// RFC 9293 3.10.7.
func TestHandshakeAndOneByte(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	require.Equal(t, Established, c.State())
	require.Equal(t, Established, s.State())
	n, err := c.Send([]byte("x"), 0, patient())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	var buf [10]byte
	n, err = s.Recv(buf[:], 0, patient())
	require.NoError(t, err)
	require.Equal(t, "x", string(buf[:n]))
}

// RFC 9293 3.10.4, figure 12: the normal close, each side in turn.
func TestCloseRunsThroughTheStatesOfFigure12(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	require.NoError(t, c.Shutdown(inet.ShutWrite))
	w.clk.Run(100 * time.Millisecond) // the acknowledgement of a FIN may be delayed
	require.Equal(t, FinWait2, c.State())
	require.Equal(t, CloseWait, s.State())
	var buf [1]byte
	n, err := s.Recv(buf[:], 0, patient())
	require.NoError(t, err)
	require.Zero(t, n, "end of the stream")
	_, err = s.Send([]byte("still"), 0, patient())
	require.NoError(t, err, "B42: the other half goes on")
	w.clk.Run(10 * time.Millisecond)
	require.NoError(t, s.Close(nil))
	w.clk.Run(10 * time.Millisecond)
	require.Equal(t, Closed, s.State())
	got := make([]byte, 10)
	n, err = c.Recv(got, 0, patient())
	require.NoError(t, err)
	require.Equal(t, "still", string(got[:n]))
	n, err = c.Recv(got, 0, patient())
	require.NoError(t, err)
	require.Zero(t, n)
	_, err = c.Send([]byte("x"), 0, patient())
	require.ErrorIs(t, err, syscall.EPIPE, "B42")
}

func TestBulkArrivesWholeAndFast(t *testing.T) {
	w := newWorld(t)
	w.delay, w.rate = 20*time.Millisecond, 100_000_000
	c, s := w.connect()
	took := w.transfer(c, s, 8<<20, time.Minute)
	t.Logf("8 MB at 100 Mbit/s, RTT 40 ms: %v", took)
	require.Less(t, took, 1500*time.Millisecond)
}

func TestBulkSurvivesLossReorderingAndDuplicates(t *testing.T) {
	for _, loss := range []float64{0.01, 0.05, 0.2} {
		w := newWorld(t)
		w.delay, w.rate = 5*time.Millisecond, 100_000_000
		r := rand.New(rand.NewSource(7))
		w.lose = func(*wireSegment) bool { return r.Float64() < loss }
		w.late = func(*wireSegment) time.Duration {
			if r.Float64() < 0.05 {
				return 8 * time.Millisecond
			}
			return 0
		}
		c, s := w.connect()
		took := w.transfer(c, s, 1<<20, 10*time.Minute)
		t.Logf("1 MB at %.0f %% loss: %v", loss*100, took)
	}
}
