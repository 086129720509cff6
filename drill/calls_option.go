package drill

import (
	"fmt"
	"time"

	"github.com/slankdev/ministack/socket"
)

// perSecond is how many microseconds a second has.
const perSecond = int(time.Second / time.Microsecond)

func (c *caller) setsockopt() outcome {
	f, bad := c.sock(0)
	if bad != nil {
		return *bad
	}
	level, name, v := c.num(1), c.num(2), c.args[3]
	switch {
	case v.Kind == Text:
		return failed(f.sock.SetsockoptString(level, name, c.bytesArg(v)))
	case v.Kind == Struct:
		return failed(f.sock.Setsockopt(level, name, c.structOption(level, name, v)))
	case v.Kind == Ellipsis:
		c.unsupported(v, "a value left open")
	}
	return failed(f.sock.Setsockopt(level, name, c.value(v)))
}

// bytesArg is a string argument, cut or padded to the length behind it.
func (c *caller) bytesArg(v *Expr) string {
	n := c.length(c.args[4])
	if n <= len(v.Str) {
		return v.Str[:n]
	}
	return v.Str + string(make([]byte, n-len(v.Str)))
}

// structOption is struct linger and struct timeval, as Setsockopt takes them.
func (c *caller) structOption(level, name int, v *Expr) int {
	if level != socket.SOL_SOCKET {
		c.unsupported(v, "a struct for this option")
	}
	switch name {
	case socket.SO_LINGER:
		if c.member(v, "onoff", "l_onoff") == 0 {
			return -1
		}
		return c.member(v, "linger", "l_linger")
	case socket.SO_RCVTIMEO, socket.SO_SNDTIMEO:
		return c.member(v, "tv_sec", "sec")*perSecond + c.member(v, "tv_usec", "usec")
	}
	c.unsupported(v, "a struct for this option")
	return 0
}

func (c *caller) member(v *Expr, names ...string) int {
	for _, name := range names {
		if m := v.get(name); m != nil {
			return c.value(m)
		}
	}
	c.wrong(v, "%s is missing", names[0])
	return 0
}

func (c *caller) getsockopt() outcome {
	f, bad := c.sock(0)
	if bad != nil {
		return *bad
	}
	level, name, want := c.num(1), c.num(2), c.args[3]
	if want.Kind == Text {
		got, err := f.sock.GetsockoptString(level, name)
		o := failed(err)
		if err == nil && got != want.Str {
			o.differs = fmt.Sprintf("the value is %q, expected %q", got, want.Str)
		}
		return o
	}
	got, err := f.sock.Getsockopt(level, name)
	if err != nil {
		return failed(err)
	}
	if want.Kind == Struct {
		if w := c.structOption(level, name, want); w != got {
			return outcome{differs: differ(got, w)}
		}
		return outcome{}
	}
	return c.checked(outcome{}, want, got)
}
