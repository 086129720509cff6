// Package sysctl holds a stack's settings under Linux's names and with Linux's
// defaults. Each module declares its own beside the code that reads them; a
// read is one atomic load.
package sysctl

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// ErrUnknown is returned for a name that nobody declared. It unwraps to ENOENT.
var ErrUnknown = fmt.Errorf("unknown setting: %w", syscall.ENOENT)

// value is what stands behind a name.
type value interface {
	parse(text string) error
	String() string
}

// Registry maps names to settings.
type Registry struct {
	mu     sync.Mutex
	values map[string]value
}

// New returns an empty registry.
func New() *Registry { return &Registry{values: map[string]value{}} }

func (r *Registry) add(name string, v value) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, twice := r.values[name]; twice {
		panic("sysctl: " + name + " declared twice")
	}
	r.values[name] = v
}

func (r *Registry) get(name string) (value, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.values[strings.ReplaceAll(name, "/", ".")]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, ErrUnknown)
	}
	return v, nil
}

// Set parses text into the setting called name, as sysctl -w does. Errors:
// ErrUnknown, or EINVAL for a text that does not fit.
func (r *Registry) Set(name, text string) error {
	v, err := r.get(name)
	if err != nil {
		return err
	}
	if err := v.parse(strings.TrimSpace(text)); err != nil {
		return fmt.Errorf("%s = %q: %w", name, text, err)
	}
	return nil
}

// Get returns the setting called name as text.
func (r *Registry) Get(name string) (string, error) {
	v, err := r.get(name)
	if err != nil {
		return "", err
	}
	return v.String(), nil
}

// Names returns all names in order.
func (r *Registry) Names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := make([]string, 0, len(r.values))
	for n := range r.values {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Int is a whole number within limits.
type Int struct {
	v        atomic.Int64
	min, max int64
}

// Int declares a whole number; values outside [min, max] are refused.
func (r *Registry) Int(name string, def, min, max int64) *Int {
	s := &Int{min: min, max: max}
	s.v.Store(def)
	r.add(name, s)
	return s
}

// Get returns the number.
func (s *Int) Get() int { return int(s.v.Load()) }

// Bool returns whether the number is not zero.
func (s *Int) Bool() bool { return s.v.Load() != 0 }

func (s *Int) String() string { return strconv.FormatInt(s.v.Load(), 10) }

func (s *Int) parse(text string) error {
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil || n < s.min || n > s.max {
		return fmt.Errorf("want a number from %d to %d: %w", s.min, s.max, syscall.EINVAL)
	}
	s.v.Store(n)
	return nil
}

// Bool declares a switch, 0 or 1.
func (r *Registry) Bool(name string, def bool) *Int {
	n := int64(0)
	if def {
		n = 1
	}
	return r.Int(name, n, 0, 1)
}

// Vector is a fixed count of numbers, as tcp_rmem (min, default, max).
type Vector struct {
	v atomic.Pointer[[]int]
}

// Vector declares a vector; its length is that of def.
func (r *Registry) Vector(name string, def ...int) *Vector {
	s := &Vector{}
	s.v.Store(&def)
	r.add(name, s)
	return s
}

// Get returns element i.
func (s *Vector) Get(i int) int { return (*s.v.Load())[i] }

func (s *Vector) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(*s.v.Load()), " ", "\t"), "[]")
}

func (s *Vector) parse(text string) error {
	fields := strings.Fields(text)
	old := *s.v.Load()
	if len(fields) != len(old) {
		return fmt.Errorf("want %d numbers: %w", len(old), syscall.EINVAL)
	}
	v := make([]int, len(old))
	for i, f := range fields {
		n, err := strconv.Atoi(f)
		if err != nil || n < 0 {
			return fmt.Errorf("want whole numbers: %w", syscall.EINVAL)
		}
		v[i] = n
	}
	s.v.Store(&v)
	return nil
}

// String is a text that must pass a check.
type String struct {
	v     atomic.Pointer[string]
	check func(string) error
}

// String declares a text; check may be nil.
func (r *Registry) String(name, def string, check func(string) error) *String {
	s := &String{check: check}
	s.v.Store(&def)
	r.add(name, s)
	return s
}

// Func declares a setting that somebody else keeps, as text.
func (r *Registry) Func(name string, get func() string, set func(string) error) {
	r.add(name, &funcValue{get, set})
}

type funcValue struct {
	get func() string
	set func(string) error
}

func (f *funcValue) String() string { return f.get() }

func (f *funcValue) parse(text string) error { return f.set(text) }

// Get returns the text.
func (s *String) Get() string { return *s.v.Load() }

// String returns the text.
func (s *String) String() string { return s.Get() }

func (s *String) parse(text string) error {
	if s.check != nil {
		if err := s.check(text); err != nil {
			return errors.Join(err, syscall.EINVAL)
		}
	}
	s.v.Store(&text)
	return nil
}
