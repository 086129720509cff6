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
	// handOver is the least that is worth the storage of a super-segment; less is
	// copied, so that a reader that gives little at a time holds little.
	handOver = 16 << 10
)

// ReadFrom sends what r gives until its end, each piece as it comes. It returns
// how many bytes were sent; the end of r is no error.
func (c *Conn) ReadFrom(r io.Reader) (sent int64, err error) {
	room := c.s.Storage()
	defer func() { room.Release() }()
	for {
		n, rerr := r.Read(room.Bytes()[:copyAtOnce])
		switch {
		case n == 0:
		case n < handOver:
			var done int
			done, err = c.Write(room.Bytes()[:n])
			sent += int64(done)
		default:
			err = c.writeStorage(room, n)
			if err == nil {
				sent += int64(n)
			}
			room = c.s.Storage()
		}
		if err != nil {
			return sent, err
		}
		if rerr == io.EOF {
			return sent, nil
		}
		if rerr != nil {
			return sent, rerr
		}
	}
}

func (c *Conn) writeStorage(room *skb.Chunk, n int) error {
	if _, write := c.s.Deadlines(); write {
		room.Release()
		return c.fail("write", errDeadline(c.s))
	}
	return c.fail("write", c.s.SendStorage(room, n, 0))
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
