package drill

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/socket"
)

var badFile = outcome{err: syscall.EBADF}

func failed(err error) outcome { return outcome{err: err} }

func (c *caller) socket() outcome {
	domain := socket.AF_INET
	if c.args[0].Kind != Ellipsis {
		domain = c.num(0)
	}
	s, err := c.host.stack.Socket(domain, c.num(1), c.num(2))
	if err != nil {
		return failed(err)
	}
	f := &file{sock: s}
	if c.under == nil {
		c.under = f
	}
	return outcome{opened: f}
}

// sock is the socket in argument i, nil with an outcome if there is none.
func (c *caller) sock(i int) (*file, *outcome) {
	f := c.file(i)
	switch {
	case f == nil:
		return nil, &outcome{err: syscall.EBADF}
	case f.sock == nil:
		return nil, &outcome{err: syscall.ENOTSOCK}
	}
	return f, nil
}

func (c *caller) bind() outcome {
	f, bad := c.sock(0)
	if bad != nil {
		return *bad
	}
	return failed(f.sock.Bind(c.sockaddr(c.args[1], netip.AddrPortFrom(netip.IPv4Unspecified(), c.host.bindPort))))
}

// listen makes the socket the one under test: the next packet opens a
// connection to it.
func (c *caller) listen() outcome {
	f, bad := c.sock(0)
	if bad != nil {
		return *bad
	}
	err := f.sock.Listen(c.num(1))
	if err == nil {
		f.listens = true
		c.under, c.conn = f, nil
	}
	return failed(err)
}

func (c *caller) accept() outcome {
	f, bad := c.sock(0)
	if bad != nil {
		return *bad
	}
	s, peer, err := f.sock.Accept()
	if err != nil {
		return failed(err)
	}
	child := &file{sock: s}
	local, _ := s.Getsockname()
	if len(c.args) > 3 {
		s.SetNonblock(c.num(3)&socket.SOCK_NONBLOCK != 0)
	}
	for _, k := range c.conns {
		if k.remote == peer && k.local == local {
			k.file, child.conn = child, k
			c.under, c.conn = child, k
		}
	}
	return outcome{opened: child}
}

func (c *caller) connect() outcome {
	f, bad := c.sock(0)
	if bad != nil {
		return *bad
	}
	to := c.sockaddr(c.args[1], netip.AddrPortFrom(c.host.remote, c.host.connectPort))
	if !to.IsValid() {
		return failed(f.sock.Disconnect())
	}
	c.connecting(f, to)
	return failed(f.sock.Connect(to))
}

// connecting makes f the socket under test, whose SYN names the connection.
func (c *caller) connecting(f *file, to netip.AddrPort) {
	if f.conn != nil && f.conn.active && f.conn.local.Port() == 0 && f.conn.remote == to {
		return // it connects already
	}
	if conn := f.sock.Conn(); conn == nil {
		f.udp = &connection{remote: to, udp: true}
		c.under, c.conn = f, f.udp
		return
	}
	if f.conn != nil && f.connected() {
		return
	}
	f.conn = &connection{remote: to, active: true, file: f}
	c.conns = append(c.conns, f.conn)
	c.under, c.conn = f, f.conn
}

// connected reports whether the socket has a connection, or had one.
func (f *file) connected() bool {
	_, err := f.sock.Getpeername()
	return err == nil
}

func (c *caller) close() outcome {
	f := c.file(0)
	if f == nil {
		return badFile
	}
	delete(c.files, c.num(0))
	if f.sock != nil {
		return failed(f.sock.Close())
	}
	if f.pipe != nil {
		f.pipe.close()
	}
	return outcome{}
}

func (c *caller) shutdown() outcome {
	f, bad := c.sock(0)
	if bad != nil {
		return *bad
	}
	return failed(f.sock.Shutdown(c.num(1)))
}

func (c *caller) fcntl() outcome {
	f := c.file(0)
	if f == nil {
		return badFile
	}
	switch c.num(1) {
	case int(constants["F_SETFL"]):
		if f.sock != nil {
			f.nonblock = c.num(2)&socket.SOCK_NONBLOCK != 0
			f.sock.SetNonblock(f.nonblock)
		}
		return outcome{}
	case int(constants["F_GETFL"]):
		flags := constants["O_RDWR"]
		if f.nonblock {
			flags |= constants["O_NONBLOCK"]
		}
		return outcome{n: flags}
	}
	c.unsupported(c.args[1], "this request of fcntl()")
	return outcome{}
}

func (c *caller) ioctl() outcome {
	f, bad := c.sock(0)
	if bad != nil {
		return *bad
	}
	n, err := f.sock.Ioctl(c.num(1))
	if err != nil {
		return failed(err)
	}
	return c.checked(outcome{}, c.args[2], n)
}

// checked compares an out parameter.
func (c *caller) checked(o outcome, want *Expr, got int) outcome {
	if want.Kind == Ellipsis || o.err != nil {
		return o
	}
	if w := c.value(want); w != got {
		o.differs = differ(got, w)
	}
	return o
}

// datagrams is the connection of a datagram socket.
func (p *player) datagrams(f *file) *connection {
	for _, g := range p.files {
		if f == nil && g.sock != nil && g.sock.Conn() == nil {
			f = g
		}
	}
	if f == nil || f.sock == nil {
		return nil
	}
	if f.udp == nil {
		f.udp = &connection{udp: true, remote: netip.AddrPortFrom(p.host.remote, p.host.connectPort)}
	}
	f.udp.local = p.bound(f)
	return f.udp
}
