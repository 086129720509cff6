package drill

import (
	"fmt"
	"strings"
)

// scanner walks over a script's text. Packets, calls and shell commands have
// lexical rules of their own, so that there is no token stream before the
// grammar: the parser asks for what it needs at the place where it stands.
type scanner struct {
	src string
	i   int
}

// SyntaxError is a mistake in a script, with its place.
type SyntaxError struct {
	Pos  Pos
	Text string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%d:%d: %s", e.Pos.Line, e.Pos.Col, e.Text) }

// Unsupported is a construct of the language that the runner does not have.
type Unsupported struct {
	Pos       Pos
	Construct string
}

func (e *Unsupported) Error() string {
	return fmt.Sprintf("%d:%d: %s is not supported", e.Pos.Line, e.Pos.Col, e.Construct)
}

// pos is where the scanner stands.
func (s *scanner) pos() Pos { return s.posAt(s.i) }

func (s *scanner) posAt(i int) Pos {
	before := s.src[:i]
	return Pos{Line: strings.Count(before, "\n") + 1, Col: i - strings.LastIndexByte(before, '\n')}
}

// fail ends the parse; Parse recovers it.
func (s *scanner) fail(format string, args ...any) {
	panic(&SyntaxError{s.pos(), fmt.Sprintf(format, args...)})
}

func (s *scanner) unsupported(at int, format string, args ...any) {
	panic(&Unsupported{s.posAt(at), fmt.Sprintf(format, args...)})
}

func (s *scanner) done() bool { return s.i >= len(s.src) }

func (s *scanner) peek() byte {
	if s.done() {
		return 0
	}
	return s.src[s.i]
}

func (s *scanner) has(prefix string) bool { return strings.HasPrefix(s.src[s.i:], prefix) }

// space passes over blanks, line ends and comments.
func (s *scanner) space() {
	for !s.done() {
		switch {
		case strings.IndexByte(" \t\r\n", s.peek()) >= 0:
			s.i++
		case s.has("//"), s.peek() == '#':
			s.line()
		case s.has("/*"):
			s.i += s.until("*/")
		default:
			return
		}
	}
}

func (s *scanner) line() {
	for !s.done() && s.peek() != '\n' {
		s.i++
	}
}

// until returns how far it is past the next mark.
func (s *scanner) until(mark string) int {
	n := strings.Index(s.src[s.i:], mark)
	if n < 0 {
		s.fail("%q is missing", mark)
	}
	return n + len(mark)
}

// accept passes over text if it is next.
func (s *scanner) accept(text string) bool {
	s.space()
	if !s.has(text) {
		return false
	}
	s.i += len(text)
	return true
}

func (s *scanner) expect(text string) {
	if !s.accept(text) {
		s.fail("expected %q, found %s", text, s.found())
	}
}

// found describes what is next, for messages.
func (s *scanner) found() string {
	if s.done() {
		return "the end of the script"
	}
	end := min(s.i+16, len(s.src))
	text, _, _ := strings.Cut(s.src[s.i:end], "\n")
	return fmt.Sprintf("%q", text)
}

// take passes over the longest run of bytes that ok accepts.
func (s *scanner) take(ok func(byte) bool) string {
	from := s.i
	for !s.done() && ok(s.peek()) {
		s.i++
	}
	return s.src[from:s.i]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }

func isWord(c byte) bool { return isLetter(c) || isDigit(c) }

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// word returns the next identifier, "" if there is none.
func (s *scanner) word() string {
	s.space()
	if !isLetter(s.peek()) {
		return ""
	}
	return s.take(isWord)
}

// peekWord returns the next identifier without passing over it.
func (s *scanner) peekWord() string {
	s.space()
	at := s.i
	w := s.word()
	s.i = at
	return w
}

// acceptWord passes over the identifier w if it is next.
func (s *scanner) acceptWord(w string) bool {
	if s.peekWord() != w {
		return false
	}
	s.word()
	return true
}
