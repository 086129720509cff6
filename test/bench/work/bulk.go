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
	return append(list,
		Work{Name: "bulk-tx-copy", About: "as bulk-tx, but the subject's program calls io.Copy, so that a stack that can saves a copy", Unit: Gbit, Counted: Peer, Streams: 1,
			OnPeer: Part{Listen: sink}, OnSubject: Part{Run: sourceCopy}},
		Work{Name: "bulk-rx-copy", About: "as bulk-rx, with io.Copy", Unit: Gbit, Counted: Subject, Streams: 1,
			OnSubject: Part{Listen: sinkCopy}, OnPeer: Part{Run: source}})
}

// sink reads whatever comes and counts it.
func sink(e *Env) error {
	return e.sinkWith(func(c io.Reader) error {
		b := make([]byte, chunk)
		for {
			n, err := c.Read(b)
			e.Stats.Bytes.Add(uint64(n))
			if err != nil {
				return err
			}
		}
	})
}

// sinkCopy is sink by io.Copy.
func sinkCopy(e *Env) error {
	return e.sinkWith(func(c io.Reader) error {
		_, err := io.CopyBuffer(counting{e}, c, make([]byte, chunk))
		return err
	})
}

func (e *Env) sinkWith(read func(io.Reader) error) error {
	return e.accept(bulkPort, func(c io.ReadWriteCloser) {
		if abortive(c) == nil {
			_ = read(c) // it ends with the measurement
		}
	})
}

type counting struct{ e *Env }

func (w counting) Write(p []byte) (int, error) {
	w.e.Stats.Bytes.Add(uint64(len(p)))
	return len(p), nil
}

// source connects and writes without end.
func source(e *Env) error {
	return e.sourceWith(func(c io.Writer) error {
		b := make([]byte, chunk)
		for {
			if _, err := c.Write(b); err != nil {
				return err
			}
		}
	})
}

// sourceCopy is source by io.Copy.
func sourceCopy(e *Env) error {
	return e.sourceWith(func(c io.Writer) error {
		_, err := io.CopyBuffer(c, endless{}, make([]byte, chunk))
		return err
	})
}

func (e *Env) sourceWith(write func(io.Writer) error) error {
	for range e.Streams {
		c, err := e.Net.Dial("tcp", e.other(bulkPort))
		if err != nil {
			return err
		}
		if err := abortive(c); err != nil {
			return err
		}
		go func() { _ = write(c) }() // it ends with the measurement
	}
	return nil
}

// endless is a reader whose bytes are there already.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

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
