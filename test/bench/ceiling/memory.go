package ceiling

import (
	"strings"

	"github.com/slankdev/ministack/test/bench/frames"
	"github.com/slankdev/ministack/test/bench/link"
	"github.com/slankdev/ministack/test/bench/work"
)

// The ceiling of a pipe is memory: one goroutine copies the program's data
// into frames, hands a batch of them over, and another copies them out into
// the reader's buffer.

// copies reports whether a work is bulk, which is all that memory can do.
func copies(w work.Work) bool {
	base := w.Base()
	return strings.HasPrefix(base, "bulk-") && w.Name == base
}

const window = 8 // batches that are under way at most

// Memory returns the parts of a pipe's both sides.
func Memory(l link.Spec, w work.Work) (host, guest work.Part) {
	size := l.MTU - frames.IPLen - frames.TCPLen
	if l.Offload {
		size = 65535
	}
	full, empty := make(chan [][]byte, window), make(chan [][]byte, window)
	for range window {
		empty <- batchOf(size)
	}
	from := work.Part{Run: func(e *work.Env) error { go copyIn(full, empty); return nil }}
	to := work.Part{Run: func(e *work.Env) error { go copyOut(e, full, empty); return nil }}
	if w.Counted == work.Peer {
		return to, from
	}
	return from, to
}

// batchOf makes a batch of about 64 KB.
func batchOf(size int) (f [][]byte) {
	for range max(1, 65535/size) {
		f = append(f, make([]byte, size))
	}
	return f
}

func copyIn(full, empty chan [][]byte) {
	data := make([]byte, 1<<16)
	for f := range empty {
		at := 0
		for i := range f {
			if at+len(f[i]) > len(data) {
				at = 0
			}
			at += copy(f[i], data[at:])
		}
		full <- f
	}
}

func copyOut(e *work.Env, full, empty chan [][]byte) {
	data := make([]byte, 1<<16)
	for f := range full {
		n, at := 0, 0
		for i := range f {
			if at+len(f[i]) > len(data) {
				at = 0
			}
			at += copy(data[at:], f[i])
			n += len(f[i])
		}
		e.Stats.Bytes.Add(uint64(n))
		empty <- f
	}
}
