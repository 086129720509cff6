package trace

import "strconv"

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
