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
	var b bytes.Buffer
	b.WriteByte('{')
	for i, arg := range a {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:", arg.Name)
		if arg.Number {
			b.WriteString(arg.Value)
		} else {
			fmt.Fprintf(&b, "%q", arg.Value)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads such an object.
func (a *Args) UnmarshalJSON(p []byte) error {
	*a = nil
	d := json.NewDecoder(bytes.NewReader(p))
	d.UseNumber()
	if _, err := d.Token(); err != nil {
		return err
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
		_, isNumber := value.(json.Number)
		*a = append(*a, Arg{fmt.Sprint(name), fmt.Sprint(value), isNumber})
	}
	_, err := d.Token()
	return err
}
