package netdev

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"

	"github.com/slankdev/ministack/skb"
	"github.com/stretchr/testify/require"
)

// frames is a reader and writer of frames that does what a test says.
type frames struct {
	in     [][]byte
	err    error
	out    [][]byte
	short  bool
	closed error
}

func (f *frames) Read(p []byte) (int, error) {
	if len(f.in) == 0 {
		return 0, f.err
	}
	n := copy(p, f.in[0])
	f.in = f.in[1:]
	return n, nil
}

func (f *frames) Write(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	f.out = append(f.out, append([]byte(nil), p...))
	if f.short {
		return len(p) - 1, nil
	}
	return len(p), nil
}

func (f *frames) Close() error { return f.closed }

func TestAStreamMovesOneFrameACall(t *testing.T) {
	pool := skb.NewPool(nil)
	f := &frames{in: [][]byte{{1, 2, 3}, {}, make([]byte, 101), make([]byte, 100)}, err: errors.New("gone")}
	d := NewStream(f, StreamOptions{MTU: 100, NoLink: true})
	require.Equal(t, NoLink, d.Features())
	require.Equal(t, 100, d.MTU())
	dst := make([]*skb.Buffer, 4)
	n, err := d.Read(pool, dst)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, []byte{1, 2, 3}, dst[0].Bytes())
	dst[0].Consume()
	_, err = d.Read(pool, dst)
	require.NoError(t, err)
	require.Equal(t, 100, dst[0].Len(), "empty and oversized frames are passed over")
	require.EqualValues(t, 1, pool.Drops(skb.PktTooBig))
	dst[0].Consume()
	_, err = d.Read(pool, dst)
	require.ErrorContains(t, err, "gone")
	require.Zero(t, pool.Count().Live)
}

func TestAStreamWritesWholeFramesOnly(t *testing.T) {
	pool := skb.NewPool(nil)
	f := &frames{}
	d := NewStream(f, StreamOptions{})
	require.Equal(t, 1500, d.MTU())
	require.Zero(t, d.Features())
	var src []*skb.Buffer
	for n := range 3 {
		b := pool.New(16)
		b.Append([]byte{byte(n)})
		src = append(src, b)
	}
	n, err := d.Write(src)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Equal(t, [][]byte{{0}, {1}, {2}}, f.out)
	f.short = true
	_, err = d.Write(src)
	require.ErrorIs(t, err, io.ErrShortWrite)
	for _, closed := range []error{os.ErrClosed, io.ErrClosedPipe, net.ErrClosed} {
		f.err = closed
		_, err = d.Write(src)
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = d.Read(pool, make([]*skb.Buffer, 1))
		require.ErrorIs(t, err, net.ErrClosed)
		f.closed = closed
		require.NoError(t, d.Close(), "closing twice is no error")
	}
	f.closed = errors.New("cannot be closed")
	require.Error(t, d.Close())
	for _, b := range src {
		b.Consume()
	}
}
