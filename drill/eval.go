package drill

import (
	"fmt"
	"math/bits"
	"net/netip"
)

// number is the value of an expression that is a number.
func (p *player) number(e *Expr) (int64, error) {
	switch e.Kind {
	case Number:
		return e.Num, nil
	case Name:
		if v, ok := lookup(e.Str); ok {
			return v, nil
		}
		return 0, &Unsupported{e.Pos, e.Str}
	case Or:
		a, err := p.number(e.Items[0])
		if err != nil {
			return 0, err
		}
		b, err := p.number(e.Items[1])
		return a | b, err
	case Negate:
		return p.negated(e)
	case Apply:
		return p.applied(e)
	}
	return 0, &SyntaxError{e.Pos, "expected a number"}
}

func (p *player) negated(e *Expr) (int64, error) {
	v, err := p.number(e.Items[0])
	switch e.Str {
	case "-":
		v = -v
	case "~":
		v = ^v
	case "!":
		v = toInt(v == 0)
	}
	return v, err
}

func toInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// applied is htons and its kind; the player keeps ports in the host's order.
func (p *player) applied(e *Expr) (int64, error) {
	if len(e.Items) != 1 {
		return 0, &Unsupported{e.Pos, e.Str + "()"}
	}
	switch e.Str {
	case "htons", "ntohs", "htonl", "ntohl":
		return p.number(e.Items[0])
	case "inet_addr":
		a, err := netip.ParseAddr(e.Items[0].Str)
		if err != nil || !a.Is4() {
			return 0, &SyntaxError{e.Pos, fmt.Sprintf("%q is not an IPv4 address", e.Items[0].Str)}
		}
		v := a.As4()
		return int64(bits.ReverseBytes32(uint32(v[3])<<24 | uint32(v[2])<<16 | uint32(v[1])<<8 | uint32(v[0]))), nil
	}
	return 0, &Unsupported{e.Pos, e.Str + "()"}
}

// The accessors of a call's arguments panic with what is wrong in the script;
// caller.run recovers.

func (c *caller) num(i int) int {
	v, err := c.number(c.args[i])
	if err != nil {
		panic(err)
	}
	return int(v)
}

// value is a number, or a list of one number, as out parameters are written.
func (c *caller) value(e *Expr) int {
	if e.Kind == List && len(e.Items) == 1 {
		e = e.Items[0]
	}
	v, err := c.number(e)
	if err != nil {
		panic(err)
	}
	return int(v)
}

func (c *caller) wrong(e *Expr, format string, args ...any) {
	panic(&SyntaxError{e.Pos, fmt.Sprintf(format, args...)})
}

func (c *caller) unsupported(e *Expr, format string, args ...any) {
	panic(&Unsupported{e.Pos, fmt.Sprintf(format, args...)})
}

// file is the descriptor in an argument, nil if there is none of that number.
func (c *caller) file(i int) *file { return c.files[c.num(i)] }

// sockaddr is an address argument: "..." stands for other, and a family of
// AF_UNSPEC for the zero AddrPort.
func (c *caller) sockaddr(e *Expr, other netip.AddrPort) netip.AddrPort {
	switch e.Kind {
	case Ellipsis:
		return other
	case Name:
		if e.Str == "AF_UNSPEC" {
			return netip.AddrPort{}
		}
	case Struct:
		return c.explicit(e, other)
	}
	c.unsupported(e, "an address like this")
	return netip.AddrPort{}
}

// explicit is {sa_family = AF_INET, sin_port = htons(8080), sin_addr =
// inet_addr("192.168.0.1")}.
func (c *caller) explicit(e *Expr, other netip.AddrPort) netip.AddrPort {
	addr, port := other.Addr(), other.Port()
	for _, f := range e.Fields {
		switch f.Name {
		case "sa_family", "sin_family":
			family, err := c.number(f.Value)
			if err != nil {
				panic(err)
			}
			if family == 0 {
				return netip.AddrPort{}
			}
			if family != 2 {
				c.unsupported(f.Value, "another family than AF_INET")
			}
		case "sin_port":
			port = uint16(c.value(f.Value))
		case "sin_addr":
			v := uint32(c.value(f.Value))
			addr = netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
		default:
			c.unsupported(e, "the member %q", f.Name)
		}
	}
	return netip.AddrPortFrom(addr, port)
}
