package drill

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Code blocks are Python in the original, but what scripts do with them is to
// assert what TCP_INFO says. This is a small evaluator for that: assert, print,
// = and +=, the operators of Python on numbers and strings, and min, max, abs,
// len, int.

// value is a number or a string.
type value struct {
	num    float64
	str    string
	isText bool
}

func numeric(v float64) value { return value{num: v} }

func truth(b bool) value { return numeric(float64(toInt(b))) }

func (v value) true() bool { return v.isText && v.str != "" || v.num != 0 }

func (v value) String() string {
	if v.isText {
		return v.str
	}
	return strconv.FormatFloat(v.num, 'f', -1, 64)
}

// code runs a block.
func (p *player) code(e *Event, k *Code) error {
	x := &evaluator{player: p, scanner: scanner{src: k.Text}, event: e}
	return x.block()
}

type evaluator struct {
	scanner
	player *player
	event  *Event
	depth  int // of parentheses, in which a line may end anywhere
}

func (x *evaluator) block() (err error) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *SyntaxError:
			err = x.place(e.Pos, e.Text, false)
		case *Unsupported:
			err = x.place(e.Pos, e.Construct, true)
		default:
			panic(e)
		}
	}()
	for x.gap(); !x.done(); x.gap() {
		if f := x.statement(); f != nil {
			return f
		}
	}
	return nil
}

// place moves a place in the block to one in the script.
func (x *evaluator) place(at Pos, text string, unsupported bool) error {
	pos := Pos{x.event.Pos.Line + at.Line - 1, at.Col}
	if at.Line == 1 {
		pos.Col += x.event.Pos.Col
	}
	if unsupported {
		return &Unsupported{pos, text}
	}
	return &SyntaxError{pos, text}
}

// gap passes over what stands between statements.
func (x *evaluator) gap() {
	for x.space(); x.peek() == ';' || x.peek() == '\\'; x.space() {
		x.i++
	}
}

func (x *evaluator) statement() error {
	switch w := x.peekWord(); w {
	case "assert":
		x.word()
		return x.assert()
	case "print":
		x.word()
		v := x.expr()
		if x.player.cfg.Verbose != nil {
			fmt.Fprintln(x.player.cfg.Verbose, v)
		}
		return nil
	case "":
		x.fail("expected a statement, found %s", x.found())
	case "if", "for", "while", "def", "import", "class", "return":
		x.unsupported(x.i, "%q in code", w)
	}
	return x.assign()
}

func (x *evaluator) assert() error {
	from := x.i
	v := x.expr()
	text := oneLine(x.src[from:x.i])
	message := ""
	if x.accept(",") {
		message = ": " + x.expr().String()
	}
	if v.true() {
		return nil
	}
	return x.player.fail(x.event, "assert %s failed%s", text, message)
}

// assign is name = value, name += value, name -= value.
func (x *evaluator) assign() error {
	name := x.word()
	switch {
	case x.accept("+="):
		x.player.vars[name] = numeric(x.name(name).num + x.expr().num)
	case x.accept("-="):
		x.player.vars[name] = numeric(x.name(name).num - x.expr().num)
	case x.accept("="):
		x.player.vars[name] = x.expr()
	default:
		x.fail("expected a statement, found %q", name)
	}
	return nil
}

// operators are the operators of each level, loosest first.
var operators = [][]string{{"or"}, {"and"}, {"==", "!=", "<=", ">=", "<", ">"}, {"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "//", "/", "%"}}

const comparisons = 2 // the level of == and its kind

func (x *evaluator) expr() value { return x.level(0) }

func (x *evaluator) level(n int) value {
	if n == len(operators) {
		return x.unary()
	}
	left := x.level(n + 1)
	if n == comparisons {
		return x.chain(left)
	}
	for {
		op := x.operator(n)
		if op == "" {
			return left
		}
		left = x.apply(op, left, x.level(n+1))
	}
}

// chain is Python's a < b < c: each neighbour is compared.
func (x *evaluator) chain(left value) value {
	op := x.operator(comparisons)
	if op == "" {
		return left
	}
	all := true
	for ; op != ""; op = x.operator(comparisons) {
		right := x.level(comparisons + 1)
		all = all && x.apply(op, left, right).true()
		left = right
	}
	return truth(all)
}

// operator passes over the next operator of a level.
func (x *evaluator) operator(n int) string {
	x.blanks()
	for _, op := range operators[n] {
		if isLetter(op[0]) {
			if x.acceptWord(op) {
				return op
			}
			continue
		}
		if x.has(op) && !x.longer(op) {
			x.i += len(op)
			return op
		}
	}
	return ""
}

// longer reports whether what is next is another operator that begins with op.
func (x *evaluator) longer(op string) bool {
	rest := x.src[x.i+len(op):]
	switch op {
	case "<", ">":
		return strings.HasPrefix(rest, op)
	case "/":
		return strings.HasPrefix(rest, "/")
	}
	return false
}

// blanks passes over spaces, and line ends where a line is continued.
func (x *evaluator) blanks() {
	for {
		switch {
		case x.peek() == ' ' || x.peek() == '\t':
			x.i++
		case x.depth > 0 && (x.peek() == '\n' || x.peek() == '\r' || x.peek() == '#'):
			x.space()
		case x.has("\\\n"):
			x.i += 2
		default:
			return
		}
	}
}

func (x *evaluator) apply(op string, a, b value) value {
	if a.isText || b.isText {
		return x.applyText(op, a, b)
	}
	i, j := int64(a.num), int64(b.num)
	switch op {
	case "or":
		return truth(a.true() || b.true())
	case "and":
		return truth(a.true() && b.true())
	case "==":
		return truth(a.num == b.num)
	case "!=":
		return truth(a.num != b.num)
	case "<=":
		return truth(a.num <= b.num)
	case ">=":
		return truth(a.num >= b.num)
	case "<":
		return truth(a.num < b.num)
	case ">":
		return truth(a.num > b.num)
	case "|":
		return numeric(float64(i | j))
	case "^":
		return numeric(float64(i ^ j))
	case "&":
		return numeric(float64(i & j))
	case "<<":
		return numeric(float64(i << min(uint64(j), 63)))
	case ">>":
		return numeric(float64(i >> min(uint64(j), 63)))
	}
	return x.arithmetic(op, a.num, b.num)
}

func (x *evaluator) arithmetic(op string, a, b float64) value {
	switch op {
	case "+":
		return numeric(a + b)
	case "-":
		return numeric(a - b)
	case "*":
		return numeric(a * b)
	}
	if b == 0 {
		x.fail("division by zero")
	}
	switch op {
	case "//":
		return numeric(math.Floor(a / b))
	case "%":
		return numeric(a - b*math.Floor(a/b))
	}
	return numeric(a / b)
}

// applyText compares, joins and formats strings.
func (x *evaluator) applyText(op string, a, b value) value {
	switch op {
	case "==":
		return truth(a.String() == b.String() && a.isText == b.isText)
	case "!=":
		return truth(a.String() != b.String() || a.isText != b.isText)
	case "+":
		return value{str: a.String() + b.String(), isText: true}
	case "%": // only ever a message
		return value{str: strings.Replace(a.str, "%d", b.String(), 1), isText: true}
	}
	x.fail("%q does not go with a string", op)
	return value{}
}

func (x *evaluator) unary() value {
	x.blanks()
	switch {
	case x.acceptWord("not"):
		return truth(!x.level(2).true())
	case x.accept("-"):
		return numeric(-x.unary().num)
	case x.accept("~"):
		return numeric(float64(^int64(x.unary().num)))
	case x.accept("("):
		return x.tuple()
	case x.peek() == '"' || x.peek() == '\'':
		return x.text()
	case isDigit(x.peek()):
		return x.literal()
	case isLetter(x.peek()):
		return x.named()
	}
	x.fail("expected a value, found %s", x.found())
	return value{}
}

// tuple is a value in parentheses, or several, of which the first counts.
func (x *evaluator) tuple() value {
	x.depth++
	v := x.expr()
	for x.accept(",") {
		x.expr()
	}
	x.expect(")")
	x.depth--
	return v
}

func (x *evaluator) text() value {
	quote := x.peek()
	x.i++
	from := x.i
	x.i += x.until(string(quote))
	return value{str: x.src[from : x.i-1], isText: true}
}

func (x *evaluator) literal() value {
	text := x.take(func(c byte) bool { return isWord(c) || c == '.' })
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		return numeric(float64(n))
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		x.fail("%q is not a number", text)
	}
	return numeric(v)
}

func (x *evaluator) named() value {
	name := x.word()
	x.blanks()
	if x.peek() == '(' {
		x.i++
		return x.function(name)
	}
	return x.name(name)
}

func (x *evaluator) function(name string) value {
	var args []value
	x.depth++
	for !x.accept(")") {
		if len(args) > 0 {
			x.expect(",")
		}
		args = append(args, x.expr())
	}
	x.depth--
	if len(args) == 0 {
		x.fail("%s needs an argument", name)
	}
	switch name {
	case "min", "max":
		v := args[0]
		for _, a := range args[1:] {
			if (a.num < v.num) == (name == "min") {
				v = a
			}
		}
		return v
	case "abs":
		return numeric(math.Abs(args[0].num))
	case "int":
		return numeric(math.Trunc(args[0].num))
	case "len":
		return numeric(float64(len(args[0].str)))
	case "str":
		return value{str: args[0].String(), isText: true}
	}
	x.unsupported(x.i, "%s() in code", name)
	return value{}
}

// name is a variable, a field of TCP_INFO of the socket under test, or a
// constant.
func (x *evaluator) name(name string) value {
	if v, ok := x.player.vars[name]; ok {
		return v
	}
	if strings.HasPrefix(name, "tcpi_") {
		return numeric(float64(x.info(name)))
	}
	switch name {
	case "True":
		return truth(true)
	case "False", "None":
		return truth(false)
	}
	v, ok := lookup(name)
	if !ok {
		x.unsupported(x.i-len(name), "%q in code", name)
	}
	return numeric(float64(v))
}

// info is a field of TCP_INFO.
func (x *evaluator) info(name string) int64 {
	f := x.player.under
	if f == nil || f.sock == nil || f.sock.Conn() == nil {
		x.fail("there is no TCP socket to ask for %s", name)
	}
	i := f.sock.Conn().Info()
	v, ok := i.Field(name)
	if !ok {
		x.unsupported(x.i-len(name), "%q", name)
	}
	return v
}
