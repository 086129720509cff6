package lockorder

import (
	"go/ast"
	"go/types"
	"maps"
	"slices"
	"sort"
	"strings"
)

// Nesting is one lock taken while another is held, with a way there.
type Nesting struct {
	Held, Taken string
	Way         []string // "function (file:line)": where the first is held, then each call, then where the second is taken
}

// taking is a lock that a function takes, directly or through calls, after
// giving up what its callers hold.
type taking struct{ lock, given string }

// step is how a function comes to take a lock: itself, or through a callee.
type step struct {
	event event
	to    node
	next  taking
}

// Locks returns the names of all mutexes that the program declares.
func (p *Program) Locks() []string {
	found := map[string]bool{}
	for _, f := range p.files {
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if lock, _ := p.lock(call); lock != "" {
					found[lock] = true
				}
			}
			return true
		})
	}
	return slices.Sorted(maps.Keys(found))
}

// Nestings returns every pair of locks of which one may be taken while the other
// is held, once each.
func (p *Program) Nestings() []Nesting {
	events := p.events()
	takes := p.takes(events)
	found := map[[2]string]Nesting{}
	for _, f := range p.order(events) {
		for _, e := range events[f] {
			for t, s := range reached(e, takes) {
				for held, n := range e.held {
					key := [2]string{held, t.lock}
					if n <= 0 || slices.Contains(split(t.given), held) {
						continue
					}
					way := p.way(f, s, takes)
					if old, ok := found[key]; !ok || len(way) < len(old.Way) {
						found[key] = Nesting{Held: held, Taken: t.lock, Way: way}
					}
				}
			}
		}
	}
	all := slices.Collect(maps.Values(found))
	sort.Slice(all, func(i, j int) bool { return all[i].Held+" "+all[i].Taken < all[j].Held+" "+all[j].Taken })
	return all
}

// events walks all functions, until what each leaves taken is known.
func (p *Program) events() map[node][]event {
	effect := map[node]locks{}
	all := map[node][]event{}
	for range 4 {
		next := map[node]locks{}
		for f, body := range p.bodies {
			all[f], next[f] = p.walk(body, effect)
			maps.DeleteFunc(next[f], func(_ string, n int) bool { return n == 0 })
		}
		effect = next
	}
	return all
}

// takes finds, to a fixed point, what each function takes.
func (p *Program) takes(events map[node][]event) map[node]map[taking]step {
	takes := map[node]map[taking]step{}
	order := p.order(events)
	for changed := true; changed; {
		changed = false
		for _, f := range order {
			if takes[f] == nil {
				takes[f] = map[taking]step{}
			}
			for _, e := range events[f] {
				for t, s := range reached(e, takes) {
					t.given = given(e.held, t.given)
					if _, ok := takes[f][t]; !ok {
						takes[f][t] = s
						changed = true
					}
				}
			}
		}
	}
	return takes
}

// reached is what one event takes.
func reached(e event, takes map[node]map[taking]step) map[taking]step {
	if e.lock != "" {
		return map[taking]step{{lock: e.lock}: {event: e}}
	}
	all := map[taking]step{}
	for _, f := range e.callees {
		for t := range takes[f] {
			all[t] = step{event: e, to: f, next: t}
		}
	}
	return all
}

// given adds what the function itself gave up before an event, and leaves out
// what it holds itself.
func given(held locks, inner string) string {
	var list []string
	for l, n := range held {
		if n < 0 {
			list = append(list, l)
		}
	}
	for _, l := range split(inner) {
		if held[l] == 0 {
			list = append(list, l)
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func split(list string) []string { return strings.Fields(list) }

// way writes the calls from a function to where the lock is taken.
func (p *Program) way(f node, s step, takes map[node]map[taking]step) (way []string) {
	for range 40 {
		way = append(way, p.name(f)+" ("+p.at(s.event.pos)+")")
		if s.to == nil {
			return way
		}
		f, s = s.to, takes[s.to][s.next]
	}
	return way
}

// order is the functions as they stand in the source, so that every run reports
// the same.
func (p *Program) order(events map[node][]event) []node {
	list := slices.Collect(maps.Keys(events))
	sort.Slice(list, func(i, j int) bool { return pos(list[i]) < pos(list[j]) })
	return list
}

func pos(f node) int {
	switch f := f.(type) {
	case *types.Func:
		return int(f.Pos())
	case *ast.FuncLit:
		return int(f.Pos())
	}
	return 0
}
