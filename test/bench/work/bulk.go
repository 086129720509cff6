package work

import (
	"fmt"
	"io"
)

const (
	bulkPort = 5001
	// chunk is the size of each Read and Write, in bytes: large, as programs
	// that move bulk have it, and the same for every subject.
	chunk = 256 << 10
)

func bulk() (list []Work) {
	for _, n := range []int{1, 8, 64} {
		suffix := ""
		if n > 1 {
			suffix = fmt.Sprintf("-%d", n)
		}
		list = append(list,
			Work{Name: "bulk-tx" + suffix, About: fmt.Sprintf("%d TCP stream(s) from the subject to its peer", n), Unit: Gbit, Counted: Peer, Streams: n,
				OnPeer: Part{Listen: sink}, OnSubject: Part{Run: source}},
			Work{Name: "bulk-rx" + suffix, About: fmt.Sprintf("%d TCP stream(s) from the peer to the subject", n), Unit: Gbit, Counted: Subject, Streams: n,
				OnSubject: Part{Listen: sink}, OnPeer: Part{Run: source}})
	}
	return list
}

// sink reads whatever comes and counts it.
func sink(e *Env) error {
	return e.accept(bulkPort, func(c io.ReadWriteCloser) {
		if abortive(c) != nil {
			return
		}
		b := make([]byte, chunk)
		for {
			n, err := c.Read(b)
			e.Stats.Bytes.Add(uint64(n))
			if err != nil {
				return
			}
		}
	})
}

// source connects and writes without end.
func source(e *Env) error {
	for range e.Streams {
		c, err := e.Net.Dial("tcp", e.other(bulkPort))
		if err != nil {
			return err
		}
		if err := abortive(c); err != nil {
			return err
		}
		go func() {
			b := make([]byte, chunk)
			for {
				if _, err := c.Write(b); err != nil {
					return
				}
			}
		}()
	}
	return nil
}

// abortive has the end of c forget what is not acknowledged (SO_LINGER of 0).
// The peer's kernel would keep megabytes for each connection whose other end
// went with its process, until all retransmissions are done: a few rounds of
// that are all the memory that it has for TCP, and slow down those that follow.
func abortive(c any) error {
	if l, ok := c.(interface{ SetLinger(sec int) error }); ok {
		return l.SetLinger(0)
	}
	return nil
}
