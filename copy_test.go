package ministack_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// uneven gives a stream in pieces of all sizes: some are copied, others handed
// over.
type uneven struct {
	r   io.Reader
	rnd *rand.Rand
}

func (u uneven) Read(p []byte) (int, error) {
	return u.r.Read(p[:min(len(p), 1+u.rnd.IntN(1<<u.rnd.IntN(17)))])
}

// What io.Copy sends and receives is the stream, whatever the sizes, on links
// with super-segments and without, and where packets are lost.
func TestCopiesAreTheStream(t *testing.T) {
	const size = 8 << 20
	for name, o := range map[string]netdev.PipeOptions{"frames": {MTU: 1500}, "super-segments": {MTU: 1500, Offload: true}} {
		for _, loss := range []float64{0, 0.01} {
			t.Run(name, func(t *testing.T) {
				x, y := netdev.PipeWith(o)
				if loss > 0 {
					x = netdev.Impair(x, clock.NewReal(), netdev.Impairment{Loss: loss})
				}
				a, b := on(t, x, world.Addr(0)), on(t, y, world.Addr(1))
				c, s := joined(t, a, b, world.Addr(1)+":0")
				stream := make([]byte, size)
				rnd := rand.New(rand.NewPCG(1, 2))
				for i := range stream {
					stream[i] = byte(rnd.Uint32())
				}
				got := make(chan [sha256.Size]byte)
				go func() {
					h := sha256.New()
					n, err := s.(*ministack.Conn).WriteTo(h)
					if err != nil || n != size {
						t.Errorf("WriteTo: %d, %v", n, err)
					}
					got <- [sha256.Size]byte(h.Sum(nil))
				}()
				n, err := c.(*ministack.Conn).ReadFrom(uneven{bytes.NewReader(stream), rnd})
				require.NoError(t, err)
				require.EqualValues(t, size, n)
				require.NoError(t, c.(*ministack.Conn).CloseWrite())
				require.Equal(t, sha256.Sum256(stream), <-got)
			})
		}
	}
}

// A reader that has little sends it at once, and holds little.
func TestACopySendsWhatItHas(t *testing.T) {
	a, b := pair(t)
	c, s := joined(t, a, b, world.Addr(1)+":0")
	r, w := io.Pipe()
	done := make(chan error)
	go func() {
		n, err := io.Copy(c, r)
		if n != 3 {
			t.Errorf("copied %d bytes", n)
		}
		done <- err
	}()
	for _, text := range []string{"a", "bc"} {
		_, err := w.Write([]byte(text))
		require.NoError(t, err)
		p := make([]byte, len(text))
		_, err = io.ReadFull(s, p)
		require.NoError(t, err)
		require.Equal(t, text, string(p))
	}
	require.NoError(t, w.Close())
	require.NoError(t, <-done)
}

// refuses takes left bytes and then fails.
type refuses struct {
	bytes.Buffer
	left int
}

var errFull = errors.New("full")

func (f *refuses) Write(p []byte) (int, error) {
	n := min(f.left, len(p))
	f.left -= n
	f.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

// What a writer does not take is read next, in order.
func TestAWriterThatFailsLosesNothing(t *testing.T) {
	for _, o := range []netdev.PipeOptions{{MTU: 1500}, {MTU: 1500, Offload: true}} {
		x, y := netdev.PipeWith(o)
		a, b := on(t, x, world.Addr(0)), on(t, y, world.Addr(1))
		c, s := joined(t, a, b, world.Addr(1)+":0")
		stream := make([]byte, 1<<20)
		for i := range stream {
			stream[i] = byte(i >> 8 * 7)
		}
		go func() {
			_, _ = c.Write(stream)
			_ = c.Close()
		}()
		f := &refuses{left: 300_001}
		n, err := io.Copy(f, s)
		require.Equal(t, errFull, err)
		require.EqualValues(t, 300_001, n)
		rest, err := io.ReadAll(iotest.HalfReader(s))
		require.NoError(t, err)
		require.Equal(t, sha256.Sum256(stream), sha256.Sum256(append(f.Bytes(), rest...)))
	}
}

func TestCopiesEndByErrorsOfEitherSide(t *testing.T) {
	a, b := pair(t)
	c, s := joined(t, a, b, world.Addr(1)+":0")
	boom := errors.New("boom")
	n, err := c.(*ministack.Conn).ReadFrom(io.MultiReader(bytes.NewReader(make([]byte, 100_000)), iotest.ErrReader(boom)))
	require.Equal(t, boom, err)
	require.EqualValues(t, 100_000, n)
	_, err = io.ReadFull(s, make([]byte, 100_000))
	require.NoError(t, err)

	require.NoError(t, s.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	_, err = s.(*ministack.Conn).WriteTo(io.Discard)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, s.SetReadDeadline(time.Time{}))

	require.NoError(t, c.SetWriteDeadline(time.Now().Add(20*time.Millisecond)))
	_, err = c.(*ministack.Conn).ReadFrom(zeros{})
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "a peer that does not read")

	time.AfterFunc(10*time.Millisecond, func() { _ = c.Close() })
	_, err = c.(*ministack.Conn).WriteTo(io.Discard)
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = c.(*ministack.Conn).ReadFrom(zeros{})
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = c.(*ministack.Conn).ReadFrom(bytes.NewReader([]byte("x")))
	require.ErrorIs(t, err, net.ErrClosed)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// What was lent and comes back after Close is dropped, not kept.
func TestWhatIsLentMayOutliveItsSocket(t *testing.T) {
	a, b := pair(t)
	c, s := joined(t, a, b, world.Addr(1)+":0")
	_, err := c.Write([]byte("hello"))
	require.NoError(t, err)
	l, err := s.(*ministack.Conn).Socket().RecvLent(0)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.Equal(t, 5, l.Len())
	require.Equal(t, "hello", string(l.Slices(nil)[0]))
	l.Done(2)
	require.Zero(t, l.Len())
	l.Done(0) // once is enough
}

func TestOnlyStreamsLend(t *testing.T) {
	a, _ := pair(t)
	u := newSocket(t, a, socket.SOCK_DGRAM, 0)
	_, err := u.RecvLent(0)
	require.Equal(t, syscall.EOPNOTSUPP, err)
	require.Nil(t, u.Storage(1))
}
