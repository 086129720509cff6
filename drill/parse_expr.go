package drill

import (
	"strconv"
	"strings"
)

// ExprKind is what an argument of a call is.
type ExprKind uint8

// Kinds of expression.
const (
	Number   ExprKind = iota
	Text              // "..." with escapes
	Ellipsis          // ...
	Name              // a constant
	List              // [a, b]
	Struct            // {name=value, ...}
	Apply             // htons(8080)
	Or                // a|b
	Negate            // -a, ~a
)

// Expr is an argument of a call.
type Expr struct {
	Kind   ExprKind
	Pos    Pos
	Num    int64
	Str    string // Text, the name of Name and Apply, the operator of Negate
	Items  []*Expr
	Fields []Field
}

// Field is one member of a struct. Arg is what stands in parentheses behind
// the name: msg_iov(2)=[...].
type Field struct {
	Name  string // "" where the script gives none
	Arg   *Expr
	Value *Expr
}

// expr is term, term|term, term+term.
func (p *parser) expr() *Expr {
	e := p.term()
	for {
		p.space()
		switch {
		case p.has("||") || !strings.ContainsRune("|", rune(p.peek())):
			return e
		default:
			p.i++
			e = &Expr{Kind: Or, Pos: e.Pos, Items: []*Expr{e, p.term()}}
		}
	}
}

func (p *parser) term() *Expr {
	p.space()
	e := &Expr{Pos: p.pos()}
	switch c := p.peek(); {
	case p.accept("..."):
		e.Kind = Ellipsis
	case c == '"':
		e.Kind, e.Str = Text, p.quoted()
	case c == '[':
		e.Kind, e.Items = List, p.list()
	case c == '{':
		e.Kind, e.Fields = Struct, p.fields()
	case c == '(':
		p.i++
		e = p.expr()
		p.expect(")")
	case c == '-' || c == '~' || c == '!':
		p.i++
		*e = Expr{Kind: Negate, Pos: e.Pos, Str: string(c), Items: []*Expr{p.term()}}
	case isDigit(c) || c == '.':
		p.number(e)
	case isLetter(c):
		p.named(e)
	default:
		p.fail("expected a value, found %s", p.found())
	}
	return e
}

// number is decimal or hexadecimal. A fraction is kept in millionths.
func (p *parser) number(e *Expr) {
	text := p.take(func(c byte) bool { return isWord(c) })
	v, err := strconv.ParseUint(strings.TrimRight(text, "uUlL"), 0, 64)
	if err != nil {
		p.fail("%q is not a number", text)
	}
	e.Kind, e.Num = Number, int64(v)
}

// named is a constant, a symbol of -D, or name(arguments).
func (p *parser) named(e *Expr) {
	e.Kind, e.Str = Name, p.word()
	if v, ok := p.symbols[e.Str]; ok {
		p.symbol(e, v)
		return
	}
	if p.has("(") {
		e.Kind = Apply
		p.i++
		for !p.accept(")") {
			if len(e.Items) > 0 {
				p.expect(",")
			}
			e.Items = append(e.Items, p.expr())
		}
	}
}

// symbol puts the value of a symbol in its place.
func (p *parser) symbol(e *Expr, v string) {
	if n, err := strconv.ParseInt(v, 0, 64); err == nil {
		e.Kind, e.Num = Number, n
		return
	}
	e.Str = strings.Trim(v, `"`)
	if strings.HasPrefix(v, `"`) {
		e.Kind = Text
	}
}

func (p *parser) quoted() string {
	from := p.i
	p.i++
	for p.peek() != '"' {
		if p.done() || p.peek() == '\n' {
			p.fail("a string without an end")
		}
		if p.peek() == '\\' {
			p.i++
		}
		p.i++
	}
	p.i++
	text, err := strconv.Unquote(p.src[from:p.i])
	if err != nil {
		p.i = from
		p.fail("a string with an escape that is not known")
	}
	return text
}

func (p *parser) list() []*Expr {
	p.expect("[")
	var items []*Expr
	for !p.accept("]") {
		if len(items) > 0 {
			p.expect(",")
			if p.accept("]") {
				break
			}
		}
		items = append(items, p.expr())
	}
	return items
}

func (p *parser) fields() []Field {
	p.expect("{")
	var fields []Field
	for !p.accept("}") {
		if len(fields) > 0 {
			p.expect(",")
			if p.accept("}") {
				break
			}
		}
		fields = append(fields, p.field())
	}
	return fields
}

// field is value, name=value or name(arg)=value.
func (p *parser) field() Field {
	e := p.expr()
	p.space()
	if p.peek() != '=' || e.Kind != Name && e.Kind != Apply {
		return Field{Value: e}
	}
	p.i++
	f := Field{Name: e.Str, Value: p.expr()}
	if len(e.Items) > 0 {
		f.Arg = e.Items[0]
	}
	return f
}

// get returns the member called name, nil if there is none.
func (e *Expr) get(name string) *Expr {
	for i := range e.Fields {
		if e.Fields[i].Name == name {
			return e.Fields[i].Value
		}
	}
	return nil
}
