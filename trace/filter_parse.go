package trace

import (
	"fmt"
	"strings"

	"github.com/slankdev/ministack/skb"
)

// A recursive descent over pcap's grammar. Its odd points are kept: and and or
// bind alike, from left to right; a bare value takes over the words before the
// last one ("port 80 or 443"), but not those inside a parenthesis that has
// closed, nor a lone protocol.

// test is a compiled expression.
type test func(*skb.Buffer) bool

type token struct {
	text string
	at   int
}

type parser struct {
	expr   string
	tokens []token // the last one is empty: the end
	i      int
	last   *quals // the words that a bare value takes over, nil for none
}

// quals are the words before a value.
type quals struct{ proto, dir, kind string }

func (p *parser) fail(at int, what string) {
	panic(&FilterError{Expr: p.expr, At: at, What: what})
}

// lex cuts the expression into words and signs.
func (p *parser) lex() {
	i := 0
	for i < len(p.expr) {
		switch c := p.expr[i]; {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			i++
		case strings.HasPrefix(p.expr[i:], "&&"):
			p.push("and", &i, 2)
		case strings.HasPrefix(p.expr[i:], "||"):
			p.push("or", &i, 2)
		case c == '!':
			p.push("not", &i, 1)
		case c == '(' || c == ')':
			p.push(string(c), &i, 1)
		default:
			n := strings.IndexAny(p.expr[i:], " \t\r\n()!&|")
			if n == 0 {
				p.fail(i+1, fmt.Sprintf("%q is no operator here; there are &&, ||, ! and parentheses", string(c)))
			}
			if n < 0 {
				n = len(p.expr) - i
			}
			p.push(p.expr[i:i+n], &i, n)
		}
	}
	p.tokens = append(p.tokens, token{"", len(p.expr) + 1})
}

func (p *parser) push(text string, i *int, n int) {
	p.tokens = append(p.tokens, token{text, *i + 1})
	*i += n
}

func (p *parser) peek() token { return p.tokens[p.i] }

func (p *parser) next() token {
	t := p.tokens[p.i]
	if t.text != "" {
		p.i++
	}
	return t
}

func (p *parser) accept(text string) bool {
	if p.peek().text != text {
		return false
	}
	p.i++
	return true
}

func (p *parser) whole() test {
	e := p.sequence(p.term)
	if t := p.peek(); t.text != "" {
		p.fail(t.at, fmt.Sprintf("%q is not expected here", t.text))
	}
	return e
}

// sequence is one or more operands joined by and and or.
func (p *parser) sequence(operand func() test) test {
	left := operand()
	for {
		switch {
		case p.accept("and"):
			l, r := left, operand()
			left = func(b *skb.Buffer) bool { return l(b) && r(b) }
		case p.accept("or"):
			l, r := left, operand()
			left = func(b *skb.Buffer) bool { return l(b) || r(b) }
		default:
			return left
		}
	}
}

func (p *parser) term() test {
	switch t := p.peek(); {
	case p.accept("not"):
		return negate(p.term())
	case t.text == "(" && p.last != nil && p.valueInside():
		return p.operand(p.last)
	case p.accept("("):
		outer := p.last
		e := p.sequence(p.term)
		p.closing()
		p.last = outer
		return e
	case t.text == "":
		p.fail(t.at, "something is missing at the end")
	case reserved[t.text]:
		return p.primitive()
	case p.i == 0 || p.last == nil:
		p.fail(t.at, fmt.Sprintf("%q is not a word of filters; an address or a port needs one before it, such as host or port", t.text))
	}
	return p.value(p.last)
}

// valueInside reports whether the parenthesis that opens here begins with a bare
// value: then it holds nothing but values.
func (p *parser) valueInside() bool {
	for _, t := range p.tokens[p.i:] {
		if t.text != "(" && t.text != "not" {
			return !reserved[t.text]
		}
	}
	return false
}

func negate(e test) test { return func(b *skb.Buffer) bool { return !e(b) } }

func (p *parser) closing() {
	if t := p.peek(); !p.accept(")") {
		p.fail(t.at, "a closing parenthesis is missing")
	}
}

var protocols = map[string]bool{"ip": true, "ip6": true, "arp": true, "rarp": true, "tcp": true, "udp": true,
	"icmp": true, "icmp6": true, "igmp": true}

var kinds = map[string]bool{"host": true, "net": true, "port": true, "portrange": true, "proto": true}

// reserved are the words that no value can be.
var reserved = reservedWords()

func reservedWords() map[string]bool {
	r := map[string]bool{"src": true, "dst": true, "and": true, "or": true, "not": true, ")": true, "(": true, "mask": true}
	for _, words := range []map[string]bool{protocols, kinds} {
		for w := range words {
			r[w] = true
		}
	}
	return r
}

// primitive is a protocol alone, or words and the value that they speak of.
func (p *parser) primitive() test {
	start := p.peek()
	q := &quals{}
	if protocols[start.text] {
		q.proto = p.next().text
	}
	q.dir = p.direction()
	if kinds[p.peek().text] {
		q.kind = p.next().text
	}
	if q.dir == "" && q.kind == "" {
		if q.proto == "" {
			p.fail(start.at, fmt.Sprintf("%q is not expected here", start.text))
		}
		p.last = nil
		return protocolTest(q.proto)
	}
	if q.kind == "proto" && q.dir != "" {
		p.fail(start.at, "proto has no direction")
	}
	p.checkQuals(q, start)
	p.last = q
	return p.operand(q)
}

// direction reads src, dst, src or dst, src and dst.
func (p *parser) direction() string {
	first := p.peek().text
	if first != "src" && first != "dst" {
		return ""
	}
	p.i++
	other := map[string]string{"src": "dst", "dst": "src"}[first]
	op := p.peek().text
	if (op == "or" || op == "and") && p.tokens[p.i+1].text == other {
		p.i += 2
		return op
	}
	return first
}

// checkQuals refuses words that do not go together.
func (p *parser) checkQuals(q *quals, t token) {
	kind := q.kind
	if kind == "" {
		kind = "host"
	}
	fits := map[string]string{"host": " ip ip6 arp rarp ", "net": " ip ip6 arp rarp ", "port": " tcp udp ",
		"portrange": " tcp udp ", "proto": " ip ip6 "}[kind]
	if q.proto != "" && !strings.Contains(fits, " "+q.proto+" ") {
		p.fail(t.at, fmt.Sprintf("%q does not go with %q", q.proto, kind))
	}
}

// operand is a value, a negated one, or several in parentheses.
func (p *parser) operand(q *quals) test {
	switch t := p.peek(); {
	case p.accept("not"):
		return negate(p.operand(q))
	case p.accept("("):
		e := p.sequence(func() test { return p.operand(q) })
		p.closing()
		return e
	case t.text == "":
		p.fail(t.at, "a value is missing at the end")
	case reserved[t.text]:
		p.fail(t.at, fmt.Sprintf("a value is wanted here, not %q", t.text))
	}
	return p.value(q)
}
