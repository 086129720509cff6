package drill

import "syscall"

// Pipes and files of the host, as far as sendfile and splice need them.

// pipeBuffer is what both ends of a pipe share; Linux's holds 64 KB.
type pipeBuffer struct {
	data   []byte
	closed bool
}

const pipeSize = 65536

type pipeEnd struct {
	buf   *pipeBuffer
	write func([]byte) outcome
	read  func([]byte) outcome
}

func (e *pipeEnd) close() { e.buf.closed = true }

// makePipe is pipe([3, 4]).
func (c *caller) makePipe() outcome {
	ends := c.args[0]
	if ends.Kind != List || len(ends.Items) != 2 {
		c.wrong(ends, "expected two descriptors")
	}
	b := &pipeBuffer{}
	c.files[c.value(ends.Items[0])] = &file{pipe: &pipeEnd{buf: b, read: b.get, write: notHere}}
	c.files[c.value(ends.Items[1])] = &file{pipe: &pipeEnd{buf: b, read: notHere, write: b.put}}
	return outcome{}
}

func notHere([]byte) outcome { return badFile }

func (b *pipeBuffer) put(p []byte) outcome {
	n := min(len(p), pipeSize-len(b.data))
	if n == 0 && len(p) > 0 {
		return failed(syscall.EAGAIN)
	}
	b.data = append(b.data, p[:n]...)
	return outcome{n: int64(n)}
}

func (b *pipeBuffer) get(p []byte) outcome {
	n := copy(p, b.data)
	if n == 0 && !b.closed && len(p) > 0 {
		return failed(syscall.EAGAIN)
	}
	b.data = b.data[n:]
	return outcome{n: int64(n)}
}

// open gives a file whose content is the pattern, whatever its name.
func (c *caller) open() outcome {
	if c.args[0].Kind != Text {
		c.unsupported(c.args[0], "a file name like this")
	}
	return outcome{opened: &file{regular: true}}
}

// sendfile is sendfile(to, from, offset, count).
func (c *caller) sendfile() outcome {
	f, bad := c.sock(0)
	if bad != nil {
		return *bad
	}
	from := c.file(1)
	if from == nil {
		return badFile
	}
	if !from.regular {
		return failed(syscall.EINVAL)
	}
	data := make([]byte, c.length(c.args[3]))
	fill(data, f.streamEnd())
	return c.send(f, data, func() (int, error) { return f.sock.Send(data, 0) })
}

// splice moves bytes between a socket and a pipe, whose end both must fit.
func (c *caller) splice() outcome {
	from, to, n := c.file(0), c.file(2), c.length(c.args[4])
	switch {
	case from == nil || to == nil:
		return badFile
	case from.sock != nil && to.pipe != nil:
		return c.spliceIn(from, to.pipe, n)
	case from.pipe != nil && to.sock != nil:
		return c.spliceOut(from.pipe, to, n)
	}
	return failed(syscall.EINVAL)
}

func (c *caller) spliceIn(f *file, to *pipeEnd, n int) outcome {
	buf := make([]byte, min(n, pipeSize-len(to.buf.data)))
	flags := 0
	if c.num(5)&int(constants["SPLICE_F_NONBLOCK"]) != 0 {
		flags = int(constants["MSG_DONTWAIT"])
	}
	o := c.receive(f, buf, flags, nil)
	if o.err == nil && o.n > 0 {
		to.buf.data = append(to.buf.data, buf[:o.n]...)
	}
	return o
}

func (c *caller) spliceOut(from *pipeEnd, f *file, n int) outcome {
	data := from.buf.data[:min(n, len(from.buf.data))]
	o := c.send(f, data, func() (int, error) { return f.sock.Send(data, 0) })
	if o.err == nil {
		from.buf.data = from.buf.data[o.n:]
	}
	return o
}
