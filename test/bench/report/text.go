package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// header are the columns of a table; the last ones compare the first subject
// of a group with this one.
var header = []string{"link", "work", "subject", "result", "spread", "p50", "p99", "CPU process", "machine", "others", "stolen", "ratio", "spread", "besides"}

// Text writes the table for a terminal.
func Text(w io.Writer, groups []*Group, order []string) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	writeCells(t, header)
	for _, g := range groups {
		g.sort(order)
		for i, r := range g.Rows {
			c := g.cells(r)
			if i > 0 {
				c[0], c[1] = "", ""
			}
			writeCells(t, c)
		}
	}
	t.Flush()
}

func writeCells(w io.Writer, cells []string) {
	for _, c := range cells {
		fmt.Fprintf(w, "%s\t", c)
	}
	fmt.Fprintln(w)
}

// cells are the fields of a row.
func (g *Group) cells(r Row) []string {
	s := r.Samples[0]
	rate := r.spread(func(s Sample) float64 { return s.Rate })
	c := []string{g.Link, g.Work, r.Subject, fmt.Sprintf("%s %s", number(rate.Median), s.Unit), fmt.Sprintf("%s..%s", number(rate.Min), number(rate.Max)),
		duration(r.Median(func(s Sample) float64 { return float64(s.P50) })), duration(r.Median(func(s Sample) float64 { return float64(s.P99) })),
		number(r.Median(func(s Sample) float64 { return s.Process })), number(r.Median(func(s Sample) float64 { return s.Machine })),
		percent(r.Median(func(s Sample) float64 { return s.Others })), percent(r.Median(func(s Sample) float64 { return s.Stolen }))}
	return append(append(c, g.ratioCells(r)...), r.besides())
}

// besides lists the medians of further results.
func (r Row) besides() string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(r.Samples[0].Extra)) {
		list = append(list, fmt.Sprintf("%s %s", number(r.Median(func(s Sample) float64 { return s.Extra[name] })), name))
	}
	return strings.Join(list, ", ")
}

func (g *Group) ratioCells(r Row) []string {
	first := g.Rows[0]
	if r.Subject == first.Subject {
		return []string{"", ""}
	}
	ratio := Ratio(first, r)
	what := ""
	if r.Samples[0].Latency {
		what = " of p50"
	}
	return []string{fmt.Sprintf("%.2f%s", ratio.Median, what), fmt.Sprintf("%.2f..%.2f", ratio.Min, ratio.Max)}
}

func percent(part float64) string { return fmt.Sprintf("%.0f%%", 100*part) }

// number has three digits that count.
func number(v float64) string {
	switch {
	case v == 0:
		return "-"
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 100:
		return fmt.Sprintf("%.1f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

func duration(ns float64) string {
	if ns == 0 {
		return "-"
	}
	d := time.Duration(ns)
	switch {
	case d < 10*time.Microsecond:
		return fmt.Sprintf("%.2fus", ns/1e3)
	case d < time.Millisecond:
		return fmt.Sprintf("%.0fus", ns/1e3)
	case d < time.Second:
		return fmt.Sprintf("%.2fms", ns/1e6)
	}
	return fmt.Sprintf("%.2fs", ns/1e9)
}
