// Package report turns samples into tables: medians, and ratios with their
// spread over the rounds.
package report

import (
	"cmp"
	"slices"
	"time"
)

// Sample is what one measurement gave.
type Sample struct {
	Link    string  `json:"link"`
	Work    string  `json:"work"`
	Subject string  `json:"subject"`
	Round   int     `json:"round"`
	Unit    string  `json:"unit"`
	Rate    float64 `json:"rate"`
	Latency bool    `json:"latency,omitempty"` // the median time is the result
	Less    bool    `json:"less,omitempty"`    // less of the rate is better

	P50 time.Duration `json:"p50,omitempty"`
	P99 time.Duration `json:"p99,omitempty"`
	// Process and Machine are CPU seconds for a GB, or for a million
	// operations where bytes are not what counts.
	Process float64 `json:"process_cpu"`
	Machine float64 `json:"machine_cpu"`
	Stolen  float64 `json:"stolen"` // part of the machine's time that its hypervisor gave to others, 0 to 1
	// Others is the part that neither process had: softirqs, and whoever
	// else was awake.
	Others float64            `json:"others"`
	Extra  map[string]float64 `json:"extra,omitempty"`
}

// Result is the figure that subjects are compared by.
func (s Sample) Result() float64 {
	if s.Latency {
		return float64(s.P50)
	}
	return s.Rate
}

// Spread is a median with the smallest and the largest of the rounds.
type Spread struct{ Median, Min, Max float64 }

// SpreadOf sums up values; the zero Spread without any.
func SpreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	v := slices.Sorted(slices.Values(values))
	m := v[len(v)/2]
	if len(v)%2 == 0 {
		m = (v[len(v)/2-1] + v[len(v)/2]) / 2
	}
	return Spread{Median: m, Min: v[0], Max: v[len(v)-1]}
}

// Row is what one subject did of one work on one link.
type Row struct {
	Subject string
	Samples []Sample
}

// Median returns the median of a figure.
func (r Row) Median(of func(Sample) float64) float64 { return r.spread(of).Median }

func (r Row) spread(of func(Sample) float64) Spread {
	var v []float64
	for _, s := range r.Samples {
		v = append(v, of(s))
	}
	return SpreadOf(v)
}

// Group are the rows of one work on one link; the first subject is compared
// with the others.
type Group struct {
	Link, Work string
	Rows       []Row
}

// Groups sorts samples into groups, in the order of their first appearance.
func Groups(samples []Sample) (groups []*Group) {
	for _, s := range samples {
		i := slices.IndexFunc(groups, func(g *Group) bool { return g.Link == s.Link && g.Work == s.Work })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &Group{Link: s.Link, Work: s.Work})
		}
		groups[i].add(s)
	}
	return groups
}

func (g *Group) add(s Sample) {
	i := slices.IndexFunc(g.Rows, func(r Row) bool { return r.Subject == s.Subject })
	if i < 0 {
		i = len(g.Rows)
		g.Rows = append(g.Rows, Row{Subject: s.Subject})
	}
	g.Rows[i].Samples = append(g.Rows[i].Samples, s)
}

// Ratio compares the result of row a with that of row b, round by round: what
// the machine did in a round happened to both.
func Ratio(a, b Row) Spread {
	var v []float64
	for _, x := range a.Samples {
		for _, y := range b.Samples {
			if x.Round == y.Round && y.Result() != 0 {
				v = append(v, x.Result()/y.Result())
			}
		}
	}
	return SpreadOf(v)
}

// less orders subjects as their names are given.
func (g *Group) sort(order []string) {
	slices.SortStableFunc(g.Rows, func(a, b Row) int {
		return cmp.Compare(slices.Index(order, a.Subject), slices.Index(order, b.Subject))
	})
}
