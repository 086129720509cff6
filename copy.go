package ministack

import (
	"io"

	"github.com/slankdev/ministack/skb"
)

// What io.Copy finds: a connection takes from a reader right into its send queue,
// and gives to a writer what lies in its receive queue. The bytes are copied once
// less each way than by Read and Write.

var (
	_ io.ReaderFrom = (*Conn)(nil)
	_ io.WriterTo   = (*Conn)(nil)
)

const (
	copyAtOnce = 64 << 10
	// handOver is the least that is worth storage of its own; less is copied. A
	// reader is asked for no more until it has given so much, so that a copy that
	// waits for the next word of a quiet connection holds little.
	handOver = 16 << 10
)

// ReadFrom sends what r gives until its end, each piece as it comes. It returns
// how many bytes were sent; the end of r is no error.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	sent := int64(0)
	for ask := handOver; ; {
		room := c.s.Storage(ask)
		n, rerr := r.Read(room.Bytes()[:ask])
		done, err := c.sendPiece(room, n)
		sent += int64(done)
		switch {
		case err != nil:
			return sent, err
		case rerr == io.EOF:
			return sent, nil
		case rerr != nil:
			return sent, rerr
		case n < handOver:
			ask = handOver
		default:
			ask = copyAtOnce
		}
	}
}

// sendPiece sends the first n bytes of room, which it takes over.
func (c *Conn) sendPiece(room *skb.Chunk, n int) (sent int, err error) {
	if n >= handOver {
		return c.writeStorage(room, n)
	}
	defer room.Release()
	if n == 0 {
		return 0, nil
	}
	return c.Write(room.Bytes()[:n])
}

// writeStorage sends all or nothing.
func (c *Conn) writeStorage(room *skb.Chunk, n int) (int, error) {
	if _, write := c.s.Deadlines(); write {
		room.Release()
		return 0, c.fail("write", errDeadline(c.s))
	}
	if err := c.s.SendStorage(room, n, 0); err != nil {
		return 0, c.fail("write", err)
	}
	return n, nil
}

// WriteTo gives w what arrives until the end of the stream. What w did not take
// when it failed can still be read.
func (c *Conn) WriteTo(w io.Writer) (given int64, err error) {
	var pieces [1 + skb.MaxFrags][]byte
	for {
		if read, _ := c.s.Deadlines(); read {
			return given, c.fail("read", errDeadline(c.s))
		}
		l, err := c.s.RecvLent(0)
		if err != nil {
			return given, c.fail("read", err)
		}
		if l.Len() == 0 {
			return given, nil
		}
		n, err := writeAll(w, l.Slices(pieces[:0]))
		l.Done(n)
		given += int64(n)
		if err != nil {
			return given, err
		}
	}
}

// writeAll writes the pieces one after the other.
func writeAll(w io.Writer, pieces [][]byte) (done int, err error) {
	for _, p := range pieces {
		n, err := w.Write(p)
		done += min(max(n, 0), len(p))
		if err == nil && n < len(p) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return done, err
		}
	}
	return done, nil
}
