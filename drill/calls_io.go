package drill

import (
	"bytes"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/socket"
)

func differ(got, want int) string { return fmt.Sprintf("the value is %d, expected %d", got, want) }

// maxData bounds what one call of a script may move.
const maxData = 1 << 28

// length is an argument that counts bytes.
func (c *caller) length(e *Expr) int {
	n := c.value(e)
	if n < 0 || n > maxData {
		c.wrong(e, "%d bytes are too many", n)
	}
	return n
}

// data is what a call sends: the script's own bytes, or the next of the
// pattern. It goes into the stream that outbound payload is compared with.
func (c *caller) data(e *Expr, n int, from int) []byte {
	p := make([]byte, n)
	switch e.Kind {
	case Text:
		copy(p, e.Str)
	case Ellipsis:
		fill(p, from)
	default:
		c.unsupported(e, "a buffer like this")
	}
	return p
}

// send runs a call that sends, and keeps what it took.
func (c *caller) send(f *file, data []byte, do func() (int, error)) outcome {
	k := f.conn
	if k == nil {
		n, err := do()
		return outcome{n: int64(n), err: err}
	}
	from := len(k.written)
	k.written = append(k.written, data...)
	n, err := do()
	k.written = k.written[:from+max(n, 0)]
	if err != nil {
		k.written = k.written[:from]
	}
	return outcome{n: int64(n), err: err}
}

// streamEnd is how much was written to a stream.
func (f *file) streamEnd() int {
	if f.conn == nil {
		return 0
	}
	return len(f.conn.written)
}

// writeCall is write and send.
func (c *caller) writeCall() outcome {
	f := c.file(0)
	if f == nil {
		return badFile
	}
	n := c.length(c.args[2])
	flags := 0
	if c.call.Name == "send" {
		flags = c.num(3)
	}
	if f.pipe != nil {
		return f.pipe.write(c.data(c.args[1], n, 0))
	}
	if f.sock == nil {
		return failed(syscall.EINVAL)
	}
	data := c.data(c.args[1], n, f.streamEnd())
	return c.send(f, data, func() (int, error) { return f.sock.Send(data, flags) })
}

func (c *caller) sendto() outcome {
	f, bad := c.sock(0)
	if bad != nil {
		return *bad
	}
	n, flags := c.length(c.args[2]), c.num(3)
	to := c.destination(f, c.args[4], flags)
	data := c.data(c.args[1], n, f.streamEnd())
	return c.send(f, data, func() (int, error) { return f.sock.SendTo(data, flags, to) })
}

// destination is the address of a message; one with MSG_FASTOPEN connects.
func (c *caller) destination(f *file, e *Expr, flags int) netip.AddrPort {
	if e == nil || e.Kind == Name && e.Str == "NULL" || e.Kind == Number && e.Num == 0 {
		return netip.AddrPort{}
	}
	if f.udp != nil && e.Kind == Ellipsis {
		return f.udp.remote
	}
	to := c.sockaddr(e, netip.AddrPortFrom(c.host.remote, c.host.connectPort))
	if flags&int(constants["MSG_FASTOPEN"]) != 0 {
		c.connecting(f, to)
	}
	return to
}

func (c *caller) writeVector() outcome {
	f, bad := c.sock(0)
	if bad != nil {
		return *bad
	}
	data := c.gather(c.args[1], f.streamEnd())
	return c.send(f, data, func() (int, error) { return f.sock.Send(data, 0) })
}

// gather joins the buffers of a vector.
func (c *caller) gather(e *Expr, from int) []byte {
	var all []byte
	for _, v := range e.Items {
		if v.Kind != Struct || len(v.Fields) != 2 {
			c.unsupported(v, "an iovec like this")
		}
		all = append(all, c.data(v.Fields[0].Value, c.length(v.Fields[1].Value), from+len(all))...)
	}
	return all
}

// room is the size of all buffers of a vector.
func (c *caller) room(e *Expr) int {
	n := 0
	for _, v := range e.Items {
		if v.Kind != Struct || len(v.Fields) != 2 {
			c.unsupported(v, "an iovec like this")
		}
		n += c.length(v.Fields[1].Value)
	}
	return n
}

// vector is msg_iov of a message.
func (c *caller) vector(msg *Expr) *Expr {
	if v := msg.get("msg_iov"); v != nil && v.Kind == List {
		return v
	}
	return &Expr{Kind: List, Pos: msg.Pos}
}

func (c *caller) sendmsg() outcome {
	f, bad := c.sock(0)
	if bad != nil {
		return *bad
	}
	msg, flags := c.args[1], c.num(2)
	if msg.get("msg_control") != nil {
		c.unsupported(msg.get("msg_control"), "msg_control of sendmsg()")
	}
	to := c.destination(f, msg.get("msg_name"), flags)
	data := c.gather(c.vector(msg), f.streamEnd())
	m := &socket.Message{Data: data, Addr: to}
	return c.send(f, data, func() (int, error) { return f.sock.SendMsg(m, flags) })
}

// readCall is read, recv and recvfrom.
func (c *caller) readCall() outcome {
	f := c.file(0)
	if f == nil {
		return badFile
	}
	buf := make([]byte, c.length(c.args[2]))
	flags := 0
	if c.call.Name != "read" {
		flags = c.num(3)
	}
	if f.pipe != nil {
		return f.pipe.read(buf)
	}
	if f.sock == nil {
		return failed(syscall.EINVAL)
	}
	return c.receive(f, buf, flags, c.args[1])
}

// receive reads, and compares what came with what the script sent.
func (c *caller) receive(f *file, buf []byte, flags int, want *Expr) outcome {
	n, err := f.sock.Recv(buf, flags)
	o := outcome{n: int64(n), err: err}
	if err == nil {
		o.differs = c.content(f, buf[:min(n, len(buf))], flags, want)
	}
	return o
}

// content returns what received bytes differ in.
func (c *caller) content(f *file, got []byte, flags int, want *Expr) string {
	if want != nil && want.Kind == Text {
		if !bytes.Equal(got, []byte(want.Str)) {
			return fmt.Sprintf("the bytes are %q, expected %q", got, want.Str)
		}
		return ""
	}
	if flags&(socket.MSG_OOB|socket.MSG_TRUNC) != 0 {
		return ""
	}
	from := 0
	if k := f.conn; k != nil {
		from = k.read
		if flags&socket.MSG_PEEK == 0 {
			k.read += len(got)
		}
	}
	expected := make([]byte, len(got))
	fill(expected, from)
	if !bytes.Equal(got, expected) {
		return fmt.Sprintf("what was read differs from what the peer sent at byte %d", from+firstDifference(got, expected))
	}
	return ""
}

func (c *caller) readVector() outcome {
	f, bad := c.sock(0)
	if bad != nil {
		return *bad
	}
	return c.receive(f, make([]byte, c.room(c.args[1])), 0, nil)
}

func (c *caller) recvmsg() outcome {
	f, bad := c.sock(0)
	if bad != nil {
		return *bad
	}
	msg, flags := c.args[1], c.num(2)
	check := c.control(msg.get("msg_control"))
	m := &socket.Message{Data: make([]byte, c.room(c.vector(msg)))}
	n, err := f.sock.RecvMsg(m, flags)
	o := outcome{n: int64(n), err: err}
	if err != nil {
		return o
	}
	if flags&socket.MSG_ERRQUEUE == 0 { // else it is what an error quotes
		o.differs = c.content(f, m.Data[:min(n, len(m.Data))], flags, nil)
	}
	if o.differs == "" {
		o.differs = check(m)
	}
	if want := msg.get("msg_flags"); want != nil && want.Kind != Ellipsis && o.differs == "" {
		if w := c.value(want); w != m.Flags {
			o.differs = fmt.Sprintf("msg_flags is %#x, expected %#x", m.Flags, w)
		}
	}
	return o
}
