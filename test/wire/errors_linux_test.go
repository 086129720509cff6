package wire

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// B41, both ways: a closed port refuses.
func TestConnectionRefused(t *testing.T) {
	onEveryLink(t, func(w *wire) {
		_, err := net.DialTimeout("tcp", stackIP+":81", 3*time.Second)
		require.ErrorIs(w.t, err, syscall.ECONNREFUSED)
		_, err = w.stack.Dial("tcp", hostIP+":81")
		require.ErrorIs(w.t, err, syscall.ECONNREFUSED)
	})
}

// B29: a neighbour that does not answer is unreachable after about 3 s; B41:
// without a route at once.
func TestHostUnreachable(t *testing.T) {
	w := newWire(t, kinds(t)[0])
	began := time.Now()
	_, err := w.stack.Dial("tcp", "10.9.0.77:80")
	require.ErrorIs(t, err, syscall.EHOSTUNREACH)
	require.InDelta(t, 3, time.Since(began).Seconds(), 1)
	_, err = w.stack.Dial("tcp", "192.0.2.1:80")
	require.ErrorIs(t, err, syscall.ENETUNREACH)
}

// B47, both ways: UDP to a closed port on a connected socket.
func TestUDPPortUnreachable(t *testing.T) {
	onEveryLink(t, func(w *wire) {
		dials := map[string]func() (net.Conn, error){
			"kernel": func() (net.Conn, error) { return net.Dial("udp", stackIP+":9999") },
			"stack":  func() (net.Conn, error) { return w.stack.Dial("udp", hostIP+":9999") },
		}
		for name, dial := range dials {
			c, err := dial()
			require.NoError(w.t, err)
			_, err = c.Write([]byte("x"))
			require.NoError(w.t, err)
			require.NoError(w.t, c.SetReadDeadline(time.Now().Add(3*time.Second)))
			_, err = c.Read(make([]byte, 10))
			require.ErrorIs(w.t, err, syscall.ECONNREFUSED, name)
			require.NoError(w.t, c.Close())
		}
	})
}

// B43 over the wire: SO_LINGER 0 on the stack's side resets the kernel's.
func TestReset(t *testing.T) {
	onEveryLink(t, func(w *wire) {
		l := w.listen(82)
		defer l.Close()
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1))
			_ = c.(interface{ SetLinger(int) error }).SetLinger(0)
			_ = c.Close()
		}()
		c, err := net.Dial("tcp", stackIP+":82")
		require.NoError(w.t, err)
		defer c.Close()
		_, err = c.Write([]byte("x"))
		require.NoError(w.t, err)
		_, err = c.Read(make([]byte, 1))
		require.ErrorIs(w.t, err, syscall.ECONNRESET)
	})
}

// B42 over the wire: nc ends its direction, and still gets the answer.
func TestHalfCloseWithNetcat(t *testing.T) {
	need(t, "nc", "sh")
	onEveryLink(t, func(w *wire) {
		l := w.listen(83)
		defer l.Close()
		failed := make(chan error, 1)
		go func() { failed <- answerAtEOF(l) }()
		out := w.must(10*time.Second, "sh", "-c", "printf question | nc -N -w 5 "+stackIP+" 83")
		require.Equal(w.t, "answer to question", strings.TrimSpace(out))
		require.NoError(w.t, <-failed)
	})
}

func answerAtEOF(l net.Listener) error {
	c, err := l.Accept()
	if err != nil {
		return err
	}
	q, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	_, err = c.Write([]byte("answer to " + string(q)))
	return errors.Join(err, c.Close())
}
