package trace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Arg is one named argument of an event.
type Arg struct {
	Name, Value string
	Number      bool
}

// Args are an event's arguments in the catalogue's order. In JSON they are one
// object.
type Args []Arg

func word(name, value string) Arg { return Arg{Name: name, Value: value} }

func number(name string, v uint32) Arg {
	return Arg{Name: name, Value: strconv.FormatUint(uint64(v), 10), Number: true}
}

// Get returns an argument's value, "" if there is none of that name.
func (a Args) Get(name string) string {
	for i := range a {
		if a[i].Name == name {
			return a[i].Value
		}
	}
	return ""
}

// Uint returns an argument's value as a number, 0 if it is none.
func (a Args) Uint(name string) uint64 {
	n, _ := strconv.ParseUint(a.Get(name), 10, 64)
	return n
}

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

func appendString(b []byte, s string) []byte {
	p, _ := json.Marshal(s) // a string has a form in JSON
	return append(b, p...)
}

// UnmarshalJSON reads such an object.
func (a *Args) UnmarshalJSON(p []byte) error {
	*a = nil
	d := json.NewDecoder(bytes.NewReader(p))
	d.UseNumber()
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return fmt.Errorf("trace: arguments are an object, not %s", p)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		value, err := d.Token()
		if err != nil {
			return err
		}
		switch v := value.(type) {
		case json.Number:
			*a = append(*a, Arg{fmt.Sprint(name), v.String(), true})
		case string:
			*a = append(*a, Arg{fmt.Sprint(name), v, false})
		default:
			return fmt.Errorf("trace: argument %v is neither a number nor a word", name)
		}
	}
	_, err := d.Token()
	return err
}
