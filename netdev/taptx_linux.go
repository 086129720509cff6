package netdev

import (
	"golang.org/x/sys/unix"

	"github.com/slankdev/ministack/skb"
)

// txBudget is how many octets end a batch of writes earlier: a write runs the
// host's receive path, 20 us for a super-segment.
const txBudget = 128 << 10

// tapTx is the sending half of a TAP, for one sender. The kernel takes frames
// from several at once (NETIF_F_LLTX, tun_get_user).
type tapTx struct {
	t     *tap
	calls calls
	hdr   [maxCalls][vnetLen]byte
	iov   [maxCalls][2 + skb.MaxFrags]unix.Iovec

	// What came of frames that Write has not told yet: those behind one that
	// failed. The caller drops that one and comes again with the rest.
	late  []int32
	after *skb.Buffer // the first of them
}

func (w *tapTx) Write(src []*skb.Buffer) (int, error) {
	defer w.t.end()
	if err := w.t.begin(); err != nil {
		return 0, err
	}
	for done := 0; done < len(src); {
		results, err := w.send(src[done:])
		if err != nil {
			return done, err
		}
		for i, res := range results {
			if res < 0 {
				w.keep(results[i+1:], src[done+1:])
				return done, unix.Errno(-res)
			}
			done++
		}
	}
	return len(src), nil
}

// send writes the first frames of src, or has done so already.
func (w *tapTx) send(src []*skb.Buffer) ([]int32, error) {
	late := w.late
	w.late = nil
	if len(late) > 0 && src[0] == w.after {
		return late, nil
	}
	n, err := w.describe(src)
	if n == 0 {
		return nil, err
	}
	results := w.calls.write(w.t.fd)
	for i := range n {
		clear(w.iov[i][:]) // the garbage collector must not see buffers through it
	}
	return results, nil
}

// keep notes what came of the frames that rest begins with.
func (w *tapTx) keep(results []int32, rest []*skb.Buffer) {
	if w.late = results; len(results) > 0 {
		w.after = rest[0]
	}
}

// describe makes ready to write the first frames of src and returns how many.
// It stops before one that cannot be described, and returns why.
func (w *tapTx) describe(src []*skb.Buffer) (int, error) {
	octets := 0
	for i, b := range src[:min(len(src), maxCalls)] {
		if octets >= txBudget {
			return i, nil
		}
		iov, err := w.vector(i, b)
		if err != nil {
			return i, err
		}
		w.calls.add(iov)
		octets += b.Len()
	}
	return min(len(src), maxCalls), nil
}

// vector is frame i with its metadata.
func (w *tapTx) vector(i int, b *skb.Buffer) ([]unix.Iovec, error) {
	iov := w.iov[i][:0]
	if w.t.vnet {
		if err := vnetHeader(w.hdr[i][:]).encode(b); err != nil {
			return nil, err
		}
		iov = appendIovec(iov, w.hdr[i][:])
	}
	if iov = frameIovecs(iov, b); len(iov) == 0 {
		return nil, unix.EINVAL
	}
	return iov, nil
}
