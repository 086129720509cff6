package trace

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Arguments in JSON (RFC 8259): one flat object of words and numbers. It is
// written and read here, since a program that embeds the stack is to link no
// encoding/json.

var errArgs = errors.New("trace: arguments are an object of words and numbers")

// MarshalJSON writes an object with the arguments in their order.
func (a Args) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, arg := range a {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, arg.Name), ':')
		if arg.Number {
			b = append(b, arg.Value...)
		} else {
			b = appendString(b, arg.Value)
		}
	}
	return append(b, '}'), nil
}

const hexDigits = "0123456789abcdef"

// appendString appends a string in quotes (RFC 8259 7).
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&0xf])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// UnmarshalJSON reads such an object.
func (a *Args) UnmarshalJSON(p []byte) error {
	*a = nil
	s := jsonScanner{p}
	if !s.take('{') {
		return errArgs
	}
	if s.take('}') {
		return nil
	}
	for {
		arg, ok := s.argument()
		if !ok {
			return errArgs
		}
		*a = append(*a, arg)
		if s.take('}') {
			return nil
		}
		if !s.take(',') {
			return errArgs
		}
	}
}

// jsonScanner walks over what is left of an object.
type jsonScanner struct{ p []byte }

// take takes the next byte that is no space, if it is c.
func (s *jsonScanner) take(c byte) bool {
	for len(s.p) > 0 && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\n' || s.p[0] == '\r') {
		s.p = s.p[1:]
	}
	if len(s.p) == 0 || s.p[0] != c {
		return false
	}
	s.p = s.p[1:]
	return true
}

func (s *jsonScanner) argument() (Arg, bool) {
	name, ok := s.word()
	if !ok || !s.take(':') {
		return Arg{}, false
	}
	if value, ok := s.word(); ok {
		return Arg{Name: name, Value: value}, true
	}
	value, ok := s.number()
	return Arg{Name: name, Value: value, Number: true}, ok
}

// number reads an integer, without zeros in front (RFC 8259 6).
func (s *jsonScanner) number() (string, bool) {
	n := 0
	for n < len(s.p) && (s.p[n] >= '0' && s.p[n] <= '9' || n == 0 && s.p[n] == '-') {
		n++
	}
	v := string(s.p[:n])
	s.p = s.p[n:]
	digits := strings.TrimPrefix(v, "-")
	return v, digits != "" && (digits == "0" || digits[0] != '0')
}

// word reads a string; false if none begins here, or one that is no UTF-8.
func (s *jsonScanner) word() (string, bool) {
	if !s.take('"') {
		return "", false
	}
	var out []byte
	for len(s.p) > 0 {
		c := s.p[0]
		s.p = s.p[1:]
		switch {
		case c == '"':
			return string(out), utf8.Valid(out) // RFC 8259 8.1
		case c != '\\':
			out = append(out, c)
			continue
		}
		r, ok := s.escaped()
		if !ok {
			return "", false
		}
		out = utf8.AppendRune(out, r)
	}
	return "", false
}

// escaped reads what follows a backslash.
func (s *jsonScanner) escaped() (rune, bool) {
	if len(s.p) == 0 {
		return 0, false
	}
	c := s.p[0]
	s.p = s.p[1:]
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
		return s.unicode()
	}
	return 0, false
}

// unicode reads four hexadecimal digits, or two groups of them that are one
// character.
func (s *jsonScanner) unicode() (rune, bool) {
	high, ok := s.hex()
	if !ok || !utf16.IsSurrogate(high) {
		return high, ok
	}
	if len(s.p) < 6 || s.p[0] != '\\' || s.p[1] != 'u' {
		return utf8.RuneError, true
	}
	s.p = s.p[2:]
	low, ok := s.hex()
	return utf16.DecodeRune(high, low), ok
}

func (s *jsonScanner) hex() (rune, bool) {
	if len(s.p) < 4 {
		return 0, false
	}
	v, err := strconv.ParseUint(string(s.p[:4]), 16, 16)
	s.p = s.p[4:]
	return rune(v), err == nil
}
