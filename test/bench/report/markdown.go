package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Markdown writes two tables for each link: what was reached with the ratios
// of the first subject to the others, and what it took.
func Markdown(w io.Writer, groups []*Group, order []string, about map[string]string) {
	for _, link := range links(groups) {
		fmt.Fprintf(w, "\n### %s\n\n", link)
		if text := about[link]; text != "" {
			fmt.Fprintf(w, "%s.\n\n", text)
		}
		of := slices.DeleteFunc(slices.Clone(groups), func(g *Group) bool { return g.Link != link })
		reached(w, of, order)
		fmt.Fprintln(w)
		took(w, of, order)
	}
}

func links(groups []*Group) (names []string) {
	for _, g := range groups {
		if !slices.Contains(names, g.Link) {
			names = append(names, g.Link)
		}
	}
	return names
}

func line(w io.Writer, cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }

func heading(w io.Writer, cells []string) {
	line(w, cells)
	fmt.Fprintln(w, "|"+strings.Repeat("---|", len(cells)))
}

// reached has a row for each work: the results, then the ratios.
func reached(w io.Writer, groups []*Group, order []string) {
	cells := append([]string{"work"}, order...)
	for _, name := range order[1:] {
		cells = append(cells, order[0]+" / "+name)
	}
	heading(w, cells)
	for _, g := range groups {
		cells := []string{g.title()}
		for _, name := range order {
			cells = append(cells, g.of(name, Row.result))
		}
		for _, name := range order[1:] {
			cells = append(cells, g.of(name, func(r Row) string { return g.against(order[0], r) }))
		}
		line(w, cells)
	}
}

// took has latencies and CPU time, and what else is known.
func took(w io.Writer, groups []*Group, order []string) {
	cells := []string{"p50 / p99, CPU of process / machine"}
	heading(w, append(cells, order...))
	for _, g := range groups {
		cells := []string{g.title()}
		for _, name := range order {
			cells = append(cells, g.of(name, Row.cost))
		}
		line(w, cells)
	}
}

// title is the work with its unit.
func (g *Group) title() string {
	s := g.Rows[0].Samples[0]
	unit := s.Unit
	if s.Latency {
		unit = "p50"
	}
	return fmt.Sprintf("%s, %s", g.Work, unit)
}

// of is a cell about a subject, empty without it.
func (g *Group) of(subject string, cell func(Row) string) string {
	i := slices.IndexFunc(g.Rows, func(r Row) bool { return r.Subject == subject })
	if i < 0 {
		return ""
	}
	return cell(g.Rows[i])
}

func (r Row) result() string {
	s := r.spread(Sample.Result)
	show := number
	if r.Samples[0].Latency {
		show = duration
	}
	return fmt.Sprintf("%s (%s..%s)", show(s.Median), show(s.Min), show(s.Max))
}

func (g *Group) against(first string, r Row) string {
	i := slices.IndexFunc(g.Rows, func(r Row) bool { return r.Subject == first })
	if i < 0 {
		return ""
	}
	s := Ratio(g.Rows[i], r)
	return fmt.Sprintf("**%.2f** (%.2f..%.2f)", s.Median, s.Min, s.Max)
}

func (r Row) cost() string {
	median := func(of func(Sample) float64) float64 { return r.Median(of) }
	var parts []string
	if p50 := median(func(s Sample) float64 { return float64(s.P50) }); p50 > 0 {
		parts = append(parts, duration(p50)+" / "+duration(median(func(s Sample) float64 { return float64(s.P99) })))
	}
	if cpu := median(func(s Sample) float64 { return s.Process }); cpu > 0 {
		parts = append(parts, number(cpu)+" / "+number(median(func(s Sample) float64 { return s.Machine })))
	}
	if more := r.besides(); more != "" {
		parts = append(parts, more)
	}
	return strings.Join(parts, ", ")
}
