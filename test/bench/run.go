package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/slankdev/ministack/test/bench/ceiling"
	"github.com/slankdev/ministack/test/bench/link"
	"github.com/slankdev/ministack/test/bench/report"
	"github.com/slankdev/ministack/test/bench/work"
)

// bench measures everything: a round of all subjects, then the next round, one
// work on one link after the other, so that each comparison is between
// neighbours in time.
func bench(o *options) error {
	var samples []report.Sample
	for _, l := range o.links {
		for _, w := range o.works {
			s, err := compare(o, l, w)
			samples = append(samples, s...)
			if err != nil {
				return err
			}
		}
	}
	if !o.json {
		fmt.Println()
		report.Text(os.Stdout, report.Groups(samples), o.order())
	}
	return nil
}

func (o *options) order() (labels []string) {
	for _, c := range o.subjects {
		labels = append(labels, c.label)
	}
	return labels
}

// compare measures all subjects at one work on one link.
func compare(o *options, l link.Spec, w work.Work) (samples []report.Sample, err error) {
	if w.Skip != nil && w.Skip(l) != "" {
		fmt.Fprintf(os.Stderr, "%v %s: not measured: %s\n", l, w.Name, w.Skip(l))
		return nil, nil
	}
	for round := range o.rounds {
		for _, c := range o.subjects {
			if !c.can(l, w) {
				continue
			}
			m := measurement{o: o, link: l, work: w, subject: c, round: round}
			s, err := m.run()
			if err != nil {
				return samples, fmt.Errorf("%v %s, %s: %w", l, w.Name, c.label, err)
			}
			samples = append(samples, s)
			o.tell(s)
		}
	}
	return samples, nil
}

// can reports whether a subject has anything to do there.
func (c contender) can(l link.Spec, w work.Work) bool {
	return c.name != "ceiling" || ceiling.Has(l, w)
}

// tell shows progress, or the sample itself.
func (o *options) tell(s report.Sample) {
	if o.json {
		_ = json.NewEncoder(os.Stdout).Encode(s)
		return
	}
	fmt.Fprintf(os.Stderr, "%s %s round %d: %s %.3g %s\n", s.Link, s.Work, s.Round+1, s.Subject, s.Rate, s.Unit)
}

// profile is the file for the CPU profile of a subject, "" without profiles.
func (m *measurement) profile() string {
	if m.o.profiles == "" {
		return ""
	}
	name := strings.NewReplacer("/", "-", "=", "-").Replace(fmt.Sprintf("%v.%s.%s.%d.prof", m.link, m.work.Name, m.subject.label, m.round+1))
	return filepath.Join(m.o.profiles, name)
}
