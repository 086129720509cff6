package cc

import (
	"slices"
	"strings"
)

// Registry finds algorithms by the names of TCP_CONGESTION. It belongs to a
// stack; it is not safe for changes while connections are made.
type Registry struct {
	byName map[string]func() Algorithm
	ecn    map[string]bool // those that need ECN
}

// NewRegistry returns a registry that knows "bbr", "cubic", "dctcp" and "reno".
func NewRegistry() *Registry {
	r := &Registry{byName: map[string]func() Algorithm{}, ecn: map[string]bool{}}
	r.Register("reno", func() Algorithm { return NewReno() })
	r.Register("cubic", func() Algorithm { return NewCubic() })
	r.Register("bbr", func() Algorithm { return NewBBR() })
	r.Register("dctcp", func() Algorithm { return NewDCTCP() })
	return r
}

// Register enters a constructor under a name, replacing what was there.
func (r *Registry) Register(name string, make func() Algorithm) {
	r.byName[name] = make
	u, ok := make().(ECNUser)
	r.ecn[name] = ok && u.NeedsECN()
}

// New returns a fresh algorithm, or nil if there is none of that name.
func (r *Registry) New(name string) Algorithm {
	if make := r.byName[name]; make != nil {
		return make()
	}
	return nil
}

// Names returns the known names in order, separated by blanks, as
// net.ipv4.tcp_available_congestion_control shows them.
func (r *Registry) Names() string {
	names := make([]string, 0, len(r.byName))
	for name := range r.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}
