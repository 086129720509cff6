package trace

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// What a value means depends on the words before it.

// value compiles one value under its words.
func (p *parser) value(q *quals) test {
	t := p.next()
	switch q.kind {
	case "port":
		lo := p.port(t, t.text)
		return portTest(q, lo, lo)
	case "portrange":
		from, to, both := strings.Cut(t.text, "-")
		lo := p.port(t, from)
		hi := lo
		if both {
			hi = p.port(t, to)
		}
		return portTest(q, min(lo, hi), max(lo, hi))
	case "proto":
		return p.protoValue(q, t)
	}
	return addrTest(q, p.prefix(q, t))
}

// services are the names of ports, so that nothing asks a file or a server.
var services = map[string]uint16{"echo": 7, "discard": 9, "daytime": 13, "chargen": 19, "ftp": 21, "ssh": 22, "telnet": 23,
	"smtp": 25, "time": 37, "domain": 53, "http": 80, "pop3": 110, "ntp": 123, "imap2": 143, "snmp": 161, "https": 443}

func (p *parser) port(t token, s string) uint16 {
	if n, ok := services[s]; ok {
		return n
	}
	n, err := strconv.ParseUint(s, 0, 32)
	switch {
	case err != nil:
		p.fail(t.at, fmt.Sprintf("%q is not a port", s))
	case n > 65535:
		p.fail(t.at, fmt.Sprintf("port %d is above 65535", n))
	}
	return uint16(n)
}

// protoValue is a protocol number, or a name with a backslash, since a name
// alone is a word of the language.
func (p *parser) protoValue(q *quals, t token) test {
	if name, escaped := strings.CutPrefix(t.text, `\`); escaped {
		n, ok := ipProtocols[name]
		if !ok {
			p.fail(t.at, fmt.Sprintf("no IP protocol is called %q", name))
		}
		return ipProtoTest(q.proto, uint32(n))
	}
	n, err := strconv.ParseUint(t.text, 0, 32)
	if err != nil {
		p.fail(t.at, fmt.Sprintf("%q is not a protocol number", t.text))
	}
	return ipProtoTest(q.proto, uint32(n))
}

// prefix reads an address or a network: 10.9.0.1, 10.9.0.0/16, 10.9, a bare
// number after net, 10.9.0.0 mask 255.255.0.0, fe80::/10.
func (p *parser) prefix(q *quals, t token) netip.Prefix {
	var pre netip.Prefix
	if strings.Contains(t.text, ":") {
		pre = p.prefix6(t)
	} else {
		pre = p.prefix4(q, t)
	}
	if v4, want := pre.Addr().Is4(), q.proto; want != "" && v4 == (want == "ip6") {
		p.fail(t.at, fmt.Sprintf("%q is not an address of %s", t.text, want))
	}
	return pre
}

func (p *parser) prefix6(t token) netip.Prefix {
	s := t.text
	if !strings.Contains(s, "/") {
		s += "/128"
	}
	pre, err := netip.ParsePrefix(s)
	if err != nil || pre.Addr().Zone() != "" {
		p.fail(t.at, fmt.Sprintf("%q is not an IPv6 address", t.text))
	}
	return p.masked(t, pre)
}

func (p *parser) prefix4(q *quals, t token) netip.Prefix {
	s, length, slash := strings.Cut(t.text, "/")
	addr, bits := p.dotted(q, t, s)
	switch {
	case slash:
		n, err := strconv.Atoi(length)
		if err != nil || n < 0 || n > 32 {
			p.fail(t.at, fmt.Sprintf("%q is not a prefix length from 0 to 32", length))
		}
		bits = n
	case p.accept("mask"):
		bits = p.mask(p.next())
	}
	return p.masked(t, netip.PrefixFrom(addr, bits))
}

func (p *parser) masked(t token, pre netip.Prefix) netip.Prefix {
	if pre.Masked() != pre {
		p.fail(t.at, fmt.Sprintf("%s has bits set outside its network, which is %s", t.text, pre.Masked()))
	}
	return pre
}

// dotted reads up to four numbers; what is missing is the rest of a network.
func (p *parser) dotted(q *quals, t token, s string) (netip.Addr, int) {
	parts := strings.Split(s, ".")
	if len(parts) == 1 && (q.kind != "net" || s != t.text) || len(parts) > 4 {
		p.fail(t.at, fmt.Sprintf("%q is not an address; names are not looked up", t.text))
	}
	var a [4]byte
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			p.fail(t.at, fmt.Sprintf("%q is not an address; names are not looked up", t.text))
		}
		a[i] = byte(n)
	}
	if a == [4]byte{} {
		return netip.IPv4Unspecified(), 32
	}
	return netip.AddrFrom4(a), 8 * len(parts)
}

// mask reads a netmask.
func (p *parser) mask(t token) int {
	a, err := netip.ParseAddr(t.text)
	if err == nil && a.Is4() {
		inverse := ^Addr(a)
		if inverse&(inverse+1) == 0 {
			bits := 32
			for ; inverse != 0; inverse >>= 1 {
				bits--
			}
			return bits
		}
	}
	p.fail(t.at, fmt.Sprintf("%q is not a netmask", t.text))
	return 0
}
