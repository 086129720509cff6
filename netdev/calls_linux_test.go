package netdev

import (
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/slankdev/ministack/netdev/uring"
	"github.com/slankdev/ministack/skb"
)

// marked is a datagram to the port that knock opens the way to.
func (w *wire) marked(i int) *skb.Buffer {
	return w.buildIP(layers.IPProtocolUDP, &layers.UDP{SrcPort: 5555, DstPort: 7777}, gopacket.Payload{byte(i)})
}

// A frame that the kernel refuses costs only itself: what stands behind it in the
// batch is sent once, and told of when the caller comes with it.
func TestARefusedFrameIsToldInItsPlace(t *testing.T) {
	for _, name := range []string{"tap", "tap single"} {
		t.Run(name, func(t *testing.T) {
			w := wires[name](t)
			fd := kernelSocket(t, unix.SOCK_DGRAM, 7777)
			knock(t, w, fd)
			short := w.pool.New(1)
			short.Put(1) // less than an Ethernet header
			batch := []*skb.Buffer{w.marked(0), short, w.marked(2), w.marked(3)}
			n, err := w.Write(batch)
			require.Equal(t, 1, n)
			require.ErrorIs(t, err, unix.EINVAL)
			batch = append(batch, w.marked(4))
			n, err = w.Write(batch[2:])
			require.NoError(t, err)
			require.Equal(t, 3, n)
			dropAll(batch)
			for _, want := range []byte{0, 2, 3, 4} {
				require.Equal(t, want, next(t, fd))
			}
		})
	}
}

// needURing skips a test that is about io_uring where there is none.
func needURing(t *testing.T) {
	r, err := uring.New(1)
	if err != nil {
		t.Skipf("no io_uring to be had: %v", err)
	}
	r.Close()
}

// Who does not come back with the rest of a batch has the next one sent whole.
func TestWhatCameOfABatchThatWasGivenUpIsForgotten(t *testing.T) {
	needURing(t) // without, what stands behind a refused frame is not sent with it
	w := wires["tap"](t)
	fd := kernelSocket(t, unix.SOCK_DGRAM, 7777)
	knock(t, w, fd)
	short := w.pool.New(1)
	short.Put(1)
	batch := []*skb.Buffer{short, w.marked(1)}
	_, err := w.Write(batch)
	require.ErrorIs(t, err, unix.EINVAL)
	writeAll(t, w.Driver, w.marked(2), w.marked(3))
	dropAll(batch)
	for _, want := range []byte{1, 2, 3} {
		require.Equal(t, want, next(t, fd))
	}
}

// Where it can be had io_uring moves batches, where it is not wanted nothing does.
func TestATAPUsesIOUringUnlessToldNotTo(t *testing.T) {
	needURing(t)
	for name, want := range map[string]bool{"tap": true, "tap plain": true, "tap single": false} {
		t.Run(name, func(t *testing.T) {
			w := wires[name](t)
			writeAll(t, w.Driver, w.marked(0), w.marked(1))
			var batch [rxBatch]*skb.Buffer
			n, err := w.Driver.(BusyPoller).TryRead(w.pool, batch[:])
			require.NoError(t, err)
			dropAll(batch[:n])
			d := w.Driver.(*tap)
			require.Equal(t, want, d.rx.calls.ring != nil)
			require.Equal(t, want, d.tx.calls.ring != nil)
		})
	}
}

// A batch takes no memory but the buffers', which are the pool's.
func TestWritingABatchAllocatesNothing(t *testing.T) {
	w := wires["tap"](t)
	batch := []*skb.Buffer{w.marked(0), w.marked(1), w.marked(2)}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if _, err := w.Write(batch); err != nil {
			t.Error(err)
		}
	}))
	dropAll(batch)
}
