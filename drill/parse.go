package drill

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// ParseFile reads a script from a file.
func ParseFile(path string, symbols map[string]string) (*Script, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, string(text), symbols)
}

// parser turns text into a Script.
type parser struct {
	scanner
	symbols map[string]string // -D NAME=VALUE
}

// Parse reads a script. symbols are what -D defines: names that stand for a
// value wherever the script uses them. Errors: *SyntaxError, *Unsupported.
func Parse(path, text string, symbols map[string]string) (s *Script, err error) {
	p := &parser{scanner: scanner{src: text}, symbols: symbols}
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *SyntaxError:
			s, err = nil, e
		case *Unsupported:
			s, err = nil, e
		default:
			panic(e)
		}
	}()
	return p.script(path), nil
}

func (p *parser) script(path string) *Script {
	s := &Script{Path: path}
	for p.space(); p.has("--"); p.space() {
		s.Options = append(s.Options, p.option())
	}
	for p.space(); !p.done(); p.space() {
		s.Events = append(s.Events, p.event())
	}
	if len(s.Events) == 0 {
		p.fail("a script without events")
	}
	return s
}

// option is --name or --name=value.
func (p *parser) option() Option {
	o := Option{Pos: p.pos()}
	p.i += len("--")
	o.Name = p.take(func(c byte) bool { return isWord(c) || c == '-' })
	if p.peek() == '=' {
		p.i++
		o.Value = p.take(func(c byte) bool { return c > ' ' })
	}
	return o
}

func (p *parser) event() *Event {
	e := &Event{Pos: p.pos()}
	if p.peek() == '`' {
		e.Time.Kind = Setup
		e.Do = p.command()
		return e
	}
	e.Time = p.when()
	p.space()
	switch {
	case p.peek() == '`':
		e.Do = p.command()
	case p.has("%{"):
		e.Do = p.code()
	case p.peek() == '<' || p.peek() == '>':
		e.Do = p.packet()
	case isLetter(p.peek()):
		e.Do = p.call()
	default:
		p.fail("expected a packet, a call, a command or code, found %s", p.found())
	}
	if _, call := e.Do.(*Call); e.Time.Blocks && !call {
		p.fail("only a call can block")
	}
	return e
}

// when is a time: 0.1, +.1, *, a range a~b, or the two times a...b of a call
// that blocks.
func (p *parser) when() When {
	if p.accept("*") {
		return When{Kind: Any}
	}
	var w When
	if p.peek() == '+' {
		p.i++
		w.Kind = Relative
	}
	w.At = p.seconds()
	w.Until = w.At
	switch {
	case p.accept("..."):
		w.Blocks = true
		p.accept("+")
		w.Return = p.seconds()
	case p.accept("~"):
		w.IsRange = true
		p.accept("+")
		w.Until = p.seconds()
	}
	if w.Until < w.At {
		p.fail("the range ends before it begins")
	}
	return w
}

// seconds is a number of seconds with a fraction.
func (p *parser) seconds() time.Duration {
	p.space()
	at := p.i
	text := p.take(isDigit)
	if p.peek() == '.' && !p.has("...") {
		p.i++
		text += "." + p.take(isDigit)
	}
	if text == "" || text == "." {
		p.i = at
		p.fail("expected a time, found %s", p.found())
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v > 1e6 {
		p.fail("%q is not a time", text)
	}
	return time.Duration(v*1e6+.5) * time.Microsecond
}

func (p *parser) command() *Command {
	p.i++
	from := p.i
	p.i += p.until("`")
	return &Command{Text: p.src[from : p.i-1]}
}

func (p *parser) code() *Code {
	p.i += len("%{")
	from := p.i
	p.i += p.until("}%")
	return &Code{Text: p.src[from : p.i-len("}%")]}
}

// call is name(arguments) = result ERRNO (note).
func (p *parser) call() *Call {
	from := p.i
	c := &Call{Name: p.word()}
	p.expect("(")
	for !p.accept(")") {
		if len(c.Args) > 0 {
			p.expect(",")
		}
		c.Args = append(c.Args, p.expr())
	}
	p.expect("=")
	if !p.accept("...") {
		c.Result = p.expr()
	}
	c.Errno = p.errno()
	c.text = oneLine(p.src[from:p.i])
	p.note()
	return c
}

// errno is the name behind a result, E followed by capitals.
func (p *parser) errno() string {
	w := p.peekWord()
	if len(w) < 2 || w[0] != 'E' || strings.ToUpper(w) != w {
		return ""
	}
	if _, ok := errnos[w]; !ok {
		p.unsupported(p.i, "%s", w)
	}
	return p.word()
}

// note passes over "(Operation now in progress)", and the comma or semicolon
// that may stand around it.
func (p *parser) note() {
	if p.accept("(") {
		p.i += p.until(")")
	}
}

// oneLine takes comments away and folds blanks and line ends.
func oneLine(s string) string {
	var words []string
	for _, line := range strings.Split(s, "\n") {
		line, _, _ = strings.Cut(line, "//")
		words = append(words, strings.Fields(line)...)
	}
	return strings.Join(words, " ")
}
