package wire

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// B32, B35: echo of every size from nothing to the largest datagram, with
// fragments in both directions, content checked by ping.
func TestPingOfEverySize(t *testing.T) {
	need(t, "ping")
	onEveryLink(t, func(w *wire) {
		for _, size := range []int{0, 1, 7, 8, 15, 16, 56, 100, 1471, 1472, 1473, 1480, 1481, 2952, 2953, 4000, 9000, 20000, 40000, 65506, 65507} {
			out := w.must(10*time.Second, "ping", "-c", "2", "-i", "0.01", "-W", "3", "-s", strconv.Itoa(size), stackIP)
			require.Contains(w.t, out, " 0% packet loss", "size %d:\n%s", size, out)
			require.NotContains(w.t, out, "wrong data", "size %d:\n%s", size, out)
		}
	})
}

// A flood of echo requests is answered to the last.
func TestPingFlood(t *testing.T) {
	need(t, "ping")
	onEveryLink(t, func(w *wire) {
		out := w.must(30*time.Second, "ping", "-f", "-c", "5000", stackIP)
		require.True(w.t, strings.Contains(out, " 0% packet loss"), out)
	})
}
